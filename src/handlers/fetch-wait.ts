/** One fetch from its first look at the partitions until there is enough, or time is up. Main thread. */
import type { ErrorName } from '../base/error-code.js';
import type { FileRecords } from '../base/file-slice.js';
import { Later } from '../base/later.js';
import type { Deadline } from '../base/timer-wheel.js';
import { PATIENCE_MS, type PartitionHandle, type ReadResult } from '../partition/partitions.js';
import type { FetchPartition } from './fetch-sessions.js';
import type { RequestContext, Services } from './handler.js';

/** What one partition has for the consumer at this moment. */
export interface Found {
  readonly wanted: FetchPartition;
  /** null where it is not to be had. */
  readonly handle: PartitionHandle | null;
  readonly error: ErrorName;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  records: FileRecords | null;
}

export interface FetchLimits {
  readonly bytesMax: number;
  readonly minBytes: number;
  readonly maxWaitMs: number;
}

/** Shards that were asked during one look. */
interface Asking {
  readonly found: Found[];
  unanswered: number;
  /** When those that have not answered are done without. */
  patience: Deadline | null;
}

/** Who may not wait at all, and would get nothing, still waits so long for shards that were asked: as Kafka does for its disk. */
const EMPTY_HANDED_MS = 2000;

/** Without a promise of its own: a fetch at the tail is looked at, parked, and looked at again for each batch that comes. */
export class FetchWait<Answer> {
  private readonly later = new Later<Answer | null>();
  private readonly deadlineMs: number;
  private handles: PartitionHandle[] = [];
  private asking: Asking | null = null;
  /** Of how many partitions the last look does not know what they have, as their shards take long. */
  private unknown = 0;
  /** Until when a look that found nothing at all waits for them; 0 before there was one. */
  private emptyHandedUntilMs = 0;

  constructor(
    private readonly wanted: ReadonlyMap<string, FetchPartition>,
    private readonly usesTopicIds: boolean,
    private readonly limits: FetchLimits,
    private readonly context: RequestContext,
    private readonly services: Services,
    private readonly answer: (found: readonly Found[]) => Answer,
  ) {
    this.deadlineMs = services.purgatory.deadlineMs(limits.maxWaitMs);
  }

  /** The answer itself where it is there at once. */
  begin(): Answer | Later<Answer | null> {
    const found = this.lookUntilQuiet();
    return found === null ? this.later : this.answer(found);
  }

  private readonly lookAgain = (): void => {
    const found = this.lookUntilQuiet();
    if (found !== null) this.settle(found);
  };

  private settle(found: readonly Found[]): void {
    let answer: Answer;
    try {
      answer = this.answer(found);
    } catch (error) {
      this.later.reject(error);
      return;
    }
    this.later.resolve(answer);
  }

  /** What is to be answered; null where shards are being asked, or nothing has come yet: then it goes on by itself. */
  private lookUntilQuiet(): readonly Found[] | null {
    for (;;) {
      const looked = this.look();
      if (looked === null) return null;
      const verdict = this.judge(looked);
      if (verdict === 'enough') return looked;
      if (verdict === 'parked') return null;
    }
  }

  /** Looks at every wanted partition, in order; the shards that must be asked are asked at the same time, and null is said. */
  private look(): Found[] | null {
    const found: Found[] = [];
    this.handles = [];
    this.unknown = 0;
    for (const partition of this.wanted.values()) this.find(partition, found);
    const { asking } = this;
    if (asking === null) return found;
    asking.patience = this.services.purgatory.after(PATIENCE_MS, () => this.goOn(asking));
    return null;
  }

  /** One shard that stands still must not keep from the consumer what lies on others: what has been found is judged. */
  private goOn(asking: Asking): void {
    this.endAsking(asking);
    const verdict = this.judge(asking.found);
    if (verdict === 'enough') this.settle(asking.found);
    else if (verdict === 'moved') this.lookAgain();
  }

  private endAsking({ patience }: Asking): void {
    this.asking = null;
    if (patience !== null) this.services.purgatory.callOff(patience);
  }

  private judge(found: readonly Found[]): 'enough' | 'moved' | 'parked' {
    const { limits, handles, context } = this;
    const { clock, partitions, purgatory } = this.services;
    const bytes = keepWithin(found, limits.bytesMax);
    const nowMs = clock.monotonicMs();
    const isEmptyHanded = bytes === 0 && this.unknown > 0;
    if (isEmptyHanded && this.emptyHandedUntilMs === 0) this.emptyHandedUntilMs = nowMs + EMPTY_HANDED_MS;
    const leftMs = (isEmptyHanded ? Math.max(this.deadlineMs, this.emptyHandedUntilMs) : this.deadlineMs) - nowMs;
    const isEnough = bytes >= Math.min(limits.minBytes, limits.bytesMax) && !isEmptyHanded;
    if (isEnough || leftMs <= 0 || handles.length === 0) return 'enough';
    if (context.closed.aborted || purgatory.closed) return 'enough';
    for (const { error } of found) if (error !== 'NONE') return 'enough';
    // Something may have come while other partitions were being looked at: then there is nothing to wait for.
    for (let at = 0; at < found.length; at++) {
      const { records, highWatermark } = found[at];
      if (records === null && partitions.watermarks(handles[at]).highWatermark !== highWatermark) return 'moved';
    }
    purgatory.park(handles, leftMs, context.closed, this.lookAgain);
    return 'parked';
  }

  private find(wanted: FetchPartition, found: Found[]): void {
    const { usesTopicIds, handles, limits } = this;
    const { topics, partitions } = this.services;
    const topic = usesTopicIds ? topics.byId(wanted.topicId) : topics.get(wanted.topic);
    const handle = topic?.partitions[wanted.index];
    if (handle === undefined) {
      const error = topic === undefined && usesTopicIds ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION';
      found.push(failed(wanted, error));
      return;
    }
    if (handle.state !== 'online') {
      found.push(failed(wanted, handle.state === 'offline' ? 'KAFKA_STORAGE_ERROR' : 'NOT_LEADER_OR_FOLLOWER'));
      return;
    }
    handles.push(handle);
    const { highWatermark, lastStableOffset, logStartOffset, leaderEpoch } = partitions.watermarks(handle);
    if (wanted.currentLeaderEpoch >= 0 && wanted.currentLeaderEpoch !== leaderEpoch) {
      const error = wanted.currentLeaderEpoch < leaderEpoch ? 'FENCED_LEADER_EPOCH' : 'UNKNOWN_LEADER_EPOCH';
      found.push(failed(wanted, error));
      return;
    }
    // A partition may name any number, also below zero; its first batch it gets in any case (KIP-74).
    const partitionBytesMax = Math.max(0, Math.min(wanted.maxBytes, limits.bytesMax));
    const read = partitions.readSoon(handle, wanted.fetchOffset, partitionBytesMax);
    const one: Found = {
      wanted,
      handle,
      error: 'NONE',
      highWatermark,
      lastStableOffset,
      logStartOffset,
      records: null,
    };
    const at = found.push(one) - 1;
    if (read === null) this.unknown++;
    else if (read instanceof Promise) this.await(read, found, at);
    else take(found, at, read);
  }

  private await(read: Promise<ReadResult>, found: Found[], at: number): void {
    this.asking ??= { found, unanswered: 0, patience: null };
    const { asking } = this;
    asking.unanswered++;
    this.unknown++;
    read.then(
      (result) => {
        // It may have been done without.
        if (this.asking !== asking) return;
        this.unknown--;
        take(found, at, result);
        if (--asking.unanswered === 0) this.goOn(asking);
      },
      (error) => {
        if (this.asking !== asking) return;
        this.endAsking(asking);
        this.later.reject(error);
      },
    );
  }
}

function take(found: Found[], at: number, { error, records }: ReadResult): void {
  if (error === 'NONE') found[at].records = records;
  else found[at] = failed(found[at].wanted, error);
}

function failed(wanted: FetchPartition, error: ErrorName): Found {
  return { wanted, handle: null, error, highWatermark: -1, lastStableOffset: -1, logStartOffset: -1, records: null };
}

/** Drops what goes beyond the reply's size; the first partition that has something always keeps it (KIP-74). Returns the bytes kept. */
function keepWithin(found: readonly Found[], bytesMax: number): number {
  let bytes = 0;
  for (const one of found) {
    if (one.records === null) continue;
    if (bytes > 0 && bytes + one.records.byteLength > bytesMax) one.records = null;
    else bytes += one.records.byteLength;
  }
  return bytes;
}
