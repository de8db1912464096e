/**
 * Batches that go through the side-job pool before their shard gets them: those that must be looked into although they are
 * compressed, and those that the topic wants compressed otherwise. Main thread.
 *
 * ```
 *  append  ──►  in order, per partition  ──►  one job at a time: all that waits, up to a MiB  ──►  ring
 *               │                               └ side-job pool: unfold, check, compress
 *               └ what needs none of that waits behind what does: nobody's batches overtake each other
 * ```
 */
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import { needsPreparation, type PreparationJob, type PreparedBatch } from '../record/batch-preparation.js';
import type { PartitionEntry } from './partition-entry.js';
import type { AppendResult } from './partitions.js';

/** Above this no socket is read, until half of it is left. */
const WAITING_BYTES_HELD = 32 * 1024 * 1024;
/** Above this batches are refused, with a code that every client retries. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024;
/** One job's worth, so that partitions take turns; but at least one batch. */
const JOB_BYTES_MAX = 1024 * 1024;

type AppendDone = (result: AppendResult) => void;

export interface PreparationParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly prepare: (job: PreparationJob) => Promise<PreparedBatch[]>;
  readonly append: (entry: PartitionEntry, batch: Uint8Array, done: AppendDone) => void;
  /** Less waits than before. */
  readonly onRelieved: () => void;
}

interface Waiting {
  readonly batch: Uint8Array;
  readonly needed: boolean;
  readonly done: AppendDone;
}

export class Preparations {
  private readonly queues = new Map<PartitionEntry, { waiting: Waiting[]; readonly emptied: Promise<void> }>();
  private waitingBytes = 0;
  private held = false;
  private closing = false;

  constructor(private readonly parts: PreparationParts) {}

  /** True while so much waits that no more should be read from sockets. */
  get congested(): boolean {
    return this.held;
  }

  /** False where nothing keeps the batch from its shard. Else it is copied, and `done` called once, later or at once. */
  takes(entry: PartitionEntry, batch: Uint8Array, done: AppendDone): boolean {
    const queue = this.queues.get(entry);
    const needed = needsPreparation(batch, entry.spec.config);
    if (queue === undefined && !needed) return false;
    if (this.closing || this.waitingBytes + batch.length > WAITING_BYTES_MAX) {
      done(refused('NOT_ENOUGH_REPLICAS', 'more is being produced than can be compressed anew; retry'));
      return true;
    }
    const item = { batch: Uint8Array.from(batch), needed, done };
    this.waitingBytes += batch.length;
    this.held ||= this.waitingBytes >= WAITING_BYTES_HELD;
    if (queue !== undefined) {
      queue.waiting.push(item);
    } else {
      const waiting = [item];
      // What follows in this turn of the event loop is in the first job, too.
      this.queues.set(entry, { waiting, emptied: Promise.resolve().then(() => this.empty(entry)) });
    }
    return true;
  }

  /** What has not been begun is refused; resolves when nothing is under way. */
  async close(): Promise<void> {
    this.closing = true;
    await Promise.all([...this.queues.values()].map(({ emptied }) => emptied));
  }

  private async empty(entry: PartitionEntry): Promise<void> {
    const queue = this.queues.get(entry) as { waiting: Waiting[] };
    while (queue.waiting.length > 0) {
      const turn = queue.waiting.splice(0, turnLength(queue.waiting));
      const prepared = this.closing ? turn.map(() => CLOSING) : await this.prepare(entry, turn);
      for (let i = 0; i < turn.length; i++) this.handOn(entry, turn[i], prepared[i]);
    }
    this.queues.delete(entry);
  }

  /** One outcome for each of the turn's batches. */
  private async prepare(entry: PartitionEntry, turn: readonly Waiting[]): Promise<PreparedBatch[]> {
    const { clock, logger } = this.parts;
    const needed = turn.filter((item) => item.needed).map(({ batch }) => batch);
    const lengths = needed.map(({ length }) => length);
    let prepared: PreparedBatch[] = [];
    if (needed.length > 0) {
      try {
        const bytes = Buffer.concat(needed);
        prepared = await this.parts.prepare({ rules: entry.spec.config, nowMs: clock.nowMs(), bytes, lengths });
      } catch (error) {
        const { topic, index } = entry;
        logger.error({ topic, partition: index, err: error }, 'batches could not be prepared for their topic');
        prepared = needed.map(() => FAILED);
      }
    }
    let next = 0;
    return turn.map((item) => (item.needed ? prepared[next++] : { ...AS_IT_IS, batch: item.batch }));
  }

  private handOn(entry: PartitionEntry, { batch: sent, done }: Waiting, prepared: PreparedBatch): void {
    this.waitingBytes -= sent.length;
    if (this.held && this.waitingBytes <= WAITING_BYTES_HELD / 2) {
      this.held = false;
      this.parts.onRelieved();
    }
    const { error, message, recordErrors, batch } = prepared;
    if (batch === null) done({ ...refused(error, message), recordErrors: recordErrors ?? undefined });
    // Its slot may be another partition's by now.
    else if (entry.state === 'removed') done(refused('UNKNOWN_TOPIC_OR_PARTITION', null));
    else this.parts.append(entry, batch, done);
  }
}

const AS_IT_IS = { error: 'NONE', message: null, recordErrors: null } as const;
const CLOSING: PreparedBatch = {
  ...AS_IT_IS,
  error: 'NOT_LEADER_OR_FOLLOWER',
  message: 'the broker stops',
  batch: null,
};
/** A defect of ours, or no memory: Apache Kafka's word for what it did not foresee. */
const FAILED: PreparedBatch = { ...AS_IT_IS, error: 'UNKNOWN_SERVER_ERROR', batch: null };

/** How many of those that wait are done together. */
function turnLength(waiting: readonly Waiting[]): number {
  let bytes = waiting[0].batch.length;
  let count = 1;
  while (count < waiting.length && bytes + waiting[count].batch.length <= JOB_BYTES_MAX) {
    bytes += waiting[count++].batch.length;
  }
  return count;
}

function refused(error: AppendResult['error'], message: string | null): AppendResult {
  return { error, message, baseOffset: -1, logAppendTimeMs: -1, logStartOffset: -1 };
}
