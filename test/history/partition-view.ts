/** One partition as all operations of a history together show it. Test process. */
import type { Report } from './checker.js';
import type { ReadAll, ReadRecord, Send } from './history.js';

interface ValueView {
  readonly send: Send;
  readonly hash: string;
  /** Place within its batch. */
  readonly place: number;
  /** Where it was read, in the order in which it was first seen there. */
  readonly offsets: number[];
}

export class PartitionView {
  readonly #values = new Map<string, ValueView>();
  /** What lies at each offset, by acknowledgements and reads alike. */
  readonly #valueAt = new Map<number, string>();
  /** Offsets at which something was read. */
  readonly #readOffsets = new Set<number>();
  readonly #sends: Send[] = [];
  #reads: ReadAll[] = [];
  #index: Map<number, number> | null = null;

  constructor(
    readonly name: string,
    private readonly report: Report,
  ) {}

  sent(send: Send): void {
    this.#sends.push(send);
    send.records.forEach((record, place) => {
      this.#values.set(record.value, { send, hash: record.hash, place, offsets: [] });
      if (send.outcome === 'ok' && send.baseOffset !== null) this.#put(send.baseOffset + place, record.value);
    });
  }

  saw(record: ReadRecord): void {
    this.#put(record.offset, record.value);
    this.#readOffsets.add(record.offset);
    const view = this.#values.get(record.value);
    if (!view) {
      this.report('phantom', this.name, `${record.value} at ${record.offset} was never sent`);
      return;
    }
    if (view.send.outcome === 'fail') {
      this.report('failed-write-read', this.name, `${record.value} at ${record.offset} was refused when it was sent`);
    }
    if (view.hash !== record.hash) {
      this.report('content', this.name, `${record.value} at ${record.offset} is not what was sent`);
    }
    if (!view.offsets.includes(record.offset)) view.offsets.push(record.offset);
  }

  #put(offset: number, value: string): void {
    const held = this.#valueAt.get(offset);
    if (held === undefined) this.#valueAt.set(offset, value);
    else if (held !== value) this.report('inconsistent-offsets', this.name, `${offset} holds ${held} and ${value}`);
  }

  readAll(read: ReadAll): void {
    const before = this.#reads.at(-1);
    this.#reads.push(read);
    read.records.forEach((record, i) => {
      if (record.offset !== i) this.report('hole', this.name, `record ${i} of the log has offset ${record.offset}`);
    });
    let next = read.records[0]?.offset ?? 0;
    for (const batch of read.batches) {
      if (batch.baseOffset !== next || batch.lastOffset - batch.baseOffset + 1 !== batch.count || batch.count < 1) {
        const header = `${batch.baseOffset}…${batch.lastOffset} with ${batch.count} records`;
        this.report('batch-arithmetic', this.name, `${header} where ${next} should begin`);
      }
      next = batch.lastOffset + 1;
    }
    if (next !== (read.records.at(-1)?.offset ?? -1) + 1) {
      this.report('batch-arithmetic', this.name, `the last batch ends before ${next}, the last record does not`);
    }
    // Reads while others write may differ in length; two of the same length are of the same log.
    if (before && before.records.length === read.records.length && before.bytesHash !== read.bytesHash) {
      this.report('re-read', this.name, `two reads of ${read.records.length} records differ in their bytes`);
    }
  }

  /** Call when all operations are in. */
  close(): void {
    const bound = this.#highestRead();
    for (const [value, view] of this.#values) {
      if (view.offsets.length > 1 && view.send.idempotent) {
        this.report('duplicate', this.name, `${value} at ${view.offsets.join(' and ')}`);
      }
      if (view.offsets.length === 0 && view.send.outcome === 'ok') {
        const offset = view.send.baseOffset === null ? null : view.send.baseOffset + view.place;
        const lost = offset !== null && offset <= bound;
        this.report(lost ? 'lost-write' : 'unseen', this.name, `${value}, acknowledged at ${offset ?? 'no offset'}`);
      }
    }
    this.#checkKept();
    this.#checkWhole();
  }

  /** What was read once is still there at the end. */
  #checkKept(): void {
    const last = this.#reads.at(-1);
    if (!last) return;
    const kept = new Set(last.records.map((record) => record.offset));
    for (const offset of this.#readOffsets) {
      if (kept.has(offset)) continue;
      this.report('lost-write', this.name, `${this.#valueAt.get(offset)} was read at ${offset} and is gone`);
    }
  }

  /** A batch is there whole or not at all, its records in their order side by side; so is each of its copies. */
  #checkWhole(): void {
    for (const send of this.#sends) {
      const seen = send.records.map(({ value }) => [...(this.#values.get(value)?.offsets ?? [])].sort((a, b) => a - b));
      const whole = seen.every(
        (offsets, place) =>
          offsets.length === seen[0].length && offsets.every((at, copy) => at === seen[0][copy] + place),
      );
      if (whole) continue;
      const places = seen.map((offsets) => offsets.join(' and ') || 'nowhere');
      this.report('torn-batch', this.name, `the batch of ${send.records[0].value} lies at ${places.join(', ')}`);
    }
  }

  /** The one offset at which the value was read; null where it was read nowhere or in several places. */
  onlyOffsetOf(value: string): number | null {
    const offsets = this.#values.get(value)?.offsets ?? [];
    return offsets.length === 1 ? offsets[0] : null;
  }

  /** Place of an offset among all that are known, so that offsets which no record ever had do not count. */
  indexOf(offset: number): number {
    const index = this.#places.get(offset);
    if (index === undefined) throw new Error(`${this.name} has no offset ${offset}`);
    return index;
  }

  /** Place of the first known offset that is not below; how many there are where all are below. */
  indexFrom(offset: number): number {
    let index = this.#places.size;
    for (const [known, place] of this.#places) if (known >= offset && place < index) index = place;
    return index;
  }

  get #places(): ReadonlyMap<number, number> {
    this.#index ??= new Map([...this.#valueAt.keys()].sort((a, b) => a - b).map((known, index) => [known, index]));
    return this.#index;
  }

  #highestRead(): number {
    let highest = -1;
    for (const offset of this.#readOffsets) if (offset > highest) highest = offset;
    return highest;
  }

  /** One more than the last offset of the last full read; null without one. */
  get finalEnd(): number | null {
    const last = this.#reads.at(-1);
    return last ? (last.records.at(-1)?.offset ?? -1) + 1 : null;
  }

  /** By the last full read, the first record that is at least as young; -1 where there is none, null without a read. */
  firstAtOrAfter(timestampMs: number): number | null {
    const last = this.#reads.at(-1);
    if (!last) return null;
    return last.records.find((record) => record.timestampMs >= timestampMs)?.offset ?? -1;
  }
}
