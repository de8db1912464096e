/**
 * Keeps a data folder within its disk budget: looks how much its logs take and how much room the disk has, evicts the oldest
 * segments across topics, and says how things stand. Main thread.
 *
 * ```
 *            less room than wanted, and        the disk takes no more,
 *            nothing is left to evict          or hardly
 *     ok  ◄──────────────────────────►  low  ◄─────────────────────────►  full
 * ```
 *
 * `full`: what clients produce is refused with a code that every client retries, the ballast is given back so that the
 * broker's own logs and administration have room, and the disk is looked at every second until there is room again.
 * Evicting as such is no state: a box that has run for long is always at its budget.
 */
import type { Clock, TimerHandle } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import { GiB, MiB } from '../base/units.js';
import type { SurveyedLog } from '../ring/completions.js';
import type { BudgetFolder, DiskSpace } from './budget-folder.js';
import { chooseVictim, type EvictableLog } from './eviction.js';
import type { PartitionEntry } from './partition-entry.js';
import type { DiskStanding, DiskState } from './partitions.js';

/** Of what was free at the first start. */
const DEFAULT_SHARE = 0.8;
/** This part of the budget, within bounds, is kept free for what comes until the next look. */
const SLACK_SHARE = 1 / 50;
const SLACK_MIN_BYTES = 16 * MiB;
const SLACK_MAX_BYTES = GiB;
/** Kept free on the disk beside the budget, whoever fills it: of the whole disk, within bounds. */
const RESERVE_SHARE = 1 / 50;
const RESERVE_MIN_BYTES = 4 * MiB;
const RESERVE_MAX_BYTES = GiB;
/** Of the reserve. */
const BALLAST_SHARE = 1 / 4;
const BALLAST_MAX_BYTES = 64 * MiB;
/** A disk with more room than this has no need of a ballast yet, unless it is so small that it may be full before the next look. */
const BALLAST_BELOW_FREE_SHARE = 1 / 4;
const BALLAST_AT_ONCE_BYTES = 4 * MiB;
const LOOK_MS_MIN = 100;
const LOOK_MS_MAX = 5000;
const LOOK_FULL_MS = 1000;
/** Where the disk itself is short, evicted files go after so long, whoever still reads them. */
const HASTY_DELETE_MS = 1000;
/** Segments are sized so that evicting one is no great loss. */
const SEGMENTS_PER_BUDGET = 64;
const SEGMENT_MIN_BYTES = 16 * MiB;

export interface DiskBudgetParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly folder: BudgetFolder;
  /** `log.budget.bytes`: null to decide at the first start, 0 for none. */
  readonly configuredBytes: number | null;
  readonly survey: () => Promise<ReadonlyMap<PartitionEntry, SurveyedLog>>;
  /** Has the oldest segment of the log deleted after `delayMs`; resolves to how the log lies then, null where it cannot go. */
  readonly evict: (entry: PartitionEntry, delayMs: number) => Promise<SurveyedLog | null>;
  /** Bytes that were appended since the process began. */
  readonly appendedBytes: () => number;
  /** Whether what clients send is refused. */
  readonly refuse: (refuse: boolean) => void;
  /** Topics without a segment size of their own have segments of so much at the most. */
  readonly capSegments: (bytes: number) => void;
  /** Files that were deleted and are kept for those who read them go now. */
  readonly releaseDeleted: () => void;
}

type Candidate = EvictableLog & { readonly entry: PartitionEntry };

const clamp = (value: number, min: number, max: number): number => Math.min(Math.max(value, min), max);

export class DiskBudget {
  state: DiskState = 'ok';
  /** null until it is known, and where there is none. */
  budgetBytes: number | null = null;
  /** What the logs take. */
  usedBytes = 0;
  private space: DiskSpace = { freeBytes: 0, totalBytes: 0 };
  private surveyed = { bytes: 0, appendedBefore: 0 };
  private lastLook = { atMs: 0, appended: 0 };
  /** Evicted, and still on the disk. */
  private lingering = { bytes: 0 };
  /** What the last try to decide the budget failed for: told once. */
  private undecidedFor: string | null = null;
  private writeFailed = false;
  private ballast = false;
  private timer: TimerHandle | null = null;
  private looking: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(private readonly parts: DiskBudgetParts) {}

  /** Decides how large the budget is, and begins to watch it. Rejects with nothing: a disk that does not answer is looked at again. */
  async begin(): Promise<void> {
    if (this.parts.configuredBytes !== 0) await this.lookInTurn(() => this.lookFirst());
  }

  private async lookFirst(): Promise<void> {
    const { folder, configuredBytes, logger, capSegments } = this.parts;
    try {
      await this.takeStock();
      const space = await folder.space();
      this.ballast = await folder.hasBallast();
      this.budgetBytes = configuredBytes ?? (await this.decided(space));
    } catch (error) {
      const reason = (error as Error).message;
      if (reason !== this.undecidedFor) {
        const what =
          'the disk budget is not decided, nothing is evicted: asking the disk or writing the decision down failed';
        logger.warn({ folder: folder.directory, reason }, `${what}; it is tried again every 5 s, without another line`);
      }
      this.undecidedFor = reason;
      this.lookLater(LOOK_MS_MAX, () => this.lookFirst());
      return;
    }
    const { budgetBytes } = this;
    logger.info({ folder: folder.directory, budgetBytes, usedBytes: this.usedBytes }, 'the disk budget is known');
    capSegments(Math.max(SEGMENT_MIN_BYTES, Math.floor(budgetBytes / SEGMENTS_PER_BUDGET)));
    await this.look();
  }

  private async decided({ freeBytes }: DiskSpace): Promise<number> {
    const { folder } = this.parts;
    const remembered = await folder.remembered();
    if (remembered !== null) return remembered;
    const bytes = Math.floor(DEFAULT_SHARE * (freeBytes + this.usedBytes));
    await folder.remember(bytes);
    return bytes;
  }

  /** A write found the disk full. */
  onFull(): void {
    this.writeFailed = true;
    if (this.state !== 'full' && this.budgetBytes !== null) this.lookLater(0, () => this.look());
  }

  async close(): Promise<void> {
    this.closed = true;
    this.timer?.cancel();
    await this.looking;
  }

  get standing(): DiskStanding {
    const { state, budgetBytes, usedBytes, space } = this;
    if (budgetBytes === null) {
      return { state: 'unwatched', budgetBytes: -1, usedBytes, ...space, headroomBytes: Number.POSITIVE_INFINITY };
    }
    return { state, budgetBytes, usedBytes, ...space, headroomBytes: this.headroom - this.slack };
  }

  private lookLater(delayMs: number, look: () => Promise<void>): void {
    if (this.closed) return;
    this.timer?.cancel();
    this.timer = this.parts.clock.after(delayMs, () => {
      this.timer = null;
      void this.lookInTurn(look);
    });
  }

  /** Never two at a time: what one has seen would be judged over what the other has done about it. */
  private lookInTurn(look: () => Promise<void>): Promise<void> {
    this.looking = this.looking.then(() => (this.closed ? undefined : look()));
    return this.looking;
  }

  private async look(): Promise<void> {
    const { folder, logger, clock } = this.parts;
    let delayMs = LOOK_MS_MAX;
    try {
      this.space = await folder.space();
      this.estimate();
      if (this.headroom < this.slack) await this.makeRoom();
      await this.judge();
      delayMs = this.nextLookMs();
    } catch (error) {
      logger.warn({ reason: (error as Error).message }, 'the disk could not be looked at for its budget');
    }
    this.lastLook = { atMs: clock.monotonicMs(), appended: this.parts.appendedBytes() };
    this.lookLater(delayMs, () => this.look());
  }

  private get slack(): number {
    return clamp((this.budgetBytes ?? 0) * SLACK_SHARE, SLACK_MIN_BYTES, SLACK_MAX_BYTES);
  }

  private get headroom(): number {
    const onDisk = this.space.freeBytes + this.lingering.bytes - reserveOf(this.space);
    return Math.min((this.budgetBytes ?? 0) - this.usedBytes, onDisk);
  }

  /** What there is for certain. */
  private async takeStock(): Promise<ReadonlyMap<PartitionEntry, SurveyedLog>> {
    const appendedBefore = this.parts.appendedBytes();
    const survey = await this.parts.survey();
    let bytes = 0;
    for (const log of survey.values()) bytes += log.bytes;
    this.surveyed = { bytes, appendedBefore };
    this.estimate();
    return survey;
  }

  /** Between two surveys: retention makes it less than that, nothing makes it more. */
  private estimate(): void {
    this.usedBytes = this.surveyed.bytes + this.parts.appendedBytes() - this.surveyed.appendedBefore;
  }

  private async makeRoom(): Promise<void> {
    const { evict, logger } = this.parts;
    const { space } = this;
    const survey = await this.takeStock();
    const candidates: Candidate[] = [];
    for (const [entry, log] of survey) if (entry.spec.config.evictable) candidates.push(candidateOf(entry, log));
    // Half as much again, so that the next eviction is not due at once.
    const wanted = 1.5 * this.slack;
    let count = 0;
    let bytes = 0;
    while (!this.closed && this.headroom < wanted) {
      const victim = chooseVictim(candidates);
      if (victim === null) break;
      const at = candidates.indexOf(victim);
      const isShort = space.freeBytes < reserveOf(space);
      const delayMs = isShort ? HASTY_DELETE_MS : victim.entry.spec.config.fileDeleteDelayMs;
      const left = await evict(victim.entry, delayMs);
      if (left === null || left.bytes >= victim.bytes) {
        // It cannot go now: nobody has seen all of it, or its log is off line.
        candidates.splice(at, 1);
        continue;
      }
      const freed = victim.bytes - left.bytes;
      candidates[at] = candidateOf(victim.entry, left);
      this.surveyed.bytes -= freed;
      this.estimate();
      this.linger(freed, delayMs);
      count++;
      bytes += freed;
    }
    if (count > 0) {
      const { budgetBytes, usedBytes } = this;
      const { freeBytes } = space;
      logger.info(
        { segments: count, bytes, usedBytes, budgetBytes, freeBytes },
        'segments were evicted to keep within the disk budget',
      );
    }
  }

  private linger(bytes: number, delayMs: number): void {
    const { lingering } = this;
    lingering.bytes += bytes;
    this.parts.clock.after(delayMs, () => {
      lingering.bytes -= bytes;
    });
  }

  private async judge(): Promise<void> {
    const { folder } = this.parts;
    const { space } = this;
    const ballastBytes = ballastOf(space);
    const failed = this.writeFailed;
    this.writeFailed = false;
    const takesNothing = failed || space.freeBytes < ballastBytes / 2;
    if (this.state !== 'full' && takesNothing) {
      // Refused first, or what clients send would be in the ballast's room before the broker is.
      this.enter('full');
      this.parts.releaseDeleted();
      this.lingering = { bytes: 0 };
      this.ballast = false;
      await folder.dropBallast();
      return;
    }
    // Room for the ballast and as much again: the ballast itself must not fill the disk, nor the next batch.
    const isRoomy = space.freeBytes >= 2 * ballastBytes;
    if (this.state === 'full' && (takesNothing || !isRoomy)) return;
    const isScarce = space.freeBytes < space.totalBytes * BALLAST_BELOW_FREE_SHARE;
    if (!this.ballast && isRoomy && (isScarce || ballastBytes <= BALLAST_AT_ONCE_BYTES)) {
      await folder.makeBallast(ballastBytes).then(
        () => {
          this.ballast = true;
        },
        () => undefined,
      );
    }
    this.enter(this.headroom < this.slack ? 'low' : 'ok');
  }

  private enter(state: DiskState): void {
    if (this.state === state) return;
    const before = this.state;
    this.state = state;
    const { folder, logger, refuse } = this.parts;
    const { budgetBytes, usedBytes } = this;
    const fields = {
      ...{ folder: folder.directory, state, before, budgetBytes, usedBytes, freeBytes: this.space.freeBytes },
    };
    refuse(state === 'full');
    if (state === 'full') {
      logger.error(fields, 'the disk is full: what clients produce is refused, and they retry; make room on it');
    } else if (state === 'low') {
      logger.warn(fields, 'there is less room than the disk budget needs, and nothing is left to evict');
    } else {
      logger.info(fields, 'there is room on the disk');
    }
  }

  /** So that no more comes in between than there is room for. */
  private nextLookMs(): number {
    if (this.state === 'full') return LOOK_FULL_MS;
    const { atMs, appended } = this.lastLook;
    const sinceMs = Math.max(1, this.parts.clock.monotonicMs() - atMs);
    const bytesPerMs = (this.parts.appendedBytes() - appended) / sinceMs;
    if (bytesPerMs <= 0) return LOOK_MS_MAX;
    return clamp(this.headroom / bytesPerMs / 4, LOOK_MS_MIN, LOOK_MS_MAX);
  }
}

function reserveOf({ totalBytes }: DiskSpace): number {
  return clamp(totalBytes * RESERVE_SHARE, RESERVE_MIN_BYTES, RESERVE_MAX_BYTES);
}

function ballastOf(space: DiskSpace): number {
  return Math.min(BALLAST_MAX_BYTES, reserveOf(space) * BALLAST_SHARE);
}

function candidateOf(entry: PartitionEntry, { segments, bytes, oldestMs, oldestBytes }: SurveyedLog): Candidate {
  const { budgetPriority: priority, budgetFloorBytes: floorBytes } = entry.spec.config;
  return { entry, topic: entry.topic, priority, floorBytes, segments, bytes, oldestMs, oldestBytes };
}
