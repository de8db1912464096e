/** What a log remembers of its idempotent producers, so that a batch sent twice is stored once. Lives on shards (KIP-98). */
import type { ErrorName } from '../base/error-code.js';
import type { Offset } from '../base/units.js';
import {
  baseSequenceOf,
  isControl,
  lastOffsetDeltaOf,
  lastOffsetOf,
  maxTimestampOf,
  producerEpochOf,
  producerIdOf,
} from '../record/record-batch.js';

/** Clients keep at most five batches in flight, so five are enough to know a repetition. */
export const BATCHES_KEPT = 5;
export const SEQUENCE_MAX = 0x7fffffff;
export const NO_COORDINATOR_EPOCH = -1;
const NO_EPOCH = -1;

export interface ProducerBatch {
  firstSequence: number;
  lastSequence: number;
  lastOffset: Offset;
  /** lastOffset - offsetDelta is the batch's base offset. */
  offsetDelta: number;
  timestampMs: number;
}

export interface Producer {
  readonly producerId: number;
  epoch: number;
  coordinatorEpoch: number;
  /** -1 while no transaction is open. */
  transactionFirstOffset: Offset;
  /** Oldest first; never more than {@link BATCHES_KEPT}. */
  batches: ProducerBatch[];
  /** False where older batches of the present epoch may be in the log that were not read: a snapshot holds only the last. */
  isComplete: boolean;
  lastUseMs: number;
}

/** Answer of {@link ProducerState.check}; 'repeated' leaves the original in `repeated`. */
export type SequenceVerdict = 'next' | 'repeated' | ErrorName;

/** The sequence of the `delta`-th record after `first`; behind 2^31 - 1 comes 0. */
export function sequenceAfter(first: number, delta: number): number {
  const sum = first + delta;
  return sum > SEQUENCE_MAX ? sum - SEQUENCE_MAX - 1 : sum;
}

export class ProducerState {
  private readonly producers = new Map<number, Producer>();
  /** As producers were before the present turn touched them; null: they were not there. */
  private readonly before = new Map<number, Producer | null>();
  /** The original of a batch that `check` called 'repeated'. */
  repeated: ProducerBatch | null = null;
  /** More about the error that `check` answered. */
  message: string | null = null;

  get size(): number {
    return this.producers.size;
  }

  all(): IterableIterator<Producer> {
    return this.producers.values();
  }

  get(producerId: number): Producer | undefined {
    return this.producers.get(producerId);
  }

  /** Takes over what a snapshot says. */
  load(producer: Producer): void {
    this.producers.set(producer.producerId, producer);
  }

  /** Decides on a batch that carries a producer id; changes nothing. */
  check(producerId: number, epoch: number, firstSequence: number, lastOffsetDelta: number): SequenceVerdict {
    this.repeated = null;
    this.message = null;
    const producer = this.producers.get(producerId);
    if (producer === undefined) return 'next';
    if (epoch < producer.epoch) {
      this.message = `Producer ${producerId} sent epoch ${epoch}, this partition knows epoch ${producer.epoch}.`;
      return 'INVALID_PRODUCER_EPOCH';
    }
    if (epoch > producer.epoch) {
      if (firstSequence === 0 || producer.epoch === NO_EPOCH) return 'next';
      this.message = `Producer ${producerId} began epoch ${epoch} with sequence ${firstSequence} instead of 0.`;
      return 'OUT_OF_ORDER_SEQUENCE_NUMBER';
    }
    const lastSequence = sequenceAfter(firstSequence, lastOffsetDelta);
    for (let i = producer.batches.length - 1; i >= 0; i--) {
      const batch = producer.batches[i];
      if (batch.firstSequence === firstSequence && batch.lastSequence === lastSequence) {
        this.repeated = batch;
        return 'repeated';
      }
    }
    const previous = producer.batches.at(-1);
    if (previous === undefined || firstSequence === sequenceAfter(previous.lastSequence, 1)) return 'next';
    this.message = `Producer ${producerId} sent sequence ${firstSequence}, the one after ${previous.lastSequence} was due.`;
    return 'OUT_OF_ORDER_SEQUENCE_NUMBER';
  }

  /** Remembers a batch that was accepted, or that was found in the log: its header lies in `bytes` at `at`, offsets stamped. */
  append(bytes: Uint8Array, at: number, nowMs: number): void {
    const producerId = producerIdOf(bytes, at);
    const epoch = producerEpochOf(bytes, at);
    let producer = this.producers.get(producerId);
    if (producer === undefined) {
      producer = {
        producerId,
        epoch,
        coordinatorEpoch: NO_COORDINATOR_EPOCH,
        transactionFirstOffset: -1,
        batches: [],
        isComplete: true,
        lastUseMs: nowMs,
      };
      this.producers.set(producerId, producer);
    }
    if (producer.epoch !== epoch) {
      producer.epoch = epoch;
      producer.batches.length = 0;
      producer.isComplete = true;
    }
    producer.lastUseMs = nowMs;
    // Control batches have no sequence: they only raise the epoch.
    if (isControl(bytes, at)) return;
    const batch = producer.batches.length < BATCHES_KEPT ? newBatch() : (producer.batches.shift() as ProducerBatch);
    batch.firstSequence = baseSequenceOf(bytes, at);
    batch.offsetDelta = lastOffsetDeltaOf(bytes, at);
    batch.lastSequence = sequenceAfter(batch.firstSequence, batch.offsetDelta);
    batch.lastOffset = lastOffsetOf(bytes, at);
    batch.timestampMs = maxTimestampOf(bytes, at);
    producer.batches.push(batch);
  }

  /** To be called before `append` where the turn may have to be taken back. */
  rememberBefore(producerId: number): void {
    if (this.before.has(producerId)) return;
    const producer = this.producers.get(producerId);
    this.before.set(
      producerId,
      producer === undefined ? null : { ...producer, batches: producer.batches.map((batch) => ({ ...batch })) },
    );
  }

  /** What was appended since the last call of this is there to stay. */
  keepTurn(): void {
    if (this.before.size > 0) this.before.clear();
  }

  /** Takes back everything since the last `keepTurn`. */
  undoTurn(): void {
    for (const [producerId, producer] of this.before) {
      if (producer === null) this.producers.delete(producerId);
      else this.producers.set(producerId, producer);
    }
    this.before.clear();
  }

  /** Forgets producers that were silent for `expirationMs` and have no transaction open. Returns how many. */
  expire(nowMs: number, expirationMs: number): number {
    let expired = 0;
    for (const producer of this.producers.values()) {
      if (producer.transactionFirstOffset >= 0 || nowMs - producer.lastUseMs < expirationMs) continue;
      this.producers.delete(producer.producerId);
      expired++;
    }
    return expired;
  }

  clear(): void {
    this.producers.clear();
    this.before.clear();
  }
}

function newBatch(): ProducerBatch {
  return { firstSequence: 0, lastSequence: 0, lastOffset: 0, offsetDelta: 0, timestampMs: 0 };
}
