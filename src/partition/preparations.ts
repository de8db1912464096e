/**
 * Batches that go through the side-job pool before their shard gets them: those that must be looked into although they are
 * compressed, and those that the topic wants compressed otherwise. Main thread.
 *
 * ```
 *  append  ──►  in order, per partition  ──►  a job's slab: all that waits, up to a MiB  ──►  ring
 *               │                             └ side-job pool: unfold, check, compress, in place
 *               └ what needs none of that waits behind what does: nobody's batches overtake each other
 * ```
 *
 * Slabs are shared memory and used again: what crosses the threads are verdicts, and batches only where they have grown.
 */

import type { Clock } from '../base/clock.js';
import type { Congestion } from '../base/congestion.js';
import type { Logger } from '../base/logger.js';
import {
  failedPreparation,
  needsPreparation,
  type PreparationJob,
  type PreparationOutcome,
} from '../record/batch-preparation.js';
import { Slabs } from '../ring/slabs.js';
import type { PartitionEntry } from './partition-entry.js';
import type { AppendResult } from './partitions.js';

/** Above this no socket is read, until half of it is left. */
const WAITING_BYTES_HELD = 32 * 1024 * 1024;
/** Above this batches are refused, with a code that every client retries. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024;
/** One job's worth, of one partition or of many; but at least one batch. */
const JOB_BYTES_MAX = 1024 * 1024;

type AppendDone = (result: AppendResult) => void;

export interface PreparationParts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** How many jobs may be under way: however many partitions ask, the pool's other threads are left to others. */
  readonly threads: number;
  readonly prepare: (job: PreparationJob) => Promise<PreparationOutcome[]>;
  readonly append: (entry: PartitionEntry, batch: Uint8Array, done: AppendDone) => void;
}

interface Waiting {
  readonly batch: Uint8Array;
  readonly needed: boolean;
  readonly done: AppendDone;
}

/** What one partition has in a job. */
interface Turn {
  readonly entry: PartitionEntry;
  readonly items: readonly Waiting[];
}

export class Preparations implements Congestion {
  /** Of all partitions of which anything waits or is under way. */
  private readonly queues = new Map<PartitionEntry, Waiting[]>();
  /** Those of which nothing is under way, in the order of their turns. */
  private readonly ready: PartitionEntry[] = [];
  private readonly slabs = new Slabs(JOB_BYTES_MAX);
  private jobs = 0;
  private starting = false;
  /** Of all that has not been answered or handed on. */
  private waitingBytes = 0;
  /** The part of it that is under way. */
  private begunBytes = 0;
  private held = false;
  private closing = false;
  private readonly relievedListeners: (() => void)[] = [];
  private onIdle: (() => void) | null = null;

  constructor(private readonly parts: PreparationParts) {}

  /** True while so much waits that no more should be read from sockets. */
  get congested(): boolean {
    return this.held;
  }

  /** Calls `listener` once, when that is over. */
  onRelieved(listener: () => void): void {
    this.relievedListeners.push(listener);
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
    // One by itself may be larger than that.
    if (this.waitingBytes > 0 && this.waitingBytes + batch.length > WAITING_BYTES_MAX) {
      done(refused('NOT_ENOUGH_REPLICAS', 'more is being produced than can be compressed anew; retry'));
      return true;
    }
    this.waitingBytes += batch.length;
    this.held ||= this.waitingBytes >= WAITING_BYTES_HELD;
    const item = { batch: new Uint8Array(batch), needed, done };
    if (queue !== undefined) {
      queue.push(item);
    } else {
      this.queues.set(entry, [item]);
      this.ready.push(entry);
      this.startSoon();
    }
    return true;
  }

  /** What has not been begun is refused; resolves when nothing is under way. */
  async close(): Promise<void> {
    this.closing = true;
    if (this.queues.size === 0) return;
    await new Promise<void>((resolve) => {
      this.onIdle = resolve;
    });
  }

  /** What follows in this turn of the event loop is in the first job, too. */
  private startSoon(): void {
    if (this.starting) return;
    this.starting = true;
    queueMicrotask(() => {
      this.starting = false;
      this.start();
    });
  }

  private start(): void {
    while (this.jobs < this.parts.threads && this.ready.length > 0) {
      const turns = this.nextTurns();
      this.jobs++;
      void this.run(turns);
    }
    if (this.queues.size === 0) this.onIdle?.();
  }

  /** What waits is shared out among the threads that are free, and no partition is with two of them. */
  private nextTurns(): Turn[] {
    const share = (this.waitingBytes - this.begunBytes) / (this.parts.threads - this.jobs);
    const turns: Turn[] = [];
    let bytes = 0;
    while (this.ready.length > 0 && (bytes === 0 || bytes < share)) {
      const entry = this.ready[0];
      const items = cut(this.queues.get(entry) as Waiting[], bytes);
      if (items.length === 0) break;
      this.ready.shift();
      turns.push({ entry, items });
      bytes += bytesOf(items);
    }
    this.begunBytes += bytes;
    return turns;
  }

  private async run(turns: readonly Turn[]): Promise<void> {
    const needed = turns.map(({ entry, items }) => ({ entry, items: items.filter((item) => item.needed) }));
    const bytes = needed.reduce((sum, { items }) => sum + bytesOf(items), 0);
    const slab = this.slabs.take(bytes);
    const others = this.closing ? CLOSING : AS_IT_IS;
    const outcomes = await this.prepare(needed, new Uint8Array(slab, 0, bytes));
    let next = 0;
    let at = 0;
    for (const { entry, items } of turns) {
      for (const item of items) {
        if (!item.needed) {
          this.handOn(entry, item, others, item.batch);
          continue;
        }
        const outcome = outcomes[next++];
        this.handOn(entry, item, outcome, outcome.grown ?? new Uint8Array(slab, at, outcome.length));
        at += item.batch.length;
      }
      if (this.queues.get(entry)?.length === 0) this.queues.delete(entry);
      else this.ready.push(entry);
    }
    // Appending has copied what was in it.
    this.slabs.giveBack(slab);
    this.jobs--;
    this.start();
  }

  /** One outcome for each of the batches, which end up in `slab`. */
  private async prepare(turns: readonly Turn[], slab: Uint8Array): Promise<readonly PreparationOutcome[]> {
    const items = turns.flatMap((turn) => turn.items);
    if (this.closing) return items.map(() => CLOSING);
    if (items.length === 0) return [];
    let at = 0;
    for (const { batch } of items) {
      slab.set(batch, at);
      at += batch.length;
    }
    const shares = turns.map(({ entry, items: own }) => ({
      rules: entry.spec.config,
      lengths: own.map(({ batch }) => batch.length),
    }));
    try {
      return await this.parts.prepare({ shares, nowMs: this.parts.clock.nowMs(), bytes: slab });
    } catch (error) {
      return items.map(() => failedPreparation(error));
    }
  }

  private handOn(entry: PartitionEntry, { batch: sent, done }: Waiting, outcome: Refusal, batch: Uint8Array): void {
    this.waitingBytes -= sent.length;
    this.begunBytes -= sent.length;
    if (this.held && this.waitingBytes <= WAITING_BYTES_HELD / 2) {
      this.held = false;
      for (const listener of this.relievedListeners.splice(0)) listener();
    }
    const { error, message, recordErrors } = outcome;
    if (error === 'UNKNOWN_SERVER_ERROR') {
      const { topic, index } = entry;
      this.parts.logger.error(
        { topic, partition: index, reason: message },
        'a batch could not be prepared for its topic',
      );
    }
    if (error !== 'NONE') done({ ...refused(error, message), recordErrors: recordErrors ?? undefined });
    // Its slot may be another partition's by now.
    else if (entry.state === 'removed') done(refused('UNKNOWN_TOPIC_OR_PARTITION', null));
    else this.parts.append(entry, batch, done);
  }
}

type Refusal = Pick<PreparationOutcome, 'error' | 'message' | 'recordErrors'>;

const AS_IT_IS: Refusal = { error: 'NONE', message: null, recordErrors: null };
const CLOSING: PreparationOutcome = {
  error: 'NOT_LEADER_OR_FOLLOWER',
  message: 'the broker stops',
  recordErrors: null,
  length: 0,
  grown: null,
};

/** Takes from the front of `waiting` what there is room for behind `bytes` of a job; at least one batch where that is 0. */
function cut(waiting: Waiting[], bytes: number): Waiting[] {
  let count = 0;
  for (let all = bytes; count < waiting.length; count++) {
    all += waiting[count].batch.length;
    if (all > JOB_BYTES_MAX && all > waiting[count].batch.length) break;
  }
  return waiting.splice(0, count);
}

function bytesOf(items: readonly Waiting[]): number {
  return items.reduce((sum, { batch }) => sum + batch.length, 0);
}

function refused(error: AppendResult['error'], message: string | null): AppendResult {
  return { error, message, baseOffset: -1, logAppendTimeMs: -1, logStartOffset: -1 };
}
