/** The data folders that an offline verb is for: held so that no broker begins meanwhile, and inspected log by log. */
import { resolve } from 'node:path';
import { systemClock } from '../base/clock.js';
import { loadConfig } from '../config/load.js';
import { DataDirectoryError, type HeldDirectory, holdDataDirectory } from '../log/data-directory.js';
import { type FileSystem, nodeFileSystem } from '../log/file-system.js';
import {
  type InspectionNote,
  inspectLog,
  type LogInspection,
  type LostRange,
  offsetsIn,
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

const PROGRESS_MS = 5000;

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

export function totalOf(folder: InspectedFolder): { segments: number; bytes: number; lost: LostRange[] } {
  let segments = 0;
  let bytes = 0;
  for (const log of folder.logs) {
    segments += log.segments;
    bytes += log.bytes;
  }
  return { segments, bytes, lost: folder.logs.flatMap(({ lost }) => lost) };
}

export function printLoss(host: Host, loss: LostRange): void {
  const { path, startOffset, endOffset, position, endPosition, kind, fromMs, toMs } = loss;
  const count = offsetsIn(loss);
  const offsets =
    count === 0
      ? 'no offset'
      : `offsets ${startOffset} to ${endOffset - 1} (at most ${count} record${count > 1 ? 's' : ''})`;
  const where = {
    damaged: `bytes ${position} to ${endPosition - 1} are damaged`,
    missing: `at byte ${position} records are missing`,
    gone: 'the log is gone, or the records in front of this segment are',
  }[kind];
  printLine(host, `${path}: ${where}: ${offsets}${timesOf(fromMs, toMs)}`);
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
  const { segments, bytes, lost } = totalOf(folder);
  const found = lost.length === 0 ? 'nothing is lost' : `${lost.length} range${lost.length > 1 ? 's are' : ' is'} lost`;
  const read = `${folder.logs.length} logs, ${segments} segments, ${bytesInWords(bytes)} read`;
  printLine(host, `${resolve(folder.path)}: ${read}: ${found}`);
}

/** For machines. */
export function jsonOf(folder: InspectedFolder): object {
  const { segments, bytes, lost } = totalOf(folder);
  const unreadable = folder.logs.flatMap((log) => log.unreadable);
  return { path: folder.path, logs: folder.logs.length, segments, bytes, lost, harmless: folder.harmless, unreadable };
}
