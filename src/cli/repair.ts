/** `repair`: shows what of data folders is lost, and with `--accept-loss` has it forgotten. Needs no broker, keeps every out. */
import { systemClock } from '../base/clock.js';
import { silentLogger } from '../base/logger.js';
import type { HeldDirectory } from '../log/data-directory.js';
import { nodeFileSystem } from '../log/file-system.js';
import { inspectLog, type LogInspection, offsetsIn } from '../log/log-inspection.js';
import { type AcceptedLoss, acceptLosses } from '../log/log-repair.js';
import { finishSwaps } from '../log/segment-swap.js';
import { CliError } from './cli-error.js';
import {
  type FolderFlags,
  inspectFolder,
  jsonOf,
  LOST,
  printLoss,
  printNotes,
  printTotal,
  printUnflushed,
  SOUND,
  totalOf,
  withFolders,
} from './data-folders.js';
import type { Host } from './host.js';
import { printJson, printLine } from './print.js';

export interface RepairFlags extends FolderFlags {
  readonly acceptLoss?: boolean;
}

/** What it means where the broker's own logs have lost something. */
const consequences: Readonly<Record<string, string>> = {
  __millrace_catalogue:
    'topics, settings and ids go back to what older entries say: compare with `millrace topic describe`',
  __consumer_offsets: 'groups whose last commits were in it go back to older offsets',
  __share_group_state: 'share groups may deliver again what was acknowledged',
};

export async function repair(named: readonly string[], flags: RepairFlags, host: Host): Promise<number> {
  return withFolders(named, flags, true, host, (held) => repairHeld(held, flags, host));
}

function repairHeld(held: readonly HeldDirectory[], flags: RepairFlags, host: Host): number {
  const folders = held.map((folder) => inspectFolder(nodeFileSystem, folder, host));
  const unreadable = folders.flatMap(({ logs }) => logs.flatMap((log) => log.unreadable));
  if (unreadable.length > 0) {
    printNotes(host, unreadable);
    throw new CliError('Nothing was changed: first copy what can be read to a sound disk.');
  }
  const lost = folders.flatMap((folder) => totalOf(folder).lost);
  if (lost.length === 0 || flags.acceptLoss !== true) {
    if (flags.json) printJson(host, { folders: folders.map(jsonOf) });
    for (const loss of flags.json ? [] : lost) printLoss(host, loss);
    for (const end of flags.json ? [] : folders.flatMap((folder) => totalOf(folder).unflushed))
      printUnflushed(host, end);
    for (const folder of flags.json ? [] : folders) printTotal(host, folder);
    if (lost.length === 0) return SOUND;
    const count = lost.reduce((sum, loss) => sum + offsetsIn(loss), 0);
    host.stderr.write(
      `Nothing was changed. With --accept-loss these ${count} offsets are forgotten: readers pass over them, and damaged bytes are kept in .aside files.\n`,
    );
    return LOST;
  }
  const accepted = held.flatMap((folder, i) => folders[i].logs.flatMap((log) => repairLog(folder, log)));
  if (flags.json) printJson(host, { accepted });
  else for (const loss of accepted) printAccepted(host, loss);
  return SOUND;
}

function repairLog(folder: HeldDirectory, found: LogInspection): AcceptedLoss[] {
  if (found.lost.length === 0) return [];
  const { directory } = found;
  const files = nodeFileSystem;
  let inspection = found;
  if (files.exists(directory)) {
    finishSwaps(files, directory, silentLogger);
    if (found.harmless.length > 0) inspection = inspectLog(files, directory, folder.known(nameOf(directory)), () => {});
  }
  try {
    return acceptLosses(files, inspection, systemClock.nowMs());
  } catch (error) {
    throw new CliError(`${directory} could not be repaired, and can be tried again: ${(error as Error).message}`);
  }
}

function printAccepted(host: Host, loss: AcceptedLoss): void {
  printLoss(host, loss);
  const kept = loss.aside === null ? '' : `; its bytes are in ${loss.aside}`;
  const directory = loss.path.slice(0, loss.path.lastIndexOf('/'));
  const meaning = consequences[nameOf(directory).replace(/-\d+$/, '')];
  printLine(host, `  forgotten${kept}${meaning === undefined ? '' : `; ${meaning}`}`);
}

function nameOf(directory: string): string {
  return directory.slice(directory.lastIndexOf('/') + 1);
}
