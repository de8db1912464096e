/** The disk budgets of all data folders, each of its own disk, and what they come to together. Main thread. */
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { LogDirectory } from '../log/log-directories.js';
import type { Collector } from '../metrics/metrics.js';
import type { SurveyedLog } from '../ring/completions.js';
import { BudgetFolder } from './budget-folder.js';
import { DiskBudget, type DiskBudgetParts } from './disk-budget.js';
import type { PartitionEntry } from './partition-entry.js';
import type { DiskStanding, DiskState } from './partitions.js';

const STATES: readonly DiskState[] = ['ok', 'low', 'full'];

export interface DiskBudgetsParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly configuredBytes: DiskBudgetParts['configuredBytes'];
  readonly survey: (directory: LogDirectory) => Promise<ReadonlyMap<PartitionEntry, SurveyedLog>>;
  readonly evict: DiskBudgetParts['evict'];
  /** Topics without a segment size of their own have segments of so much in the folder at the most. */
  readonly capSegments: (directory: LogDirectory, bytes: number) => void;
  /** Files that were deleted in the folder and are kept for those who read them go now. */
  readonly releaseDeleted: (directory: LogDirectory) => void;
}

export class DiskBudgets {
  private readonly budgets = new Map<LogDirectory, DiskBudget>();

  constructor(private readonly parts: DiskBudgetsParts) {}

  /** Looks after the folder from now on; to be called when its logs are open. */
  watch(directory: LogDirectory): void {
    if (this.budgets.has(directory)) return;
    const { clock, logger, configuredBytes, survey, evict, capSegments, releaseDeleted } = this.parts;
    const budget = new DiskBudget({
      ...{ clock, logger, configuredBytes, evict },
      folder: new BudgetFolder(directory.path),
      survey: () => survey(directory),
      appendedBytes: () => directory.appendedBytes,
      refuse: (refuse) => {
        directory.refuses = refuse;
      },
      capSegments: (bytes) => capSegments(directory, bytes),
      releaseDeleted: () => releaseDeleted(directory),
    });
    this.budgets.set(directory, budget);
    void budget.begin();
  }

  /** A write found the folder's disk full. */
  onFull(directory: LogDirectory): void {
    this.budgets.get(directory)?.onFull();
  }

  async close(): Promise<void> {
    await Promise.all([...this.budgets.values()].map((budget) => budget.close()));
  }

  /** All of them together: sums, the worst state, and the least of what may still come. */
  get standing(): DiskStanding {
    const all = [...this.budgets.values()].map((budget) => budget.standing);
    const watched = all.filter(({ state }) => state !== 'unwatched');
    const counted = watched.length > 0 ? watched : all;
    const standing = {
      state: watched.length > 0 ? STATES[Math.max(...watched.map(rankOf))] : ('unwatched' as const),
      ...{ budgetBytes: watched.length > 0 ? 0 : -1, usedBytes: 0, freeBytes: 0, totalBytes: 0 },
      headroomBytes: Number.POSITIVE_INFINITY,
    };
    for (const { budgetBytes, usedBytes, freeBytes, totalBytes, headroomBytes } of counted) {
      if (watched.length > 0) standing.budgetBytes += budgetBytes;
      standing.usedBytes += usedBytes;
      standing.freeBytes += freeBytes;
      standing.totalBytes += totalBytes;
      standing.headroomBytes = Math.min(standing.headroomBytes, headroomBytes);
    }
    return standing;
  }

  readonly collect: Collector = (put) => {
    const { standing } = this;
    if (standing.state === 'unwatched') return;
    put('millrace_budget_bytes', {}, standing.budgetBytes);
    put('millrace_budget_used_bytes', {}, standing.usedBytes);
    put('millrace_disk_free_bytes', {}, standing.freeBytes);
    put('millrace_disk_state', {}, rankOf(standing));
  };
}

function rankOf({ state }: DiskStanding): number {
  return state === 'unwatched' ? -1 : STATES.indexOf(state);
}
