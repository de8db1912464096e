/** The simulated disk with all that may go wrong in front of an operation: errors, the end of a thread, of the process, of the power. Test process. */
import { FakeFileSystem, type FileOperation, PowerCut, systemError } from '../../log/fake-file-system.js';

/** Ends one shard's thread in the middle of what it does; the others and the main thread live on. */
export class ThreadDeath extends Error {}

const SECTOR_BYTES = 512;

export interface Fault {
  readonly operation: FileOperation;
  readonly code: 'EIO' | 'ENOSPC';
  /** Only under this folder; '' everywhere. */
  readonly folder: string;
  left: number;
}

export class SimDisk extends FakeFileSystem {
  readonly faults: Fault[] = [];
  /** Operations until the process ends, or the power; -1 for never. */
  endsIn = -1;
  endsWith: 'kill' | 'cut' = 'kill';
  /** Operations of the shard that runs now until its thread ends; -1 for never. */
  threadEndsIn = -1;
  /** Folders whose files lost what a failed sync was to bring to the medium. */
  readonly lostPages = new Set<string>();
  faultsFired = 0;
  /** Called in the moment in which the process or the running thread ends. */
  onEnd: () => void = () => {};
  /** Nothing works any more: for the process, or for the thread that runs. */
  over = false;
  threadOver = false;

  constructor() {
    super();
    this.arm();
  }

  /** To be called after a crash, which takes the hooks away. */
  arm(): void {
    this.over = false;
    this.threadOver = false;
    this.endsIn = -1;
    this.threadEndsIn = -1;
    this.before = (operation, path) => this.intervene(operation, path);
    this.taken = (offered, position) => {
      const fault = this.faults.find((one) => one.operation === 'writev' && one.code === 'ENOSPC' && one.left === 0);
      if (fault === undefined) return offered;
      // A disk that is about to be full takes as much as its last blocks hold.
      const whole = Math.floor((position + offered / 2) / SECTOR_BYTES) * SECTOR_BYTES - position;
      return whole > 0 ? whole : offered;
    };
  }

  heal(): void {
    this.faults.length = 0;
  }

  /** Runs `action` as somebody to whom nothing happens. */
  undisturbed<T>(action: () => T): T {
    const { before, taken } = this;
    this.before = () => {};
    this.taken = (offered) => offered;
    try {
      return action();
    } finally {
      this.before = before;
      this.taken = taken;
    }
  }

  private intervene(operation: FileOperation, path: string): void {
    const processEnds = this.endsIn >= 0 && this.endsIn-- === 0;
    const threadEnds = this.threadEndsIn >= 0 && this.threadEndsIn-- === 0;
    // Who is dead already says nothing more.
    if ((processEnds || threadEnds) && !this.over && !this.threadOver) this.undisturbed(() => this.onEnd());
    if (processEnds) this.over = true;
    if (threadEnds) this.threadOver = true;
    // Whoever catches the first must not get further with the next.
    if (this.over) throw new PowerCut(this.endsWith);
    if (this.threadOver) throw new ThreadDeath('injected');
    for (const fault of this.faults) {
      if (fault.operation !== operation || !path.startsWith(fault.folder) || fault.left === 0) continue;
      fault.left--;
      this.faultsFired++;
      if (operation === 'fdatasync') this.lostPages.add(path.slice(0, path.lastIndexOf('/')));
      throw systemError(fault.code);
    }
  }
}
