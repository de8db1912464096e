/** What is to be deleted on one disk: one thing after the other, gently, the less so the longer others wait. Main thread. */
import type { Clock } from '../base/clock.js';
import { type HandoverMemory, type OpenHandover, openHandover } from '../ring/handover.js';

/** Files and folders that go one after the other. */
export interface DeletionJob {
  readonly paths: readonly string[];
  readonly handover: HandoverMemory;
}

/** One at a time: they take long on purpose, and another thread is to be free for who reads from the disk. */
export class Deletions {
  private last: Promise<void> = Promise.resolve();
  private present: OpenHandover | null = null;
  /** When each of those was added that wait, ms since 1970. */
  private readonly waitingSinceMs: number[] = [];
  private begun = 0;
  /** So many of all go without pauses. */
  private hurried = 0;
  private ending = false;

  constructor(
    private readonly clock: Clock,
    /** Has the job done by a thread; must not reject. */
    private readonly run: (job: DeletionJob) => Promise<void>,
  ) {}

  /** Resolves when they are gone, or could not be deleted. */
  add(paths: readonly string[]): Promise<void> {
    this.waitingSinceMs.push(this.clock.nowMs());
    this.present?.keepWaitingSince(this.waitingSinceMs[0]);
    this.last = this.last.then(() => this.begin(paths));
    return this.last;
  }

  /** All that was added by now goes without pauses. */
  hurry(): void {
    this.hurried = this.begun + this.waitingSinceMs.length;
    this.present?.stop();
  }

  /** As {@link hurry}, and what comes later as well; resolves when nothing is left. */
  end(): Promise<void> {
    this.ending = true;
    this.hurry();
    return this.last;
  }

  private async begin(paths: readonly string[]): Promise<void> {
    this.begun++;
    this.waitingSinceMs.shift();
    const handover = openHandover(async () => null);
    this.present = handover;
    handover.keepWaitingSince(this.waitingSinceMs[0] ?? 0);
    if (this.ending || this.begun <= this.hurried) handover.stop();
    await this.run({ paths, handover: handover.memory });
    handover.close();
    this.present = null;
  }
}
