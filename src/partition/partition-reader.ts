/** Where records lie for those who read: what is known is answered at once, the shard is asked for the rest. Main thread. */
import type { Clock } from '../base/clock.js';
import type { ErrorName } from '../base/error-code.js';
import type { FileRecords, FileSlice } from '../base/file-slice.js';
import { isCached } from '../base/libc.js';
import { KiB, MiB, type Offset } from '../base/units.js';
import { RUNS_AHEAD } from '../ring/commands.js';
import { emptyRow, type WatermarkRow } from '../ring/watermarks.js';
import type { Locating, PartitionEntry, Place, Sought } from './partition-entry.js';
import { PATIENCE_MS, type ReadResult, type RecordsResult } from './partitions.js';
import type { SegmentFiles } from './segment-files.js';
import { segmentPath } from './segment-path.js';
import type { ShardPool } from './shard-pool.js';
import type { SideJobs } from './side-jobs.js';

const NOTHING: ReadResult = { error: 'NONE', records: null };
const NOT_ASKED: Promise<ReadResult> = Promise.resolve(NOTHING);
/** A shard that takes long is asked for no more than this of one partition. */
const SOUGHT_MAX = 64;
/** Read before it is located: no more than this of it, and a little more, where the shard looks for what follows. */
const AHEAD_BYTES_MAX = 32 * MiB;
const BEYOND_BYTES = 128 * KiB;

export interface PartitionReaderParts {
  readonly clock: Clock;
  readonly pool: Pick<ShardPool, 'board' | 'link'>;
  readonly segmentFiles: SegmentFiles;
  readonly sideJobs: Pick<SideJobs, 'readAhead'>;
  /** Says to who waits for the partition that there may be something for them. */
  tell(entry: PartitionEntry): void;
}

export class PartitionReader {
  private readonly row: WatermarkRow = emptyRow();

  constructor(private readonly parts: PartitionReaderParts) {}

  read(entry: PartitionEntry, offset: Offset, maxBytes: number): ReadResult | Promise<ReadResult> {
    return this.known(entry, offset, maxBytes) ?? this.seek(entry, offset, maxBytes);
  }

  readSoon(entry: PartitionEntry, offset: Offset, maxBytes: number): ReadResult | Promise<ReadResult> | null {
    const known = this.known(entry, offset, maxBytes);
    if (known !== null) return known;
    return this.isOverdue(entry, offset, maxBytes) ? null : this.seek(entry, offset, maxBytes);
  }

  /** What is to be answered without asking the shard; null where it must be asked. */
  private known(entry: PartitionEntry, offset: Offset, maxBytes: number): ReadResult | null {
    if (entry.state !== 'online') return { error: unavailable(entry), records: null };
    const { row } = this;
    this.parts.pool.board(entry.shard).read(entry.slot, row);
    if (offset < row.logStartOffset || offset > row.logEndOffset)
      return { error: 'OFFSET_OUT_OF_RANGE', records: null };
    if (offset >= row.highWatermark) {
      if (offset === row.highWatermark) entry.rememberPlace(offset, row.segmentBase, row.position);
      return NOTHING;
    }
    if (row.damagedRanges !== entry.damagedRanges) {
      entry.damagedRanges = row.damagedRanges;
      entry.forgetPlaces();
    }
    const place = entry.tailFrom(offset, maxBytes, row);
    if (place !== null) {
      const { segmentBase, position } = place;
      const length = row.position - position;
      entry.rememberPlace(row.highWatermark, row.segmentBase, row.position);
      const slice = { path: segmentPath(entry.directory, segmentBase), position, length };
      return { error: 'NONE', records: { byteLength: length, slices: [slice] } };
    }
    const run = entry.runAt(offset, maxBytes);
    if (run === null) return null;
    if (run.behind !== null && entry.tailFrom(run.behind.offset, maxBytes, row) === null) {
      this.locateAhead(entry, run.behind, maxBytes);
    }
    return { error: 'NONE', records: run.records };
  }

  private seek(entry: PartitionEntry, offset: Offset, maxBytes: number): Promise<ReadResult> {
    const underWay = entry.soughtAt(offset, maxBytes);
    if (underWay !== null) return underWay.result;
    const sought = { offset, maxBytes, sinceMs: this.parts.clock.monotonicMs(), result: NOT_ASKED };
    entry.sought.push(sought);
    sought.result = this.find(entry, sought);
    return sought.result;
  }

  private takesLong({ sinceMs }: Sought): boolean {
    return this.parts.clock.monotonicMs() - sinceMs >= PATIENCE_MS;
  }

  /** Who comes again and again to a shard that takes long must not leave it something more to do each time. */
  private isOverdue(entry: PartitionEntry, offset: Offset, maxBytes: number): boolean {
    const { sought } = entry;
    if (sought.length === 0 || !this.takesLong(sought[0])) return false;
    const same = entry.soughtAt(offset, maxBytes);
    return same === null ? sought.length >= SOUGHT_MAX : this.takesLong(same);
  }

  private async find(entry: PartitionEntry, sought: Sought): Promise<ReadResult> {
    const { offset, maxBytes } = sought;
    const { locating } = entry;
    try {
      if (locating !== null && isAmong(locating, offset, maxBytes)) {
        await locating.done;
        const run = entry.runAt(offset, maxBytes);
        if (run !== null) return { error: 'NONE', records: run.records };
      }
      return await this.locate(entry, sought);
    } finally {
      entry.sought.splice(entry.sought.indexOf(sought), 1);
      if (this.takesLong(sought)) this.parts.tell(entry);
    }
  }

  private async locate(entry: PartitionEntry, sought: Sought): Promise<ReadResult> {
    if (entry.state !== 'online') return { error: unavailable(entry), records: null };
    const { offset, maxBytes } = sought;
    const { timesForgotten } = entry;
    const reply = await this.parts.pool.link(entry.shard).locate(entry.slot, offset, maxBytes, false);
    if (reply.error !== 'NONE') return { error: reply.error, records: null };
    if (entry.timesForgotten !== timesForgotten) return { error: 'NOT_LEADER_OR_FOLLOWER', records: null };
    const run = reply.runs?.[0];
    if (run === undefined) return NOTHING;
    const records = recordsOf(run.slices);
    if (records.byteLength === 0) return NOTHING;
    entry.readsFromDisk = !run.slices.every((slice) => this.isInMemory(slice));
    if (run.next !== null) {
      entry.rememberPlace(run.next.offset, run.next.segmentBase, run.next.position);
      this.locateAhead(entry, run.next, maxBytes);
    }
    if (entry.readsFromDisk) await this.warm(run.slices);
    // Who waited for it may have been answered without.
    if (this.takesLong(sought) && entry.timesForgotten === timesForgotten) {
      entry.rememberRun({ offset, maxBytes, records, behind: run.next });
    }
    return { error: 'NONE', records };
  }

  async readRecords(
    entry: PartitionEntry,
    offset: Offset,
    upTo: Offset,
    limits: { readonly bytesMax: number; readonly recordsMax: number },
  ): Promise<RecordsResult> {
    if (entry.state !== 'online') return { error: unavailable(entry), records: null, endOffset: offset };
    const { timesForgotten } = entry;
    const reply = await this.parts.pool
      .link(entry.shard)
      .request(entry.slot, { kind: 'records', offset, upTo, ...limits });
    if (reply.error !== 'NONE') return { error: reply.error, records: null, endOffset: offset };
    // The log was read again meanwhile: what was found may be gone.
    if (entry.timesForgotten !== timesForgotten) {
      return { error: 'NOT_LEADER_OR_FOLLOWER', records: null, endOffset: offset };
    }
    const { slices = [], offset: endOffset = offset } = reply;
    if (slices.length === 0) return { error: 'NONE', records: null, endOffset };
    await this.warm(slices);
    return { error: 'NONE', records: recordsOf(slices), endOffset };
  }

  /** A reader who goes through the log will come back for what follows: it is located, and read into memory, meanwhile. */
  private locateAhead(entry: PartitionEntry, place: Readonly<Place>, maxBytes: number): void {
    const { offset } = place;
    if (entry.state !== 'online' || entry.locating !== null || entry.runAt(offset, maxBytes) !== null) return;
    const locating: Locating = { offset, maxBytes, upTo: offset, done: Promise.resolve() };
    locating.done = this.findAhead(entry, place, locating).finally(() => {
      entry.locating = null;
    });
    entry.locating = locating;
  }

  private async findAhead(entry: PartitionEntry, place: Readonly<Place>, locating: Locating): Promise<void> {
    const { timesForgotten } = entry;
    const { offset, maxBytes } = locating;
    const read = entry.readsFromDisk ? await this.readAhead(entry, place, maxBytes) : null;
    const { runs = [] } = await this.parts.pool.link(entry.shard).locate(entry.slot, offset, maxBytes, true);
    const behind = runs.at(-1)?.next ?? null;
    if (behind === null || entry.timesForgotten !== timesForgotten) return;
    locating.upTo = behind.offset;
    entry.rememberPlace(behind.offset, behind.segmentBase, behind.position);
    const half = (runs.length + 1) >> 1;
    let at = 0;
    for (const part of [runs.slice(0, half), runs.slice(half)]) {
      const unread = part.flatMap(({ slices }) => slices).filter((slice) => read === null || !isWithin(slice, read));
      if (await this.warm(unread)) entry.readsFromDisk = true;
      if (entry.timesForgotten !== timesForgotten) return;
      for (const { offset: from, slices } of part) {
        // Half of them are left then: the next ones are there before they are wanted.
        const isLate = at++ >= runs.length >> 1;
        entry.rememberRun({ offset: from, maxBytes, records: recordsOf(slices), behind: isLate ? behind : null });
      }
    }
  }

  /**
   * What will be located next is read first, and whether memory has it is not asked: the kernel reads on ahead, in ever larger
   * pages, of who reads one file through one descriptor, and of nobody else. A shard that looked for batches there before, or a
   * look at what is cached, would have it begin anew with small ones; and the shard would wait for the disk. 4 GiB by four
   * readers: 1.8 instead of 1.35 GB/s, and 2.4 instead of 1.55 where the kernel reads no more than 128 KiB ahead.
   */
  private async readAhead(entry: PartitionEntry, place: Readonly<Place>, maxBytes: number): Promise<FileSlice> {
    const path = segmentPath(entry.directory, place.segmentBase);
    const length = Math.min(RUNS_AHEAD * maxBytes, AHEAD_BYTES_MAX) + BEYOND_BYTES;
    const slice = { path, position: place.position, length };
    await this.readIn(slice);
    return slice;
  }

  private async readIn(slice: FileSlice): Promise<void> {
    const { segmentFiles, sideJobs } = this.parts;
    let fd: number;
    try {
      fd = segmentFiles.acquire(slice);
    } catch {
      // Who is to send it will find that out and say so.
      return;
    }
    await sideJobs.readAhead(slice.path, fd, slice.position, slice.length);
    segmentFiles.release(slice, fd);
  }

  /**
   * Sending must not wait for a disk on the main thread: what is not in the page cache is read into it elsewhere first, what lies
   * side by side in one go. True where there was something to be read.
   */
  private async warm(slices: readonly FileSlice[]): Promise<boolean> {
    const cold: FileSlice[] = [];
    for (const slice of slices) {
      if (this.isInMemory(slice)) continue;
      const last = cold.at(-1);
      if (last !== undefined && last.path === slice.path && last.position + last.length === slice.position) {
        cold[cold.length - 1] = { ...last, length: last.length + slice.length };
      } else {
        cold.push(slice);
      }
    }
    for (const slice of cold) await this.readIn(slice);
    return cold.length > 0;
  }

  /** True as well of what cannot be opened: the reply that is to carry it will find that out and say so. */
  private isInMemory(slice: FileSlice): boolean {
    const { segmentFiles } = this.parts;
    try {
      const fd = segmentFiles.acquire(slice);
      const cached = isCached(fd, slice.position, slice.length);
      segmentFiles.release(slice, fd);
      return cached;
    } catch {
      return true;
    }
  }
}

function recordsOf(slices: readonly FileSlice[]): FileRecords {
  let byteLength = 0;
  for (const slice of slices) byteLength += slice.length;
  return { byteLength, slices };
}

function isWithin(slice: FileSlice, of: FileSlice): boolean {
  return (
    slice.path === of.path && slice.position >= of.position && slice.position + slice.length <= of.position + of.length
  );
}

function isAmong(locating: Locating, offset: Offset, maxBytes: number): boolean {
  if (locating.maxBytes !== maxBytes) return false;
  return offset === locating.offset || (offset > locating.offset && offset < locating.upTo);
}

function unavailable(entry: PartitionEntry): ErrorName {
  if (entry.state === 'removed') return 'UNKNOWN_TOPIC_OR_PARTITION';
  return entry.state === 'offline' ? 'KAFKA_STORAGE_ERROR' : 'NOT_LEADER_OR_FOLLOWER';
}
