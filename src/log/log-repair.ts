/**
 * Takes what is lost out of a partition's folder, so that it is forgotten: readers pass over it as over records that
 * compaction has removed. Only where an operator has said so, and while no broker has the folder.
 *
 * ```
 *  before   |… batches …|### damaged ###|… batches …|
 *  after    |… batches …|E|… batches …|             E: an empty batch with all offsets that are lost, so that none is given again
 * ```
 *
 * No byte is deleted: what was damaged is copied to `<segment>.<first offset>-<offset behind>.aside` first. A crash at any
 * point leaves a folder of which the next start checks every byte: the list of damaged ranges is made unreadable before the
 * first segment changes, and written anew when the last one is done.
 */
import { dirname } from 'node:path';
import type { LeaderEpoch, Offset } from '../base/units.js';
import { emptied } from '../record/batch-filter.js';
import { encodeBatch } from '../record/record.js';
import { leaderEpochOf } from '../record/record-batch.js';
import { BatchWalk } from './batch-walk.js';
import { readTextFile } from './checkpoint.js';
import { DAMAGE_FILE, writeDamage } from './damage-record.js';
import { ASIDE_SUFFIX, type FileSystem } from './file-system.js';
import type { LogInspection, LostRange } from './log-inspection.js';
import { parseSegmentFileName, segmentFileName } from './segment-name.js';

/** What was accepted in this folder, ever: a JSON object a line. */
export const ACCEPTED_FILE = 'accepted-losses';
const OFFSET_SPAN_MAX = 0x7fffffff;
const COPY_BYTES = 1024 * 1024;
const PUT_ASIDE_SUFFIX = '.aside';

/** `aside`: where the bytes are now, null where there were none. */
export interface AcceptedLoss extends LostRange {
  readonly aside: string | null;
}

/** Forgets all that is lost according to `inspection`, which must be fresh. Throws what the disk says. */
export function acceptLosses(files: FileSystem, inspection: LogInspection, nowMs: number): AcceptedLoss[] {
  const { directory, lost } = inspection;
  if (files.mkdir(directory)) files.fsyncDirectory(dirname(directory));
  const accepted: AcceptedLoss[] = [];
  for (const range of lost) {
    const { path, startOffset, endOffset, segmentBase, position, endPosition } = range;
    if (endOffset - segmentBase > OFFSET_SPAN_MAX) {
      throw new Error(`${path}: a segment has no room for the offsets ${startOffset} to ${endOffset - 1}.`);
    }
    const aside = position < endPosition ? `${path}.${startOffset}-${endOffset}${PUT_ASIDE_SUFFIX}` : null;
    if (aside !== null) copyRange(files, path, position, endPosition, aside);
    accepted.push({ ...range, aside });
  }
  const earlier = readTextFile(files, `${directory}/${ACCEPTED_FILE}`) ?? '';
  const lines = accepted.map((loss) => `${JSON.stringify({ acceptedMs: nowMs, ...loss })}\n`);
  files.writeFileAtomically(`${directory}/${ACCEPTED_FILE}`, Buffer.from(earlier + lines.join('')));
  files.writeFileAtomically(`${directory}/${DAMAGE_FILE}`, Buffer.from('a repair is under way\n'));
  if (lost[0]?.kind === 'gone') beginAt(files, directory, lost[0].segmentBase);
  else for (const path of new Set(lost.map((range) => range.path))) rewrite(files, path, lost);
  writeDamage(files, directory, []);
  return accepted;
}

/** What is left of the log is put aside, and an empty segment says where it goes on. */
function beginAt(files: FileSystem, directory: string, offset: Offset): void {
  for (const name of files.readdir(directory)) {
    if (parseSegmentFileName(name) !== null) {
      files.rename(`${directory}/${name}`, `${directory}/${name}${PUT_ASIDE_SUFFIX}`);
    }
  }
  files.writeFileAtomically(`${directory}/${segmentFileName(offset, '.log')}`, Buffer.alloc(0));
}

/** The segment anew, with an empty batch in the place of each range of it. */
function rewrite(files: FileSystem, path: string, lost: readonly LostRange[]): void {
  const ranges = lost.filter((range) => range.path === path).sort((a, b) => a.position - b.position);
  const { size: end, mtimeMs } = files.stat(path) ?? { size: 0, mtimeMs: 0 };
  const source = files.open(path, 'read');
  const aside = path + ASIDE_SUFFIX;
  const target = files.open(aside, 'create');
  try {
    files.truncate(target, 0);
    let epoch = -1;
    let from = 0;
    let to = 0;
    for (const { position, endPosition, startOffset, endOffset } of ranges) {
      copy(files, source, from, position, target, to);
      to += position - from;
      epoch = lastEpoch(files, source, from, position) ?? epoch;
      const filler = emptyBatch(startOffset, endOffset, epoch < 0 ? (lastEpoch(files, source, 0, end) ?? 0) : epoch);
      writeAll(files, target, filler, filler.length, to);
      to += filler.length;
      from = endPosition;
    }
    copy(files, source, from, end, target, to);
    // Retention counts from it.
    files.setModified(target, mtimeMs);
    files.fdatasync(target);
  } finally {
    files.close(source);
    files.close(target);
  }
  const { directory, base } = placeOf(path);
  for (const suffix of ['.index', '.timeindex'] as const) {
    const index = `${directory}/${segmentFileName(base, suffix)}`;
    if (files.exists(index)) files.unlink(index);
  }
  files.fsyncDirectory(directory);
  files.rename(aside, path);
  files.fsyncDirectory(directory);
}

function placeOf(path: string): { directory: string; base: Offset } {
  const at = path.lastIndexOf('/');
  return { directory: path.slice(0, at), base: parseSegmentFileName(path.slice(at + 1))?.baseOffset ?? 0 };
}

function emptyBatch(startOffset: Offset, endOffset: Offset, leaderEpoch: LeaderEpoch): Buffer {
  const records = [{ value: null, offset: endOffset - 1 }];
  return emptied(encodeBatch({ records, baseOffset: startOffset, leaderEpoch }));
}

/** The leader epoch of the last batch in the range, which begins with a batch; null where there is none. */
function lastEpoch(files: FileSystem, fd: number, from: number, to: number): LeaderEpoch | null {
  const walk = new BatchWalk(files, Buffer.allocUnsafe(COPY_BYTES));
  walk.start(fd, from, to);
  let epoch: LeaderEpoch | null = null;
  while (walk.next()) epoch = leaderEpochOf(walk.bytes, walk.at);
  return epoch;
}

function copyRange(files: FileSystem, path: string, from: number, to: number, copyPath: string): void {
  const source = files.open(path, 'read');
  const target = files.open(copyPath + ASIDE_SUFFIX, 'create');
  try {
    files.truncate(target, 0);
    copy(files, source, from, to, target, 0);
    files.fdatasync(target);
  } finally {
    files.close(source);
    files.close(target);
  }
  files.rename(copyPath + ASIDE_SUFFIX, copyPath);
}

function copy(files: FileSystem, source: number, from: number, to: number, target: number, at: number): void {
  const buffer = Buffer.allocUnsafe(Math.min(COPY_BYTES, Math.max(0, to - from)));
  for (let position = from; position < to; ) {
    const length = files.read(source, buffer, 0, Math.min(buffer.length, to - position), position);
    if (length === 0) throw new Error('a segment became shorter while it was repaired');
    writeAll(files, target, buffer, length, at + position - from);
    position += length;
  }
}

function writeAll(files: FileSystem, fd: number, bytes: Buffer, length: number, position: number): void {
  for (let done = 0; done < length; ) done += files.write(fd, bytes, done, length - done, position + done);
}
