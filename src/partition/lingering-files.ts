/** Files that were taken out of logs and are kept a while for readers that hold them; on a full disk nobody waits. Main thread. */
import { sep } from 'node:path';
import type { Clock, TimerHandle } from '../base/clock.js';

interface Deletion {
  readonly paths: readonly string[];
  readonly timer: TimerHandle;
}

export class LingeringFiles {
  private readonly waiting = new Set<Deletion>();

  constructor(
    private readonly clock: Clock,
    private readonly deleteNow: (paths: readonly string[]) => void,
  ) {}

  /** All of `paths` lie in one folder. */
  deleteLater(paths: readonly string[], delayMs: number): void {
    if (delayMs <= 0) {
      this.deleteNow(paths);
      return;
    }
    const timer = this.clock.after(delayMs, () => {
      this.waiting.delete(deletion);
      this.deleteNow(paths);
    });
    const deletion: Deletion = { paths, timer };
    this.waiting.add(deletion);
  }

  /** What waits below the folder goes now. */
  release(folder: string): void {
    for (const deletion of this.waiting) {
      if (!isBelow(deletion.paths[0], folder)) continue;
      deletion.timer.cancel();
      this.waiting.delete(deletion);
      this.deleteNow(deletion.paths);
    }
  }
}

export function isBelow(path: string, folder: string): boolean {
  return path.startsWith(folder + sep);
}
