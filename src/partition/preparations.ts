/**
 * Batches that go through the side-job pool before their shard gets them: those that must be looked into although they are
 * compressed, and those that the topic wants compressed otherwise. Main thread.
 *
 * ```
 *  append  ──►  in order, per partition  ──►  a thread's slab: all that waits, up to a MiB  ──►  ring
 *               │                             └ side-job pool: unfold, check, compress, in place
 *               └ what needs none of that waits behind what does: nobody's batches overtake each other
 * ```
 *
 * Slabs are shared memory and used again: what crosses the threads are verdicts, and batches only where they have grown.
 */
import fastq, { type queueAsPromised } from 'fastq';
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import { needsPreparation, type PreparationJob, type PreparationOutcome } from '../record/batch-preparation.js';
import { Slabs } from '../ring/slabs.js';
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
  /** How many jobs may be under way: however many partitions ask, the pool's other threads are left to others. */
  readonly threads: number;
  readonly prepare: (job: PreparationJob) => Promise<PreparationOutcome[]>;
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
  /** Partitions take turns. */
  private readonly turns: queueAsPromised<PartitionEntry, void>;
  private readonly slabs = new Slabs(JOB_BYTES_MAX);
  private waitingBytes = 0;
  private held = false;
  private closing = false;

  constructor(private readonly parts: PreparationParts) {
    this.turns = fastq.promise<this, PartitionEntry, void>(this, (entry) => this.takeTurn(entry), parts.threads);
  }

  /** True while so much waits that no more should be read from sockets. */
  get congested(): boolean {
    return this.held;
  }

  /** False where nothing keeps the batch from its shard. Else it is copied, and `done` called once, later or at once. */
  takes(entry: PartitionEntry, batch: Uint8Array, done: AppendDone): boolean {
    const queue = this.queues.get(entry);
    const needed = needsPreparation(batch, entry.spec.config);
    if (queue === undefined && !needed) return false;
    if (this.closing) {
      done(refused(CLOSING.error, CLOSING.message));
      return true;
    }
    if (this.waitingBytes + batch.length > WAITING_BYTES_MAX) {
      done(refused('NOT_ENOUGH_REPLICAS', 'more is being produced than can be compressed anew; retry'));
      return true;
    }
    const item = { batch: new Uint8Array(batch), needed, done };
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
    while (queue.waiting.length > 0) await this.turns.push(entry);
    this.queues.delete(entry);
  }

  private async takeTurn(entry: PartitionEntry): Promise<void> {
    const { waiting } = this.queues.get(entry) as { waiting: Waiting[] };
    const turn = waiting.splice(0, turnLength(waiting));
    const needed = turn.filter((item) => item.needed).map(({ batch }) => batch);
    const bytes = needed.reduce((sum, { length }) => sum + length, 0);
    const slab = this.slabs.take(bytes);
    const outcomes = await this.prepare(entry, needed, new Uint8Array(slab, 0, bytes));
    let next = 0;
    let at = 0;
    for (const item of turn) {
      if (!item.needed) {
        this.handOn(entry, item, AS_IT_IS, item.batch);
        continue;
      }
      const outcome = outcomes[next++];
      this.handOn(entry, item, outcome, outcome.grown ?? new Uint8Array(slab, at, outcome.length));
      at += item.batch.length;
    }
    // Appending has copied what was in it.
    this.slabs.giveBack(slab);
  }

  /** One outcome for each of the batches, which end up in `slab`. */
  private async prepare(
    entry: PartitionEntry,
    batches: readonly Uint8Array[],
    slab: Uint8Array,
  ): Promise<readonly PreparationOutcome[]> {
    const { clock, logger } = this.parts;
    if (this.closing) return batches.map(() => CLOSING);
    if (batches.length === 0) return [];
    let at = 0;
    for (const batch of batches) {
      slab.set(batch, at);
      at += batch.length;
    }
    try {
      const lengths = batches.map(({ length }) => length);
      return await this.parts.prepare({ rules: entry.spec.config, nowMs: clock.nowMs(), bytes: slab, lengths });
    } catch (error) {
      const { topic, index } = entry;
      logger.error({ topic, partition: index, err: error }, 'batches could not be prepared for their topic');
      return batches.map(() => FAILED);
    }
  }

  private handOn(entry: PartitionEntry, { batch: sent, done }: Waiting, outcome: Refusal, batch: Uint8Array): void {
    this.waitingBytes -= sent.length;
    if (this.held && this.waitingBytes <= WAITING_BYTES_HELD / 2) {
      this.held = false;
      this.parts.onRelieved();
    }
    const { error, message, recordErrors } = outcome;
    if (error !== 'NONE') done({ ...refused(error, message), recordErrors: recordErrors ?? undefined });
    // Its slot may be another partition's by now.
    else if (entry.state === 'removed') done(refused('UNKNOWN_TOPIC_OR_PARTITION', null));
    else this.parts.append(entry, batch, done);
  }
}

type Refusal = Pick<PreparationOutcome, 'error' | 'message' | 'recordErrors'>;

const AS_IT_IS: Refusal = { error: 'NONE', message: null, recordErrors: null };
const NOTHING = { recordErrors: null, length: 0, grown: null } as const;
const CLOSING: PreparationOutcome = { ...NOTHING, error: 'NOT_LEADER_OR_FOLLOWER', message: 'the broker stops' };
/** A defect of ours, or no memory: Apache Kafka's word for what it did not foresee. */
const FAILED: PreparationOutcome = { ...NOTHING, error: 'UNKNOWN_SERVER_ERROR', message: null };

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
