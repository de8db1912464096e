/** One partition on the main thread: its handle, who waits for it, and where its recent readers stand. */
import { Crowd } from '../base/crowd.js';
import type { FileRecords } from '../base/file-slice.js';
import { NEVER_SCRUBBED, type ScrubProgress } from '../base/segment-check.js';
import type { FilePosition, Offset } from '../base/units.js';
import type { Uuid } from '../base/uuid.js';
import type { LogDirectory } from '../log/log-directories.js';
import type { RefusedBatches } from '../record/refused-batches.js';
import type { OpenRequest } from '../ring/commands.js';
import type { ShardReply } from '../ring/completions.js';
import type { WatermarkRow } from '../ring/watermarks.js';
import type { PartitionHandle, PartitionState, ReadResult, Traffic } from './partitions.js';

const PLACES_MAX = 8;
const RUNS_MAX = 32;

/** Where in the files an offset begins: learnt from the board or from a located read. */
export interface Place {
  offset: Offset;
  segmentBase: Offset;
  position: FilePosition;
}

/** What a fetch of `offset` with `maxBytes` is answered with, located before it came. */
export interface Run {
  readonly offset: Offset;
  readonly maxBytes: number;
  readonly records: FileRecords;
  /** Where those runs end that were located with this one: what follows is to be located once this one is fetched; null while others are left. */
  readonly behind: Readonly<Place> | null;
}

/** What the shard looks for as readers wait for it: all that want the same share it. */
export interface Sought {
  readonly offset: Offset;
  readonly maxBytes: number;
  /** By the clock that never goes back. */
  readonly sinceMs: number;
  result: Promise<ReadResult>;
}

/** The runs that are being located, and read into memory, for who will come. */
export interface Locating {
  readonly offset: Offset;
  readonly maxBytes: number;
  /** The offset behind them; that of the first one while the shard has not answered. */
  upTo: Offset;
  done: Promise<void>;
}

export class PartitionEntry implements PartitionHandle {
  state: PartitionState = 'opening';
  /** Its folder has another name, and its slot is free. */
  isUnseated = false;
  /** The folder of log.dirs that it lives in; a sentence where that is not there: then no shard knows the partition. */
  home: LogDirectory | string;
  readonly traffic: Traffic = { appendedBytes: 0, readBytes: 0, firstEndOffset: -1 };
  readonly listeners = new Crowd<() => void>();
  /** Settled when the partition was online for the first time, or could not be opened. */
  opened: Promise<void> = Promise.resolve();
  /** How far its segments have been checked. */
  scrub: ScrubProgress = NEVER_SCRUBBED;
  /** As the board had it when somebody last read: what was located before it changed may lead into damage. */
  damagedRanges = 0;
  /** Batches that were refused before they came to the shard, as the disk was full; null while nobody has to wait for one. */
  refused: RefusedBatches | null = null;
  /** What the shard's present thread answers, or has answered, to being asked to open it. */
  opening: Promise<ShardReply> | null = null;
  /** A few places where readers are expected next: a reader at the tail, or going through the log, asks the shard nothing. */
  private readonly places: Place[] = [];
  private nextPlace = 0;
  /** In order of location; the oldest go first. */
  private readonly runs = new Map<Offset, Run>();
  /** How often places and runs were forgotten: what was asked for before must not be remembered behind it. */
  timesForgotten = 0;
  /** In the order in which the shard was asked. */
  readonly sought: Sought[] = [];
  locating: Locating | null = null;
  /** Who goes through the log was last found to be where memory has forgotten it. */
  readsFromDisk = false;

  constructor(
    readonly shard: number,
    readonly slot: number,
    public spec: OpenRequest,
    home: LogDirectory | string,
    /** As the catalogue has it: the folder's id, null for the one with the catalogue. */
    readonly cataloguedIn: Uuid | null,
  ) {
    this.home = home;
  }

  get logDirectory(): string | null {
    return typeof this.home === 'string' ? null : this.home.path;
  }

  get topic(): string {
    return this.spec.topic;
  }

  get topicId(): string {
    return this.spec.topicId;
  }

  get index(): number {
    return this.spec.index;
  }

  get directory(): string {
    return this.spec.directory;
  }

  /** Where `offset` begins, if from there to the high watermark there are bytes of one segment, no more than `maxBytes`, and sound. */
  tailFrom(offset: Offset, maxBytes: number, row: WatermarkRow): Readonly<Place> | null {
    if (row.damagedRanges > 0) return null;
    for (const place of this.places) {
      if (place.offset !== offset || place.segmentBase !== row.segmentBase) continue;
      const length = row.position - place.position;
      return length > 0 && length <= maxBytes ? place : null;
    }
    return null;
  }

  rememberPlace(offset: Offset, segmentBase: Offset, position: FilePosition): void {
    for (const place of this.places) {
      if (place.offset !== offset) continue;
      place.segmentBase = segmentBase;
      place.position = position;
      return;
    }
    if (this.places.length < PLACES_MAX) {
      this.places.push({ offset, segmentBase, position });
      return;
    }
    const place = this.places[this.nextPlace++ % PLACES_MAX];
    place.offset = offset;
    place.segmentBase = segmentBase;
    place.position = position;
  }

  runAt(offset: Offset, maxBytes: number): Run | null {
    const run = this.runs.get(offset);
    return run !== undefined && run.maxBytes === maxBytes ? run : null;
  }

  soughtAt(offset: Offset, maxBytes: number): Sought | null {
    for (const one of this.sought) if (one.offset === offset && one.maxBytes === maxBytes) return one;
    return null;
  }

  rememberRun(run: Run): void {
    this.runs.delete(run.offset);
    this.runs.set(run.offset, run);
    if (this.runs.size <= RUNS_MAX) return;
    const [oldest] = this.runs.keys();
    this.runs.delete(oldest);
  }

  /** What was located in files that others have replaced still holds, but the new ones are smaller. */
  forgetRuns(): void {
    this.runs.clear();
  }

  /** After a shard's death or a storage error files may have been cut; damage that has come to light must not be served. */
  forgetPlaces(): void {
    this.timesForgotten++;
    this.places.length = 0;
    this.runs.clear();
  }
}
