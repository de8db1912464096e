/** What clients of one simulated partition were told, and so what its log must and may hold. Test process. */
import assert from 'node:assert/strict';
import type { LogConfig } from '../../../src/config/log-config.js';

/** A batch as a client sent it. Its records' values are `<name>.<place in the batch>` and padding. */
export interface SentBatch {
  readonly name: string;
  readonly count: number;
  readonly producer: SimProducer | null;
  readonly baseSequence: number;
  readonly bytes: Buffer;
  readonly timestampMs: number;
  /** `open`: on its way, or nobody knows. `refused`: certainly not stored. `gone`: looked for after a crash, not there. */
  fate: 'open' | 'acknowledged' | 'refused' | 'gone';
  /** Sent once without an answer that says whether it was stored: a later refusal says nothing about that. */
  isUncertain: boolean;
  /** The node's life in which it was last sent. */
  life: number;
  inFlight: boolean;
}

export interface SimProducer {
  readonly id: number;
  nextSequence: number;
  /** Not known to be stored, oldest first: they are sent again, in this order, before anything new. */
  readonly open: SentBatch[];
  /** The last ones that were stored: a broker remembers five. */
  readonly stored: { readonly batch: SentBatch; readonly baseOffset: number }[];
}

export interface LogEntry {
  readonly batch: SentBatch;
  readonly place: number;
}

export class PartitionModel {
  readonly batches = new Map<string, SentBatch>();
  /** What is known to lie at an offset, by acknowledgements and reads. */
  readonly at = new Map<number, LogEntry>();
  readonly producers: SimProducer[] = [];
  /** The highest that was ever shown of each; what is on the disk stays there, whether it is known or not. */
  durableEnd = 0;
  shownEnd = 0;
  /** As it was shown last. */
  private flushedEnd = 0;
  /** Deleted by a client who was told so. */
  deletedTo = 0;
  /** Offsets whose bytes were made to rot: they may be refused, and at the end of a log, go. */
  readonly rotten = new Set<number>();
  /** Since when more than the process may have been lost: only what was flushed is sure to be there. */
  powerLost = false;
  /** Its log was opened anew and was not looked through since. */
  toVerify = true;
  acknowledgedRecords = 0;
  hasRotted = false;
  /** False once the log may have stamped records with a time of its own. */
  keepsTimestamps: boolean;
  /** The smallest segments that its topic ever asked for: a batch that was longer may have been refused unheard. */
  segmentBytesLeast: number;

  constructor(
    readonly label: string,
    public config: LogConfig,
  ) {
    this.keepsTimestamps = config.timestampType === 'CreateTime';
    this.segmentBytesLeast = config.segmentBytesMax;
  }

  /** A client was told that the batch begins at `baseOffset`. */
  acknowledged(batch: SentBatch, baseOffset: number): void {
    if (batch.fate !== 'acknowledged') this.acknowledgedRecords += batch.count;
    batch.fate = 'acknowledged';
    batch.inFlight = false;
    for (let place = 0; place < batch.count; place++) this.put(baseOffset + place, { batch, place });
  }

  /** A client was told that the batch was not stored. */
  refused(batch: SentBatch): void {
    if (!batch.isUncertain) batch.fate = 'refused';
  }

  /** Nobody answers any more. */
  unanswered(): void {
    for (const batch of this.batches.values()) {
      if (batch.inFlight) batch.isUncertain = true;
      batch.inFlight = false;
    }
  }

  private put(offset: number, entry: LogEntry): void {
    const held = this.at.get(offset);
    if (held !== undefined && (held.batch !== entry.batch || held.place !== entry.place)) {
      assert.fail(
        `inconsistent: ${this.label} offset ${offset} held ${held.batch.name}.${held.place} and holds ${entry.batch.name}.${entry.place}`,
      );
    }
    this.at.set(offset, entry);
  }

  /** A reader found the record at `offset`. */
  saw(offset: number, value: string): void {
    const dot = value.lastIndexOf('.');
    const batch = this.batches.get(value.slice(0, dot));
    const place = Number.parseInt(value.slice(dot + 1), 10);
    if (batch === undefined) assert.fail(`phantom: ${this.label} offset ${offset} holds ${value}, which nobody sent`);
    if (batch.fate === 'refused' || batch.fate === 'gone') {
      assert.fail(`came back: ${this.label} offset ${offset} holds ${value}, which was ${batch.fate}`);
    }
    this.put(offset, { batch, place });
  }

  /** The board shows this now. */
  shown(flushedEnd: number, highWatermark: number, logStart: number): void {
    if (!this.powerLost) {
      // A start after a kill waits for no disk, and may know less of it than the life before.
      const knownEnd = this.config.flush === 'never' && this.toVerify ? 0 : this.flushedEnd;
      assert.ok(flushedEnd >= knownEnd, `went back: ${this.label} flushed end ${knownEnd} -> ${flushedEnd}`);
      assert.ok(
        highWatermark >= this.shownEnd,
        `went back: ${this.label} high watermark ${this.shownEnd} -> ${highWatermark}`,
      );
    }
    assert.ok(logStart >= this.deletedTo, `went back: ${this.label} log start ${this.deletedTo} -> ${logStart}`);
    this.flushedEnd = flushedEnd;
    this.durableEnd = Math.max(this.durableEnd, flushedEnd);
    this.shownEnd = Math.max(this.shownEnd, highWatermark);
  }

  /** The log was recovered and ends at `end`; what the model knew behind it must have been allowed to go. */
  recovered(end: number, logStart: number): void {
    const knownEnd = Math.max(0, ...[...this.at.keys()].map((offset) => offset + 1));
    const required = Math.max(this.powerLost ? this.durableEnd : knownEnd, this.powerLost ? 0 : this.shownEnd);
    for (let offset = end; offset < required; offset++) {
      if (this.rotten.has(offset)) continue;
      assert.fail(`lost: ${this.label} was recovered up to ${end}, ${required} was safe`);
    }
    assert.ok(
      logStart >= this.deletedTo,
      `undeleted: ${this.label} starts at ${logStart}, deleted to ${this.deletedTo}`,
    );
    const lostProducers = new Set<SimProducer>();
    for (const [offset, { batch }] of [...this.at]) {
      if (offset < end) continue;
      this.at.delete(offset);
      if (batch.fate === 'acknowledged') {
        batch.fate = 'gone';
        if (batch.producer !== null) lostProducers.add(batch.producer);
      }
    }
    // Their acknowledged sequences are gone: real ones would be told so and begin anew.
    for (const producer of lostProducers) this.retire(producer);
    for (const offset of [...this.rotten]) if (offset >= end) this.rotten.delete(offset);
    this.durableEnd = Math.min(this.durableEnd, end);
    this.shownEnd = Math.min(this.shownEnd, end);
    this.powerLost = false;
    this.toVerify = true;
  }

  retire(producer: SimProducer): void {
    const index = this.producers.indexOf(producer);
    if (index >= 0) this.producers.splice(index, 1);
  }

  /** Everything from `start` to `end` was read; what was sent before this life and not found is nowhere. */
  wasReadWhole(start: number, end: number, refused: ReadonlySet<number>, life: number): void {
    const found = new Set<SentBatch>();
    for (let offset = start; offset < end; offset++) {
      const entry = this.at.get(offset);
      if (entry !== undefined) found.add(entry.batch);
      else if (!refused.has(offset)) assert.fail(`hole: ${this.label} offset ${offset} was not served`);
    }
    for (const batch of this.batches.values()) {
      if (batch.fate !== 'open' || batch.inFlight || batch.life === life || found.has(batch)) continue;
      // An idempotent producer may still send it again; in front of the log start nobody can see it.
      if (batch.producer === null && start === 0 && refused.size === 0) batch.fate = 'gone';
    }
    this.toVerify = false;
  }
}
