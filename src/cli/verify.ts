/** `verify`: reads every byte of data folders and tells what of them is lost. Needs no broker, and changes nothing. */
import { nodeFileSystem } from '../log/file-system.js';
import {
  type FolderFlags,
  inspectFolder,
  jsonOf,
  LOST,
  NOT_DONE,
  printLoss,
  printNotes,
  printTotal,
  printUnflushed,
  SOUND,
  totalOf,
  UNFLUSHED,
  withFolders,
} from './data-folders.js';
import type { Host } from './host.js';
import { printJson, printLine } from './print.js';

export async function verify(named: readonly string[], flags: FolderFlags, host: Host): Promise<number> {
  const folders = withFolders(named, flags, false, host, (held) =>
    held.map((folder) => inspectFolder(nodeFileSystem, folder, host)),
  );
  const unreadable = folders.flatMap(({ logs }) => logs.flatMap((log) => log.unreadable));
  const lost = folders.flatMap((folder) => totalOf(folder).lost);
  const unflushed = folders.flatMap((folder) => totalOf(folder).unflushed);
  if (flags.json) {
    printJson(host, { folders: folders.map(jsonOf) });
  } else {
    for (const loss of lost) printLoss(host, loss);
    for (const end of unflushed) printUnflushed(host, end);
    printNotes(host, [...unreadable, ...folders.flatMap(({ harmless }) => harmless)]);
    for (const folder of folders) printTotal(host, folder);
    if (lost.length > 0) {
      printLine(
        host,
        'Reads of what is lost are refused, all else is served. Bring the files back from a backup, or see:',
      );
      printLine(host, `  ${host.commandName} repair --help`);
    }
  }
  if (unreadable.length > 0) return NOT_DONE;
  if (lost.length > 0) return LOST;
  return unflushed.length > 0 ? UNFLUSHED : SOUND;
}
