/**
 * Of idempotent producers, what was refused for want of room and has not come again. Shard and main thread.
 *
 * Where a small batch fits that was sent behind one that did not, a producer that the log does not know yet would begin with the
 * small one, and the other be out of order for ever. So whatever comes behind a refused batch is refused until all in front of
 * it have come, in whatever order a client sends them again.
 */
import { baseSequenceOf, lastOffsetDeltaOf, producerEpochOf, producerIdOf } from './record-batch.js';

/** Sequences count from 0 to this, and then from 0 again. */
const SEQUENCES = 2 ** 31;
/** Producers that never come again must not fill the memory; the longest silent ones go first. */
const PRODUCERS_MAX = 10_000;

/** Base sequences of batches. */
interface Refused {
  readonly epoch: number;
  /** The one that is to come next. */
  next: number;
  /** The last one that was refused; who comes behind it is free again. */
  last: number;
}

export class RefusedBatches {
  private readonly producers = new Map<number, Refused>();

  get isEmpty(): boolean {
    return this.producers.size === 0;
  }

  /** The batch whose header lies in `bytes` at `at` was refused; nothing happens where its producer is not idempotent. */
  note(bytes: Uint8Array, at: number): void {
    const producerId = producerIdOf(bytes, at);
    if (producerId < 0) return;
    const epoch = producerEpochOf(bytes, at);
    const sequence = baseSequenceOf(bytes, at);
    const known = this.producers.get(producerId);
    if (known?.epoch === epoch) {
      if (isBefore(sequence, known.next)) known.next = sequence;
      if (isBefore(known.last, sequence)) known.last = sequence;
      return;
    }
    this.producers.delete(producerId);
    this.producers.set(producerId, { epoch, next: sequence, last: sequence });
    if (this.producers.size <= PRODUCERS_MAX) return;
    for (const oldest of this.producers.keys()) {
      this.producers.delete(oldest);
      break;
    }
  }

  /** True where the batch is to be refused as well, which is noted; where it is the next to come, what is behind it is next. */
  mustWait(bytes: Uint8Array, at: number): boolean {
    const producerId = producerIdOf(bytes, at);
    if (producerId < 0) return false;
    const known = this.producers.get(producerId);
    if (known === undefined) return false;
    if (producerEpochOf(bytes, at) !== known.epoch) {
      // It has given up what was refused, and begun anew.
      this.producers.delete(producerId);
      return false;
    }
    const sequence = baseSequenceOf(bytes, at);
    // Of an earlier batch, which is a repetition, this decides nothing.
    if (isBefore(sequence, known.next)) return false;
    if (sequence !== known.next) {
      if (isBefore(known.last, sequence)) known.last = sequence;
      return true;
    }
    known.next = (sequence + lastOffsetDeltaOf(bytes, at) + 1) % SEQUENCES;
    if (isBefore(known.last, known.next)) this.producers.delete(producerId);
    return false;
  }
}

function isBefore(a: number, b: number): boolean {
  return (a - b + SEQUENCES) % SEQUENCES > SEQUENCES / 2;
}
