/**
 * What a data folder must still be worth after some of its bytes were damaged at rest: what `verify` says of it, what a
 * start serves, what a scrub finds, what is left after a second start and after `repair`. Test process.
 */
import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { DataDirectoryError, holdDataDirectory } from '../../../src/log/data-directory.js';
import type { EpochEndOffset } from '../../../src/log/leader-epochs.js';
import { inspectLog, type LogInspection } from '../../../src/log/log-inspection.js';
import { acceptLosses } from '../../../src/log/log-repair.js';
import type { PartitionLog } from '../../../src/log/partition-log.js';
import { BATCH_HEADER_BYTES } from '../../../src/record/batch-layout.js';
import {
  baseOffsetOf,
  computeCrc,
  crcOf,
  lastOffsetOf,
  leaderEpochOf,
  sizeOf,
} from '../../../src/record/record-batch.js';
import type { FakeFileSystem } from '../../log/fake-file-system.js';
import { append, bytesOf, checked, flush } from '../../log/testbed.js';
import {
  answersOf,
  DATA,
  type DataFolder,
  type HeldBatch,
  type HeldLog,
  type OpenFolder,
  openFolder,
} from './data-folder.js';
import { knownFrom, readByBroker } from './own-logs.js';

/** Of a batch, outside of its checksum and of no concern to its records: the leader epoch. */
const EPOCH_FROM = 12;
const EPOCH_TO = 16;
/** Without these nobody can tell whose folder it is. */
const IDENTITY_FILES = [`${DATA}/meta.properties`, `${DATA}/millrace.properties`];
const FETCH_BYTES = [1, 700, 3000, 1_000_000];

/** What has become of one log's bytes, and what may follow from it. */
export interface Harm {
  readonly log: HeldLog;
  /** Batches that are not what they were; some of them, or all, are gone from the file's end. */
  readonly hit: readonly HeldBatch[];
  /** Those that were sound, or were served as that, when the folder was left. */
  readonly fresh: readonly HeldBatch[];
  /**
   * Of a compacted log, where offsets may be missing anywhere: the batch whose base offset, which no checksum covers, is
   * another one and still fits between its neighbours; those that were at the end of a segment that is not the last, of
   * which the file ends between two batches now. Nobody can tell.
   */
  readonly unnoticed: readonly HeldBatch[];
  /**
   * Of a compacted log, in front of the last segment, which compaction leaves alone: the batch whose base offset does not fit
   * to its neighbour's any more. Which of them is right, nobody can tell.
   */
  readonly doubtful: readonly HeldBatch[];
  /** Batches of which only the leader epoch is another one. */
  readonly epochOnly: readonly HeldBatch[];
  /** Where the log ends: the batches from here on may look like a write that nobody was told of. */
  readonly end: number;
  /** Batches from here on may have been put aside, as what came behind a hole: never flushed, as far as is written down. */
  readonly asideFrom: number;
}

/** Compares the folder with what it was. */
export function harmIn(folder: DataFolder, files: FakeFileSystem): Harm[] {
  return folder.logs.map((log) => {
    const contents = new Map(
      log.batches.map(({ path }) => [path, files.exists(path) ? files.content(path) : Buffer.alloc(0)]),
    );
    const hit: HeldBatch[] = [];
    const epochOnly: HeldBatch[] = [];
    const unnoticed: HeldBatch[] = [];
    const doubtful: HeldBatch[] = [];
    const lastPath = log.batches.at(-1)?.path;
    for (const [i, batch] of log.batches.entries()) {
      const content = contents.get(batch.path) as Buffer;
      const now = content.subarray(batch.position, batch.position + batch.bytes.length);
      if (now.equals(batch.bytes)) continue;
      const endsBefore = batch.path !== lastPath && content.length === batch.position;
      if (log.spec.config.compacted) {
        const [before, behind] = [log.batches[i - 1], log.batches[i + 1]];
        if (endsBefore || isMoved(now, batch, before, behind)) unnoticed.push(batch);
        else if (batch.path !== lastPath && contradicts(now, batch, before, behind)) doubtful.push(batch);
      }
      (now.length === batch.bytes.length && isSameButEpoch(now, batch.bytes) ? epochOnly : hit).push(batch);
    }
    // What is whole from the last sound batch to the end of the log.
    const sound = log.batches.filter((batch) => !hit.includes(batch));
    const soundEnd = (sound.at(-1)?.lastOffset ?? -1) + 1;
    const tail = log.batches.find(({ baseOffset }) => baseOffset >= soundEnd);
    const end = tail === undefined ? log.answers.end : Math.max(log.recoveryPoint, tail.baseOffset);
    const isOpen = (batch: HeldBatch | undefined): boolean =>
      batch !== undefined && hit.includes(batch) && batch.baseOffset >= log.recoveryPoint;
    const isZeroed = ({ path, position, bytes }: HeldBatch): boolean =>
      (contents.get(path) as Buffer).subarray(position, position + bytes.length).includes(Buffer.alloc(24));
    let hole = log.batches.findIndex((batch) => isOpen(batch) && isZeroed(batch));
    // Batches that are damaged one behind the other are one range.
    while (isOpen(log.batches[hole - 1])) hole--;
    const asideFrom = log.batches[hole]?.baseOffset ?? Number.POSITIVE_INFINITY;
    const fresh = hit.filter((batch) => !log.wounds.includes(batch));
    return { log, hit, fresh, unnoticed, doubtful, epochOnly, end, asideFrom };
  });
}

/** Its place in the log is another one, and of that one neighbour in its segment knows better. */
function contradicts(
  now: Buffer,
  batch: HeldBatch,
  before: HeldBatch | undefined,
  behind: HeldBatch | undefined,
): boolean {
  if (!isSameButOffset(now, batch)) return false;
  const isBelow = before?.path === batch.path && baseOffsetOf(now, 0) <= before.lastOffset;
  return isBelow || (behind?.path === batch.path && lastOffsetOf(now, 0) >= behind.baseOffset);
}

function isSameButOffset(now: Buffer, { bytes }: HeldBatch): boolean {
  return now.length >= bytes.length && now.subarray(8).equals(bytes.subarray(8));
}

function isMoved(now: Buffer, batch: HeldBatch, before: HeldBatch | undefined, behind: HeldBatch | undefined): boolean {
  if (!isSameButOffset(now, batch)) return false;
  const segmentBase = Number.parseInt(batch.path.slice(batch.path.lastIndexOf('/') + 1), 10);
  const least = before?.path === batch.path ? before.lastOffset + 1 : segmentBase;
  return baseOffsetOf(now, 0) >= least && behind !== undefined && lastOffsetOf(now, 0) < behind.baseOffset;
}

function isSameButEpoch(now: Buffer, then: Buffer): boolean {
  return (
    now.subarray(0, EPOCH_FROM).equals(then.subarray(0, EPOCH_FROM)) &&
    now.subarray(EPOCH_TO).equals(then.subarray(EPOCH_TO))
  );
}

export interface Examined {
  /** Records that were acknowledged, not hit, and there. */
  readonly served: number;
  /** Why no broker starts on the folder; null where one does. */
  readonly refusal: string | null;
}

/** Rejects with an AssertionError where something is not as it must be. */
export async function examine(folder: DataFolder, damaged: FakeFileSystem): Promise<Examined> {
  const harm = harmIn(folder, damaged);
  if (harm.some(({ unnoticed }) => unnoticed.length > 0)) {
    openFolder(damaged.snapshot()).stop();
    return { served: 0, refusal: null };
  }
  const inDoubt = harm.filter(({ doubtful }) => doubtful.length > 0);
  if (inDoubt.length > 0) {
    const inspections = inspectAll(damaged.snapshot());
    for (const { log } of inDoubt) {
      assert.notEqual(inspections.get(log.name)?.lost.length, 0, `verify finds nothing wrong with ${log.name}`);
    }
    openFolder(damaged.snapshot()).stop();
    return { served: 0, refusal: null };
  }
  const damagedPaths = folder.files
    .paths()
    .filter((path) => !damaged.exists(path) || !damaged.content(path).equals(folder.files.content(path)));
  // What lies in a log's own folder is of no concern to any other log.
  const concerned = harm.filter(({ log }) =>
    damagedPaths.some((path) => dirname(path) === DATA || path.startsWith(`${DATA}/${log.name}/`)),
  );
  const mayRefuse = damagedPaths.some((path) => IDENTITY_FILES.includes(path));
  try {
    const inspections = inspectAll(damaged.snapshot());
    for (const one of harm) assertVerified(one, inspections.get(one.log.name));
    const files = damaged.snapshot();
    const opened = openFolder(files);
    for (const one of harm) assertEnds(one, opened.logs.get(one.log.name) as PartitionLog);
    for (const one of concerned) await assertReadByBroker(files, opened, one);
    const served = assertServed(files, opened, concerned, false);
    if (harm.some(({ fresh }) => fresh.length > 0)) await assertRepaired(damaged.snapshot(), concerned);
    return { served, refusal: null };
  } catch (error) {
    if (!mayRefuse || !(error instanceof DataDirectoryError)) throw error;
    assert.match(error.message, /\.$/, 'a sentence');
    return { served: 0, refusal: error.message };
  }
}

/** What `verify` finds, by the names of partitions; it changes nothing. */
function inspectAll(files: FakeFileSystem): Map<string, LogInspection> {
  const before = new Map(files.paths().map((path) => [path, files.content(path)]));
  const held = holdDataDirectory(files, DATA, false);
  const found = new Map(
    held.partitions.map((name) => [name, inspectLog(files, `${DATA}/${name}`, held.known(name), () => {})]),
  );
  held.release();
  for (const [path, content] of before) assert.ok(files.content(path).equals(content), `verify changes ${path}`);
  return found;
}

function assertVerified({ log, hit, end, asideFrom }: Harm, inspection: LogInspection | undefined): void {
  assert.ok(inspection !== undefined, `verify does not name ${log.name}`);
  const { lost, unflushed } = inspection;
  if (unflushed !== null) {
    const { startOffset } = unflushed;
    assert.ok(
      startOffset >= Math.min(asideFrom, log.answers.end) && startOffset >= log.recoveryPoint,
      `verify says that the power has taken ${log.name} from offset ${startOffset} on`,
    );
  }
  const unflushedFrom = unflushed?.startOffset ?? Number.POSITIVE_INFINITY;
  const isLost = (offset: number): boolean =>
    lost.some(({ startOffset, endOffset }) => offset >= startOffset && offset < endOffset);
  for (const batch of log.batches) {
    const { baseOffset, lastOffset } = batch;
    const wasTorn = baseOffset >= end;
    for (let offset = baseOffset; offset <= lastOffset; offset++) {
      if (hit.includes(batch))
        assert.ok(
          wasTorn || isLost(offset) || offset >= unflushedFrom,
          `verify does not find ${log.name} offset ${offset}`,
        );
      else assert.ok(!isLost(offset), `verify calls ${log.name} offset ${offset} lost`);
    }
  }
  // What came behind a hole, and nobody was told of: verify cannot know how far the log was flushed, a start does.
  const invented = lost.filter(({ startOffset }) => startOffset < log.answers.end);
  if (hit.length === 0) assert.deepEqual(invented, [], `verify calls something of ${log.name} lost`);
}

/**
 * The broker's own logs say what they said, without what was hit: nothing is made up. Where that must not be forgotten the
 * broker does not start, unless it looks like a write of which nobody was told.
 */
async function assertReadByBroker(files: FakeFileSystem, opened: OpenFolder, harm: Harm): Promise<void> {
  const { log: held, hit, end, asideFrom } = harm;
  const { own } = held.spec;
  if (own === undefined) return;
  const log = opened.logs.get(held.name) as PartitionLog;
  const found = await readByBroker(files, own, log);
  if (typeof found === 'string') {
    assert.equal(own.onDamage, 'refuse', found);
    assert.notEqual(hit.length, 0, `${held.name} is sound: ${found}`);
    return;
  }
  // Of a batch that lacks no more than zeros at its end, the next segment, which begins with such, makes a whole one.
  const mended = hit.filter(({ path, position, bytes }) => {
    const next = log.segments[log.segments.findIndex((segment) => segment.path === path) + 1];
    const read = [files.content(path), next === undefined ? Buffer.alloc(0) : files.content(next.path)];
    return Buffer.concat(read).subarray(position).subarray(0, bytes.length).equals(bytes);
  });
  const lost = hit.filter((batch) => !mended.includes(batch));
  const isForgotten = lost.some(({ baseOffset }) => baseOffset < Math.min(end, asideFrom));
  assert.ok(!isForgotten || own.onDamage === 'stepOver', `what ${held.name} has lost is forgotten`);
  const knownWithout = (gone: readonly HeldBatch[]): Promise<unknown> => {
    const left = held.batches.filter((batch) => !gone.includes(batch) && batch.baseOffset < log.logEndOffset);
    const batches = left.map(({ bytes }) => bytes);
    return knownFrom(own, batches);
  };
  if (mended.length > 0 && isDeepStrictEqual(found, await knownWithout(lost))) return;
  assert.deepEqual(found, await knownWithout(hit), `what the broker reads in ${held.name}`);
}

/** Reads, scrubs, reads, appends, stops, starts and reads again. Returns how many records were there. */
function assertServed(files: FakeFileSystem, opened: OpenFolder, harm: readonly Harm[], repaired: boolean): number {
  let records = 0;
  const appended = new Map<string, number>();
  for (const one of harm) {
    const { log: held, fresh, epochOnly } = one;
    const log = opened.logs.get(held.name) as PartitionLog;
    assertEnds(one, log);
    assertReachable(files, log, one, repaired);
    for (const { baseOffset } of log.segments.slice()) checked(files, log, baseOffset);
    records += assertExact(files, log, one, repaired);
    if (fresh.length === 0 && epochOnly.length === 0) {
      const { epochs, ...answers } = answersOf(log);
      const { epochs: epochsThen, ...then } = held.answers;
      assert.deepEqual(answers, then, `what ${held.name} answers`);
      // Of a log that was compacted, batches tell no more than where the next epoch begins now.
      for (const [epoch, { endOffset }] of epochs.entries()) assertEpochEnd(held, epoch, endOffset, epochsThen[epoch]);
    }
    const end = log.logEndOffset;
    const { baseOffset, error } = append(log, { values: ['appended after the damage'] });
    assert.equal(error, 'NONE');
    assert.equal(baseOffset, end);
    flush(files, log);
    appended.set(held.name, end);
  }
  opened.stop();
  const again = openFolder(files);
  for (const one of harm) {
    const log = again.logs.get(one.log.name) as PartitionLog;
    const at = appended.get(one.log.name) as number;
    assert.equal(log.logEndOffset, at + 1, `the end of ${one.log.name} after a stop and a start`);
    assert.ok(readLog(files, log, 1_000_000).batches.has(at), `${one.log.name}: what was appended is there`);
    assertExact(files, log, one, repaired);
  }
  again.stop();
  return records;
}

function assertEpochEnd(held: HeldLog, epoch: number, endOffset: number, then: EpochEndOffset): void {
  const behind = held.batches.find(({ bytes }) => leaderEpochOf(bytes, 0) > epoch)?.baseOffset ?? held.answers.end;
  const last = held.batches.findLast(({ bytes }) => leaderEpochOf(bytes, 0) <= epoch)?.lastOffset ?? -1;
  const isBetween = endOffset > last && endOffset <= behind;
  const isRight = endOffset === then.endOffset || (held.spec.config.compacted && isBetween);
  assert.ok(isRight, `epoch ${epoch} of ${held.name} ended at ${then.endOffset}, it says ${endOffset}`);
}

function assertEnds({ log: held, fresh, end, asideFrom }: Harm, log: PartitionLog): void {
  const least = Math.min(end, asideFrom);
  const what = `the end of ${held.name}`;
  if (fresh.length === 0) assert.equal(log.logEndOffset, held.answers.end, what);
  assert.ok(
    log.logEndOffset >= least && log.logEndOffset <= held.answers.end,
    `${what} is ${log.logEndOffset}, not ${least}`,
  );
  assert.equal(log.logStartOffset, held.answers.logStart, `the start of ${held.name}`);
}

/** Every sound batch can be asked for, at the second attempt at the latest; what is served of a hit one shows that it is. */
function assertReachable(files: FakeFileSystem, log: PartitionLog, harm: Harm, repaired: boolean): void {
  const { log: held, hit, epochOnly } = harm;
  for (const batch of held.batches) {
    const { baseOffset, lastOffset, bytes } = batch;
    if (lastOffset < log.logStartOffset || baseOffset >= Math.min(log.logEndOffset, harm.asideFrom)) continue;
    let located = log.locate(Math.max(baseOffset, log.logStartOffset), 1, log.logEndOffset, true);
    if (held.wounds.includes(batch) && !repaired) {
      assert.equal(
        located?.error,
        'CORRUPT_MESSAGE',
        `${held.name} offset ${baseOffset}, which is known to be damaged`,
      );
      continue;
    }
    if (located?.error === 'CORRUPT_MESSAGE' && harm.hit.length > 0) {
      located = log.locate(Math.max(baseOffset, log.logStartOffset), 1, log.logEndOffset, true);
    }
    const got = located === null ? Buffer.alloc(0) : bytesOf(files, located.slices);
    // A hit one that claims to reach further than it does, in front of the one asked for, shows that it is damaged as well.
    if (hit.includes(batch) || (hit.length > 0 && !isSound(got))) {
      // Whoever checks the checksum knows; nobody may get records that were never there.
      if (isSound(got) && !isFiller(got, harm, repaired)) assertTrue(got, harm);
      continue;
    }
    assert.equal(located?.error, 'NONE', `${held.name} offset ${baseOffset}`);
    if (epochOnly.includes(batch)) assert.ok(isSameButEpoch(got, bytes), `${held.name} offset ${baseOffset}`);
    else assert.ok(got.equals(bytes), `${held.name} offset ${baseOffset} is served as it was stored`);
  }
}

/** One batch, of which the checksum is right. */
function isSound(bytes: Buffer): boolean {
  const isWhole = bytes.length >= BATCH_HEADER_BYTES && bytes.length === sizeOf(bytes, 0);
  return isWhole && computeCrc(bytes, 0, bytes.length) === crcOf(bytes, 0);
}

/** The batch is one that was stored, as it was stored. */
function assertTrue(batch: Buffer, { log, epochOnly }: Harm): void {
  const baseOffset = baseOffsetOf(batch, 0);
  const then = log.batches.find((one) => one.baseOffset === baseOffset);
  const isTrue =
    then !== undefined && (then.bytes.equals(batch) || (epochOnly.includes(then) && isSameButEpoch(batch, then.bytes)));
  assert.ok(isTrue, `${log.name} serves something else at ${baseOffset}`);
}

/** All that is sound is served byte for byte, and nothing else; what is not is refused. Returns the number of its records. */
function assertExact(files: FakeFileSystem, log: PartitionLog, harm: Harm, repaired: boolean): number {
  const { log: held, hit, asideFrom } = harm;
  const end = Math.min(held.answers.end, harm.end, asideFrom);
  let records = 0;
  for (const fetchBytes of FETCH_BYTES) {
    const { batches, refused } = readLog(files, log, fetchBytes);
    if (repaired) assert.deepEqual([...refused], [], `${held.name} refuses nothing after a repair`);
    for (const batch of batches.values())
      if (baseOffsetOf(batch, 0) < end && !isFiller(batch, harm, repaired)) assertTrue(batch, harm);
    records = 0;
    for (const batch of held.batches) {
      const { baseOffset, lastOffset } = batch;
      if (lastOffset < log.logStartOffset || baseOffset >= end) continue;
      const isThere = batches.has(baseOffset) && !isFiller(batches.get(baseOffset) as Buffer, harm, repaired);
      assert.equal(isThere, !hit.includes(batch), `${held.name} offset ${baseOffset}, fetched by ${fetchBytes}`);
      for (let offset = baseOffset; isThere && offset <= lastOffset; offset++) {
        assert.ok(!refused.has(offset), `${held.name} offset ${offset} is refused`);
      }
      if (isThere) records += lastOffset - baseOffset + 1;
    }
  }
  return records;
}

/** An empty batch that repair has put into the place of what was given up; compaction leaves such as well. */
function isFiller(batch: Buffer, { log }: Harm, repaired: boolean): boolean {
  return repaired && batch.length === BATCH_HEADER_BYTES && !log.batches.some(({ bytes }) => bytes.equals(batch));
}

/** Reads all of the log in fetches, as a consumer would that steps over what is refused. */
function readLog(
  files: FakeFileSystem,
  log: PartitionLog,
  fetchBytes: number,
): { batches: Map<number, Buffer>; refused: Set<number> } {
  const batches = new Map<number, Buffer>();
  const refused = new Set<number>();
  for (let offset = log.logStartOffset; offset < log.logEndOffset; ) {
    const located = log.locate(offset, fetchBytes, log.logEndOffset, true);
    if (located === null || located.error !== 'NONE') {
      refused.add(offset++);
      continue;
    }
    const bytes = bytesOf(files, located.slices);
    const before = offset;
    for (let at = 0; at + BATCH_HEADER_BYTES <= bytes.length; ) {
      const batch = bytes.subarray(at, at + sizeOf(bytes, at));
      assert.equal(computeCrc(batch, 0, batch.length), crcOf(batch, 0), `a damaged batch is served at ${offset}`);
      batches.set(baseOffsetOf(batch, 0), batch);
      offset = lastOffsetOf(batch, 0) + 1;
      at += batch.length;
    }
    assert.ok(offset > before, `no progress at ${offset}`);
  }
  return { batches, refused };
}

/** `repair --accept-loss`, and then nothing is lost and nothing refused. */
async function assertRepaired(files: FakeFileSystem, harm: readonly Harm[]): Promise<void> {
  for (const inspection of inspectAll(files).values()) {
    if (inspection.lost.length > 0) acceptLosses(files, inspection, 5);
  }
  for (const { directory, lost } of inspectAll(files).values())
    assert.deepEqual(lost, [], `${directory} after a repair`);
  const opened = openFolder(files);
  for (const { log } of harm) {
    const { own } = log.spec;
    const found = own && (await readByBroker(files, own, opened.logs.get(log.name) as PartitionLog));
    assert.notEqual(typeof found, 'string', `${log.name} is refused after a repair: ${found}`);
  }
  assertServed(files, opened, harm, true);
}
