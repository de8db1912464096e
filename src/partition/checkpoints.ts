/** Saves where the logs of each data folder stand, and learns by it whether the folder takes writes. Main thread. */
import type { Logger } from '../base/logger.js';
import type { LogDirectory } from '../log/log-directories.js';
import type { SideJobs } from './side-jobs.js';

interface Line {
  underWay: Promise<boolean>;
  next: Promise<boolean> | null;
}

export class Checkpoints {
  private readonly lines = new Map<LogDirectory, Line>();

  constructor(
    private readonly sideJobs: SideJobs,
    private readonly logger: Logger,
    private readonly progressOf: (directory: LogDirectory) => Iterable<object>,
  ) {}

  /**
   * Off this thread, one at a time for each folder, each with what is known when it begins, so that nothing older ends up
   * over something newer. Who comes while one is under way shares the next. False where the disk refused it.
   */
  save(directory: LogDirectory): Promise<boolean> {
    let line = this.lines.get(directory);
    if (line === undefined) {
      line = { underWay: Promise.resolve(true), next: null };
      this.lines.set(directory, line);
    }
    const mine = line;
    mine.next ??= mine.underWay.then(() => {
      mine.next = null;
      mine.underWay = this.saveNow(directory);
      return mine.underWay;
    });
    return mine.next;
  }

  private async saveNow(directory: LogDirectory): Promise<boolean> {
    const saved = await this.sideJobs.checkpoint(directory.path, [...this.progressOf(directory)]);
    if (saved && directory.trouble !== null) {
      directory.trouble = null;
      this.logger.info({ folder: directory.path }, 'a data folder takes writes again');
    } else if (!saved && directory.trouble === null) {
      directory.trouble = 'it refuses writes';
      this.logger.error({ folder: directory.path }, 'a data folder refuses writes: no new partition is put there');
    }
    return saved;
  }
}
