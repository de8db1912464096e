/** The data folders that an offline verb is for: held so that no broker begins meanwhile, and inspected log by log. */
import { resolve } from 'node:path';
import { systemClock } from '../base/clock.js';
import { loadConfig } from '../config/load.js';
import type { FlushMode } from '../config/log-config.js';
import { DataDirectoryError, type HeldDirectory, holdDataDirectory } from '../log/data-directory.js';
import { type FileSystem, nodeFileSystem } from '../log/file-system.js';
import {
  type InspectionNote,
  inspectLog,
  type LogInspection,
  type LostRange,
  offsetsIn,
  type UnflushedEnd,
} from '../log/log-inspection.js';
import { bytesInWords } from './amounts.js';
import { CliError } from './cli-error.js';
import type { Host } from './host.js';
import { printLine } from './print.js';

export interface FolderFlags {
  readonly config?: string;
  readonly json?: boolean;
}

/** Exit codes of the verbs: 1 is whatever could not be done. */
export const SOUND = 0;
export const NOT_DONE = 1;
export const LOST = 2;
/** Nothing that was flushed is. */
export const UNFLUSHED = 3;

const PROGRESS_MS = 5000;

const FLUSH_MODES: readonly FlushMode[] = ['ack', 'interval', 'never'];

export interface InspectedFolder {
  readonly path: string;
  readonly logs: readonly LogInspection[];
  readonly harmless: readonly InspectionNote[];
}

/** Holds the named folders, or all of log.dirs, while `work` runs. @throws CliError where a broker has one of them */
export function withFolders<T>(
  named: readonly string[],
  flags: FolderFlags,
  mayWrite: boolean,
  host: Host,
  work: (held: readonly HeldDirectory[]) => T,
): T {
  const paths = named.length > 0 ? named : loadConfig({ file: flags.config, env: host.env }).config.dataDirectories;
  const held: HeldDirectory[] = [];
  try {
    for (const path of paths) held.push(holdDataDirectory(nodeFileSystem, path, mayWrite));
    return work(held);
  } catch (error) {
    if (error instanceof DataDirectoryError) throw new CliError(error.message);
    throw error;
  } finally {
    for (const folder of held) folder.release();
  }
}

/** Reads every byte; says on stderr how far it is, where that takes long. */
export function inspectFolder(files: FileSystem, held: HeldDirectory, host: Host): InspectedFolder {
  let bytes = 0;
  let saidMs = systemClock.monotonicMs();
  const logs = held.partitions.map((name) =>
    inspectLog(files, `${held.path}/${name}`, held.known(name), (read) => {
      bytes += read;
      if (systemClock.monotonicMs() - saidMs < PROGRESS_MS) return;
      saidMs = systemClock.monotonicMs();
      host.stderr.write(`${held.path}: ${bytesInWords(bytes)} read, at ${name}\n`);
    }),
  );
  const checkpoints = held.broken.map((path) => ({ path, what: 'is wrong, and is written anew at the next start' }));
  return { path: held.path, logs, harmless: [...checkpoints, ...logs.flatMap(({ harmless }) => harmless)] };
}

export interface FolderTotal {
  readonly segments: number;
  readonly bytes: number;
  readonly lost: readonly LostRange[];
  readonly unflushed: readonly UnflushedEnd[];
}

export function totalOf(folder: InspectedFolder): FolderTotal {
  let segments = 0;
  let bytes = 0;
  for (const log of folder.logs) {
    segments += log.segments;
    bytes += log.bytes;
  }
  const lost = folder.logs.flatMap((log) => log.lost);
  return { segments, bytes, lost, unflushed: folder.logs.flatMap(({ unflushed }) => unflushed ?? []) };
}

export function printLoss(host: Host, loss: LostRange): void {
  const { path, position, endPosition, kind, fromMs, toMs } = loss;
  const where = {
    damaged: `bytes ${position} to ${endPosition - 1} are damaged`,
    missing: `at byte ${position} records are missing`,
    gone: 'the log is gone, or the records in front of this segment are',
  }[kind];
  printLine(host, `${path}: ${where}: ${offsetsOf(loss)}${timesOf(fromMs, toMs)}`);
}

function offsetsOf(range: LostRange | UnflushedEnd): string {
  const { startOffset, endOffset } = range;
  const count = offsetsIn(range);
  if (count === 0) return 'no offset';
  return `offsets ${startOffset} to ${endOffset - 1} (at most ${count} record${count > 1 ? 's' : ''})`;
}

/** What of a log the power has taken, where nobody had been told that it was on disk. */
export function printUnflushed(host: Host, end: UnflushedEnd): void {
  const { path, position, endPosition, startOffset, cutWith } = end;
  const where =
    position < endPosition
      ? `bytes ${position} to ${endPosition - 1} were never written`
      : `the file ends too early, at byte ${position}`;
  const others = FLUSH_MODES.filter((mode) => !cutWith.includes(mode));
  const when = others.length === 0 ? 'the' : `with flush=${cutWith.join(' or ')} the`;
  const otherwise =
    others.length === 0 ? '' : `; with flush=${others.join(' or ')} it refuses reads of the hole and serves the rest`;
  printLine(
    host,
    `${path}: ${where}, as when the power goes before a flush: from there on not all of ${offsetsOf(end)} was on disk: ` +
      `${when} next start ends the log at offset ${startOffset}, and keeps what lies behind in .aside files${otherwise}`,
  );
}

function timesOf(fromMs: number | null, toMs: number | null): string {
  const from = fromMs === null ? '' : `, after ${new Date(fromMs).toISOString()}`;
  return `${from}${toMs === null ? '' : `${from === '' ? ',' : ' and'} before ${new Date(toMs).toISOString()}`}`;
}

export function printNotes(host: Host, notes: readonly InspectionNote[]): void {
  for (const { path, what } of notes) printLine(host, `${path}: ${what}`);
}

/** One line of what was looked at. */
export function printTotal(host: Host, folder: InspectedFolder): void {
  const { segments, bytes, lost, unflushed } = totalOf(folder);
  const sound = unflushed.length === 0 ? 'nothing is lost' : 'nothing that was flushed is lost';
  const found = lost.length === 0 ? sound : `${lost.length} range${lost.length > 1 ? 's are' : ' is'} lost`;
  const read = `${folder.logs.length} logs, ${segments} segments, ${bytesInWords(bytes)} read`;
  printLine(host, `${resolve(folder.path)}: ${read}: ${found}`);
}

/** For machines. */
export function jsonOf(folder: InspectedFolder): object {
  const { path, logs, harmless } = folder;
  const unreadable = logs.flatMap((log) => log.unreadable);
  return { path, logs: logs.length, ...totalOf(folder), harmless, unreadable };
}
