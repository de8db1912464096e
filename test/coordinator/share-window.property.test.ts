/** Whatever members do with what they are given, and wherever the broker dies: every record is delivered until it is over, to one member at a time, never beyond the limit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ACCEPT,
  ACKNOWLEDGED,
  type AcquisitionLock,
  ARCHIVED,
  AVAILABLE,
  GAP,
  REJECT,
  RELEASE,
  RENEW,
  ShareWindow,
  type StateBatch,
} from '../../src/coordinator/share/share-window.js';
import { fc } from '../property.js';

const DELIVERIES_MAX = 3;
const IN_FLIGHT_MAX = 20;
const MEMBERS = ['a', 'b', 'c'];

interface ModelRecord {
  state: 'available' | 'acquired' | 'over';
  count: number;
  /** As a crash leaves it. */
  stored: number;
  lock: AcquisitionLock | null;
}

type Step =
  | { readonly kind: 'produce'; readonly records: number }
  | { readonly kind: 'acquire'; readonly member: number; readonly records: number; readonly strict: boolean }
  | { readonly kind: 'acknowledge'; readonly member: number; readonly types: readonly number[]; readonly skip: number }
  | { readonly kind: 'expire'; readonly lock: number }
  | { readonly kind: 'close'; readonly member: number }
  | { readonly kind: 'crash'; readonly snapshot: boolean }
  | { readonly kind: 'delete'; readonly records: number };

const member = fc.nat({ max: MEMBERS.length - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('produce' as const), records: fc.integer({ min: 1, max: 12 }) }),
  fc.record({
    kind: fc.constant('acquire' as const),
    member,
    records: fc.integer({ min: 1, max: 10 }),
    strict: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('acknowledge' as const),
    member,
    types: fc.array(fc.constantFrom(GAP, ACCEPT, RELEASE, REJECT, RENEW), { minLength: 1, maxLength: 8 }),
    skip: fc.nat({ max: 3 }),
  }),
  fc.record({ kind: fc.constant('expire' as const), lock: fc.nat({ max: 5 }) }),
  fc.record({ kind: fc.constant('close' as const), member }),
  fc.record({ kind: fc.constant('crash' as const), snapshot: fc.boolean() }),
  fc.record({ kind: fc.constant('delete' as const), records: fc.integer({ min: 1, max: 5 }) }),
);

/** One window, all that was written of it, and each record by itself. */
class Run {
  window = new ShareWindow(0);
  readonly model: ModelRecord[] = [];
  readonly locks: AcquisitionLock[] = [];
  private snapshot: { start: number; batches: StateBatch[] } = { start: 0, batches: [] };
  private changes: { start: number; batches: readonly StateBatch[] }[] = [];
  private logStart = 0;

  do(step: Step): void {
    switch (step.kind) {
      case 'produce':
        for (let i = 0; i < step.records; i++) this.model.push({ state: 'available', count: 0, stored: 0, lock: null });
        return;
      case 'acquire':
        this.acquire(MEMBERS[step.member], step.records, step.strict);
        return;
      case 'acknowledge':
        this.acknowledge(MEMBERS[step.member], step.types, step.skip);
        return;
      case 'expire': {
        const lock = this.locks[step.lock % Math.max(1, this.locks.length)];
        if (lock) this.giveBack((each) => each === lock, true);
        return;
      }
      case 'close':
        this.giveBack(({ memberId }) => memberId === MEMBERS[step.member], false);
        return;
      case 'crash':
        if (step.snapshot) this.write();
        this.crash();
        return;
      case 'delete':
        this.logStart = Math.min(this.model.length, this.logStart + step.records);
        for (let offset = 0; offset < this.logStart; offset++) Object.assign(this.model[offset], OVER);
        this.window.startAt(this.logStart);
        this.changes.push({ start: this.window.startOffset, batches: [] });
        return;
    }
  }

  private acquire(memberId: string, records: number, strict: boolean): void {
    const next = this.window.next(this.model.length, IN_FLIGHT_MAX);
    const free = this.model.findIndex(({ state }) => state === 'available');
    if (next === null) {
      const mayGrow = this.window.inFlight < IN_FLIGHT_MAX && this.window.endOffset < this.model.length;
      assert.ok(!mayGrow && (free < 0 || free >= this.window.endOffset), 'what is available is found');
      return;
    }
    assert.equal(next.offset, free, 'the oldest comes first');
    const lock = { memberId, held: 0 };
    this.locks.push(lock);
    const end = Math.min(next.upTo, next.offset + records + (strict ? 0 : 2));
    const acquired = this.window.acquire(next.offset, end, strict ? records : Number.POSITIVE_INFINITY, lock);
    assert.ok(acquired.length > 0);
    let given = 0;
    for (const { firstOffset, lastOffset, deliveryCount } of acquired) {
      for (let offset = firstOffset; offset <= lastOffset; offset++) {
        const record = this.model[offset];
        assert.equal(record.state, 'available', 'nobody else has it, and it is not over');
        Object.assign(record, { state: 'acquired', count: record.count + 1, lock });
        assert.equal(record.count, deliveryCount);
        assert.ok(record.count <= DELIVERIES_MAX);
        given++;
      }
    }
    if (strict) assert.ok(given <= records);
    assert.equal(lock.held, given);
  }

  private acknowledge(memberId: string, types: readonly number[], skip: number): void {
    const own = this.model.flatMap(({ state, lock }, offset) =>
      state === 'acquired' && lock?.memberId === memberId ? [offset] : [],
    );
    const firstOffset = own[Math.min(skip, own.length - 1)] ?? 0;
    const lastOffset = firstOffset + types.length - 1;
    const decision = this.window.decideAcknowledgement(
      memberId,
      [{ firstOffset, lastOffset, acknowledgeTypes: types }],
      DELIVERIES_MAX,
    );
    const inWindow = types.map((_, i) => firstOffset + i).filter((offset) => offset >= this.window.startOffset);
    const isHis = inWindow.every((offset) => own.includes(offset));
    assert.equal(decision.error === 'NONE', isHis, decision.error);
    if (decision.error !== 'NONE') return;
    const renewed = { memberId, held: 0 };
    this.locks.push(renewed);
    for (const range of decision.renewals) this.window.relock(range.firstOffset, range.lastOffset, renewed);
    this.apply(decision.changes);
    for (const offset of inWindow) {
      const record = this.model[offset];
      const type = types[offset - firstOffset];
      if (type === RENEW) record.lock = renewed;
      else if (type === RELEASE && record.count < DELIVERIES_MAX) {
        Object.assign(record, { state: 'available', stored: record.count, lock: null });
      } else Object.assign(record, OVER);
    }
  }

  private giveBack(isLost: (lock: AcquisitionLock) => boolean, delivered: boolean): void {
    this.apply(this.window.decideRelease(isLost, delivered, DELIVERIES_MAX));
    for (const record of this.model) {
      if (record.state !== 'acquired' || record.lock === null || !isLost(record.lock)) continue;
      if (delivered && record.count >= DELIVERIES_MAX) Object.assign(record, OVER);
      else {
        const count = delivered ? record.count : record.count - 1;
        Object.assign(record, { state: 'available', count, stored: count, lock: null });
      }
    }
  }

  private apply(changes: readonly StateBatch[]): void {
    this.window.replay(changes);
    this.changes.push({ start: this.window.startOffset, batches: changes });
  }

  private write(): void {
    this.snapshot = { start: this.window.startOffset, batches: this.window.snapshot() };
    this.changes = [];
    for (const record of this.model) if (record.state === 'acquired') record.stored = record.count - 1;
  }

  private crash(): void {
    this.window = new ShareWindow(this.snapshot.start);
    this.window.replay(this.snapshot.batches);
    for (const { start, batches } of this.changes) {
      this.window.replay(batches);
      this.window.startAt(start);
    }
    this.locks.length = 0;
    for (const record of this.model) {
      if (record.state === 'acquired') Object.assign(record, { state: 'available', count: record.stored, lock: null });
    }
  }

  check(): void {
    const { window, model } = this;
    const firstLeft = model.findIndex(({ state }) => state !== 'over');
    assert.ok(
      window.startOffset <= (firstLeft < 0 ? model.length : firstLeft),
      'nothing that is not over lies in front',
    );
    const inside = model.slice(window.startOffset, window.endOffset);
    assert.equal(window.deliveryCompleteCount, inside.filter(({ state }) => state === 'over').length);
    assert.equal(window.inFlight, inside.filter(({ state }) => state !== 'over').length);
    assert.ok(window.size <= 2 * window.inFlight + 1, 'what is over costs no more than what is not');
    for (const lock of this.locks) {
      assert.equal(lock.held, model.filter((record) => record.state === 'acquired' && record.lock === lock).length);
    }
  }

  /** Everybody accepts from now on: everything is delivered in the end. */
  finish(): void {
    this.giveBack(() => true, false);
    for (;;) {
      const next = this.window.next(this.model.length, IN_FLIGHT_MAX);
      if (next === null) break;
      this.acquire('a', 10, true);
      const own = this.model.flatMap(({ state }, offset) => (state === 'acquired' ? [offset] : []));
      for (const offset of own) {
        const batch = { firstOffset: offset, lastOffset: offset, acknowledgeTypes: [ACCEPT] };
        const decision = this.window.decideAcknowledgement('a', [batch], DELIVERIES_MAX);
        assert.ok(decision.error === 'NONE');
        this.apply(decision.changes);
        Object.assign(this.model[offset], OVER);
      }
      this.check();
    }
    assert.ok(this.model.every(({ state }) => state === 'over'));
    assert.equal(this.window.startOffset, this.model.length);
  }
}

const OVER = { state: 'over', lock: null };

test('against a model of single records, with members, locks, crashes and retention', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const run = new Run();
      for (const each of steps) {
        run.do(each);
        run.check();
      }
      run.finish();
    }),
    { numRuns: 500 },
  );
});

test('a batch of records costs one range until members treat them differently', () => {
  const window = new ShareWindow(0);
  const lock = { memberId: 'a', held: 0 };
  window.acquire(0, 1000, 1000, lock);
  assert.deepEqual([window.size, lock.held, window.inFlight], [1, 1000, 1000]);
  const types = [ACCEPT, RELEASE, ACCEPT];
  const decision = window.decideAcknowledgement(
    'a',
    [
      { firstOffset: 10, lastOffset: 12, acknowledgeTypes: types },
      { firstOffset: 20, lastOffset: 29, acknowledgeTypes: [REJECT] },
    ],
    5,
  );
  assert.ok(decision.error === 'NONE');
  assert.deepEqual(
    decision.changes.map(({ firstOffset, lastOffset, deliveryState }) => [firstOffset, lastOffset, deliveryState]),
    [
      [10, 10, ACKNOWLEDGED],
      [11, 11, AVAILABLE],
      [12, 12, ACKNOWLEDGED],
      [20, 29, ARCHIVED],
    ],
  );
  window.replay(decision.changes);
  assert.equal(window.size, 7);
  assert.deepEqual([window.startOffset, window.deliveryCompleteCount, lock.held], [0, 12, 987]);
});

test('what is not a member’s, was never acquired or is said wrongly changes nothing', () => {
  const window = new ShareWindow(5);
  window.acquire(5, 15, 10, { memberId: 'a', held: 0 });
  const error = (memberId: string, ...batches: [number, number, ...number[]][]) =>
    window.decideAcknowledgement(
      memberId,
      batches.map(([firstOffset, lastOffset, ...acknowledgeTypes]) => ({ firstOffset, lastOffset, acknowledgeTypes })),
      5,
    ).error;
  assert.equal(error('a', [5, 14, ACCEPT]), 'NONE');
  assert.equal(error('a', [0, 6, ACCEPT]), 'NONE', 'what lies in front of the window is over');
  assert.equal(error('b', [5, 5, ACCEPT]), 'INVALID_RECORD_STATE');
  assert.equal(error('a', [10, 15, ACCEPT]), 'INVALID_REQUEST');
  assert.equal(error('a', [6, 5, ACCEPT]), 'INVALID_REQUEST');
  assert.equal(error('a', [5, 6, ACCEPT], [6, 7, ACCEPT]), 'INVALID_REQUEST');
  assert.equal(error('a', [5, 7, ACCEPT, ACCEPT]), 'INVALID_REQUEST');
  assert.equal(error('a', [5, 5]), 'INVALID_REQUEST');
  assert.equal(error('a', [5, 5, 5]), 'INVALID_REQUEST');
});

test('a log that lost its end takes the window with it', () => {
  const window = new ShareWindow(0);
  const lock = { memberId: 'a', held: 0 };
  window.acquire(0, 10, 10, lock);
  window.replay([{ firstOffset: 6, lastOffset: 9, deliveryState: ACKNOWLEDGED, deliveryCount: 1 }]);
  window.endAt(4);
  assert.deepEqual([window.endOffset, lock.held, window.deliveryCompleteCount], [4, 4, 0]);
  window.startAt(20);
  window.endAt(8);
  assert.deepEqual([window.startOffset, window.endOffset, window.size], [8, 8, 0]);
});
