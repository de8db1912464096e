/** What became of each record that a share group has before it in one partition (KIP-932): a window of ranges, from the first that is not over to the last that was ever acquired. Pure; main thread. */
import { assert } from '../../base/assert.js';
import type { ErrorName } from '../../base/error-code.js';
import type { Offset } from '../../base/units.js';

/** As they are stored; `acquired` never is. */
export const AVAILABLE = 0;
export const ACQUIRED = 1;
export const ACKNOWLEDGED = 2;
export const ARCHIVED = 4;
type DeliveryState = typeof AVAILABLE | typeof ACQUIRED | typeof ACKNOWLEDGED | typeof ARCHIVED;

/** As clients send them. */
export const GAP = 0;
export const ACCEPT = 1;
export const RELEASE = 2;
export const REJECT = 3;
export const RENEW = 4;

/** A range of records that have gone the same way; both ends belong to it. */
export interface StateBatch {
  readonly firstOffset: Offset;
  readonly lastOffset: Offset;
  readonly deliveryState: number;
  /** How often they were given to somebody. */
  readonly deliveryCount: number;
}

export interface AcquiredRecords {
  readonly firstOffset: Offset;
  readonly lastOffset: Offset;
  readonly deliveryCount: number;
}

export interface AcknowledgementBatch {
  readonly firstOffset: Offset;
  readonly lastOffset: Offset;
  /** One for all, or one for each offset. */
  readonly acknowledgeTypes: readonly number[];
}

/** For whom acquired records are kept, and how many of them still are. One for each acquisition. */
export interface AcquisitionLock {
  readonly memberId: string;
  held: number;
}

export interface Acknowledged {
  readonly error: 'NONE';
  /** For {@link ShareWindow.replay}. */
  readonly changes: readonly StateBatch[];
  /** What its member wants to keep for longer. */
  readonly renewals: readonly { readonly firstOffset: Offset; readonly lastOffset: Offset }[];
}

export interface NotAcknowledged {
  readonly error: Exclude<ErrorName, 'NONE'>;
  readonly message: string;
}

/** Read over for nothing without a second thought: another round trip would cost more. */
const HOLE_RECORDS = 50;

interface Range {
  first: Offset;
  last: Offset;
  state: DeliveryState;
  count: number;
  /** Where it is acquired. */
  lock: AcquisitionLock | null;
}

const isOver = (state: number): boolean => state === ACKNOWLEDGED || state === ARCHIVED;

/**
 * The ranges lie side by side from `startOffset` to `endOffset`, and no two neighbours are alike:
 *
 *   over and done with │ acquired  │ available │ acknowledged │ acquired │ not looked at yet
 *                      │ by a, 1st │ 2 so far  │              │ by b, 1st│
 *                      startOffset                                      endOffset
 *
 * So what was read as a whole costs one object, however many records it has. Durable state changes by `replay` alone;
 * what is acquired is in memory only, and available again after a crash.
 */
export class ShareWindow {
  private readonly ranges: Range[] = [];
  private over = 0;

  constructor(private start: Offset) {}

  get startOffset(): Offset {
    return this.start;
  }

  /** The first offset that nobody was given yet. */
  get endOffset(): Offset {
    const { length } = this.ranges;
    return length === 0 ? this.start : this.ranges[length - 1].last + 1;
  }

  /** Records from the start on that are over and done with. */
  get deliveryCompleteCount(): number {
    return this.over;
  }

  /** Records that are acquired, or were and are available again. */
  get inFlight(): number {
    return this.endOffset - this.start - this.over;
  }

  /** Ranges that the window consists of: what it costs. */
  get size(): number {
    return this.ranges.length;
  }

  /**
   * From where to where records could be acquired next; null where there are none. Others in between are read for nothing:
   * a few, and never more of them than there are available ones. New ones, up to `logEnd`, are begun while fewer than `inFlightMax`
   * are under way.
   */
  next(logEnd: Offset, inFlightMax: number): { readonly offset: Offset; readonly upTo: Offset } | null {
    const { endOffset } = this;
    const growthEnd = Math.min(logEnd, endOffset + inFlightMax - this.inFlight);
    const mayGrow = growthEnd > endOffset;
    let offset: Offset = -1;
    let upTo: Offset = -1;
    let available = 0;
    for (const { first, last, state } of this.ranges) {
      if (state !== AVAILABLE) continue;
      if (offset < 0) offset = first;
      else if (first - upTo > Math.max(available, HOLE_RECORDS)) return { offset, upTo };
      upTo = last + 1;
      available += last - first + 1;
    }
    if (offset < 0) return mayGrow ? { offset: endOffset, upTo: growthEnd } : null;
    return { offset, upTo: mayGrow && endOffset - upTo <= Math.max(available, HOLE_RECORDS) ? growthEnd : upTo };
  }

  /** Gives `lock` what is available in [`from`, `upTo`), at most `recordsMax` records; the window grows up to there. */
  acquire(from: Offset, upTo: Offset, recordsMax: number, lock: AcquisitionLock): AcquiredRecords[] {
    const end = this.endOffset;
    if (upTo > end) this.growTo(Math.min(upTo, end + Math.max(0, recordsMax - this.availableIn(from, end))));
    const acquired: AcquiredRecords[] = [];
    let left = recordsMax;
    for (const { first, last, state, count } of this.ranges) {
      if (state !== AVAILABLE || last < from) continue;
      if (first >= upTo || left <= 0) break;
      const firstOffset = Math.max(first, from);
      const lastOffset = Math.min(last, upTo - 1, firstOffset + left - 1);
      acquired.push({ firstOffset, lastOffset, deliveryCount: count + 1 });
      left -= lastOffset - firstOffset + 1;
    }
    for (const { firstOffset, lastOffset } of acquired) {
      this.change(firstOffset, lastOffset, (range) => {
        range.state = ACQUIRED;
        range.count++;
        range.lock = lock;
        lock.held += range.last - range.first + 1;
      });
    }
    return acquired;
  }

  private availableIn(from: Offset, end: Offset): number {
    let count = 0;
    for (const { first, last, state } of this.ranges) {
      if (state !== AVAILABLE || last < from || first >= end) continue;
      count += Math.min(last + 1, end) - Math.max(first, from);
    }
    return count;
  }

  /** What the acknowledgements of a member come to: all of them, or none where one is wrong. */
  decideAcknowledgement(
    memberId: string,
    batches: readonly AcknowledgementBatch[],
    deliveriesMax: number,
  ): Acknowledged | NotAcknowledged {
    const changes: StateBatch[] = [];
    const renewals: { firstOffset: Offset; lastOffset: Offset }[] = [];
    let behind = -1;
    for (const batch of batches) {
      const wrong = problemOf(batch, behind);
      if (wrong !== null) return { error: 'INVALID_REQUEST', message: wrong };
      behind = batch.lastOffset;
      for (const { first, last, type } of runsOf(batch)) {
        // What lies in front of the window is over: its member may not have heard.
        const from = Math.max(first, this.start);
        if (from > last) continue;
        if (last >= this.endOffset) {
          return { error: 'INVALID_REQUEST', message: `Offset ${last} was never acquired by anybody.` };
        }
        for (let i = this.indexOf(from); i < this.ranges.length && this.ranges[i].first <= last; i++) {
          const { first: rangeFirst, last: rangeLast, state, count, lock } = this.ranges[i];
          const firstOffset = Math.max(rangeFirst, from);
          const lastOffset = Math.min(rangeLast, last);
          if (state !== ACQUIRED || lock?.memberId !== memberId) {
            return {
              error: 'INVALID_RECORD_STATE',
              message: `Offsets ${firstOffset} to ${lastOffset} are not acquired by the member.`,
            };
          }
          if (type === RENEW) renewals.push({ firstOffset, lastOffset });
          else changes.push({ firstOffset, lastOffset, ...afterAcknowledgement(type, count, deliveriesMax) });
        }
      }
    }
    return { error: 'NONE', changes, renewals };
  }

  /**
   * Gives back what is acquired under the locks that `isLost` picks. What was never `delivered`, because its member closed
   * its session in good order, does not count as a delivery.
   */
  decideRelease(isLost: (lock: AcquisitionLock) => boolean, delivered: boolean, deliveriesMax: number): StateBatch[] {
    const changes: StateBatch[] = [];
    for (const { first, last, state, count, lock } of this.ranges) {
      if (state !== ACQUIRED || lock === null || !isLost(lock)) continue;
      const after = delivered
        ? afterAcknowledgement(RELEASE, count, deliveriesMax)
        : { deliveryState: AVAILABLE, deliveryCount: count - 1 };
      changes.push({ firstOffset: first, lastOffset: last, ...after });
    }
    return changes;
  }

  /** Keeps records that `lock`'s member has for it under another lock. */
  relock(firstOffset: Offset, lastOffset: Offset, lock: AcquisitionLock): void {
    this.change(Math.max(firstOffset, this.start), lastOffset, (range) => {
      if (range.state !== ACQUIRED || range.lock === null) return;
      const records = range.last - range.first + 1;
      range.lock.held -= records;
      range.lock = lock;
      lock.held += records;
    });
  }

  /** Applies what was decided, or is read from the log: what lies between known ranges and new ones is available. */
  replay(changes: readonly StateBatch[]): void {
    for (const { firstOffset, lastOffset, deliveryState, deliveryCount } of changes) {
      if (lastOffset < this.start) continue;
      this.growTo(lastOffset + 1);
      this.change(Math.max(firstOffset, this.start), lastOffset, (range) => {
        if (range.lock !== null) range.lock.held -= range.last - range.first + 1;
        range.lock = null;
        // How it ended does not matter any more: so all that is over in one place is one range.
        range.state = isOver(deliveryState) ? ACKNOWLEDGED : AVAILABLE;
        range.count = isOver(deliveryState) ? 0 : deliveryCount;
      });
    }
    this.advance();
  }

  /** Records in front of `offset` are no more: the window begins there, or where what is over ends. */
  startAt(offset: Offset): void {
    if (offset <= this.start) return;
    let gone = 0;
    for (; gone < this.ranges.length && this.ranges[gone].first < offset; gone++) {
      const range = this.ranges[gone];
      const last = Math.min(range.last, offset - 1);
      this.forget(range, last - range.first + 1);
      if (range.last > last) {
        range.first = offset;
        break;
      }
    }
    this.ranges.splice(0, gone);
    this.start = offset;
    this.advance();
  }

  /** The log ends at `offset`: what it had behind there it has lost, and will give to other records. */
  endAt(offset: Offset): void {
    if (this.endOffset <= offset) return;
    while (this.ranges.length > 0) {
      const range = this.ranges[this.ranges.length - 1];
      if (range.last < offset) break;
      const first = Math.max(range.first, offset);
      this.forget(range, range.last - first + 1);
      if (first === range.first) this.ranges.pop();
      else range.last = first - 1;
    }
    this.start = Math.min(this.start, offset);
  }

  /** All that is to be stored of the window beside its start: what is acquired is as it was before. */
  snapshot(): StateBatch[] {
    const batches: StateBatch[] = [];
    for (const { first, last, state, count } of this.ranges) {
      const deliveryState = state === ACQUIRED ? AVAILABLE : state;
      const deliveryCount = state === ACQUIRED ? count - 1 : count;
      if (deliveryState === AVAILABLE && deliveryCount === 0) continue;
      batches.push({ firstOffset: first, lastOffset: last, deliveryState, deliveryCount });
    }
    return batches;
  }

  private forget(range: Range, records: number): void {
    if (range.lock !== null) range.lock.held -= records;
    if (isOver(range.state)) this.over -= records;
  }

  private growTo(end: Offset): void {
    const from = this.endOffset;
    if (end <= from) return;
    const tail = this.ranges.at(-1);
    if (tail?.state === AVAILABLE && tail.count === 0) tail.last = end - 1;
    else this.ranges.push({ first: from, last: end - 1, state: AVAILABLE, count: 0, lock: null });
  }

  /** Index of the range that holds `offset`, which lies in the window. */
  private indexOf(offset: Offset): number {
    let low = 0;
    let high = this.ranges.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.ranges[middle].first <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The index of the range that begins at `offset`, made by a cut where none does; `ranges.length` at the window's end. */
  private cutAt(offset: Offset): number {
    if (offset >= this.endOffset) return this.ranges.length;
    const at = this.indexOf(offset);
    const range = this.ranges[at];
    if (range.first === offset) return at;
    this.ranges.splice(at + 1, 0, { ...range, first: offset });
    range.last = offset - 1;
    return at + 1;
  }

  /** Visits exactly the records from `first` to `last`, which lie in the window, range by range. */
  private change(first: Offset, last: Offset, visit: (range: Range) => void): void {
    if (first > last) return;
    assert(first >= this.start && last < this.endOffset, 'only what lies in the window is changed');
    const from = this.cutAt(first);
    const to = this.cutAt(last + 1);
    for (let i = from; i < to; i++) {
      const range = this.ranges[i];
      const records = range.last - range.first + 1;
      if (isOver(range.state)) this.over -= records;
      visit(range);
      if (isOver(range.state)) this.over += records;
    }
    this.join(Math.max(0, from - 1), Math.min(this.ranges.length - 1, to));
  }

  /** Neighbours that are alike become one, from the range at `from` to the one at `to`. */
  private join(from: number, to: number): void {
    let kept = from;
    for (let i = from + 1; i <= to; i++) {
      const range = this.ranges[i];
      const before = this.ranges[kept];
      if (before.state === range.state && before.count === range.count && before.lock === range.lock) {
        before.last = range.last;
      } else {
        this.ranges[++kept] = range;
      }
    }
    if (to > kept) this.ranges.splice(kept + 1, to - kept);
  }

  private advance(): void {
    let gone = 0;
    for (; gone < this.ranges.length && isOver(this.ranges[gone].state); gone++) {
      const { first, last } = this.ranges[gone];
      this.over -= last - first + 1;
      this.start = last + 1;
    }
    if (gone > 0) this.ranges.splice(0, gone);
  }
}

function afterAcknowledgement(
  type: number,
  deliveryCount: number,
  deliveriesMax: number,
): { deliveryState: DeliveryState; deliveryCount: number } {
  if (type === ACCEPT) return { deliveryState: ACKNOWLEDGED, deliveryCount };
  const again = type === RELEASE && deliveryCount < deliveriesMax;
  return { deliveryState: again ? AVAILABLE : ARCHIVED, deliveryCount };
}

function problemOf({ firstOffset, lastOffset, acknowledgeTypes }: AcknowledgementBatch, behind: Offset): string | null {
  if (firstOffset < 0 || firstOffset > lastOffset) return `A batch cannot go from ${firstOffset} to ${lastOffset}.`;
  if (firstOffset <= behind) return `The batch at ${firstOffset} begins in front of where the last one ended.`;
  const { length } = acknowledgeTypes;
  if (length !== 1 && length !== lastOffset - firstOffset + 1) {
    return `A batch of ${lastOffset - firstOffset + 1} offsets cannot have ${length} acknowledge types.`;
  }
  const unknown = acknowledgeTypes.find((type) => type < GAP || type > RENEW);
  return unknown === undefined ? null : `There is no acknowledge type ${unknown}.`;
}

function* runsOf({
  firstOffset,
  lastOffset,
  acknowledgeTypes: types,
}: AcknowledgementBatch): Generator<{ first: Offset; last: Offset; type: number }> {
  if (types.length === 1) {
    yield { first: firstOffset, last: lastOffset, type: types[0] };
    return;
  }
  for (let i = 0; i < types.length; ) {
    let end = i + 1;
    while (end < types.length && types[end] === types[i]) end++;
    yield { first: firstOffset + i, last: firstOffset + end - 1, type: types[i] };
    i = end;
  }
}
