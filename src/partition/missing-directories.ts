/** Looks for folders of log.dirs that are missing until all are there. Main thread. */
import type { Clock } from '../base/clock.js';
import type { LogDirectories, LogDirectory } from '../log/log-directories.js';

const RETRY_MS = 5_000;

/** `probe` asks a disk on a thread that may wait for it; `onReturn` hears of each folder that is back. */
export function awaitMissing(
  directories: LogDirectories,
  clock: Clock,
  probe: (path: string) => Promise<boolean>,
  onReturn: (directory: LogDirectory) => void,
): void {
  if (directories.missingOnes.length === 0) return;
  clock.after(RETRY_MS, async () => {
    for (const directory of directories.missingOnes) {
      if ((await probe(directory.path)) && directories.claimMissing(directory)) onReturn(directory);
    }
    awaitMissing(directories, clock, probe, onReturn);
  });
}
