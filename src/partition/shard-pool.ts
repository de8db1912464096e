/** All shards: their boards, their threads, and what happens when one of them dies. Main thread. */
import type { Clock } from '../base/clock.js';
import type { CompactionNeed } from '../base/compaction-plan.js';
import type { Logger } from '../base/logger.js';
import type { Offset } from '../base/units.js';
import { histogramBytes } from '../metrics/histogram.js';
import { type CounterName, instruments, type LabelsOf } from '../metrics/instruments.js';
import type { Metrics } from '../metrics/metrics.js';
import type { ShardNotice, ShardReply, SurveyedLog } from '../ring/completions.js';
import { allocatePulse, PulseView } from '../ring/pulse.js';
import { allocatePage, emptyRow, WatermarkBoard } from '../ring/watermarks.js';
import type { PartitionEntry } from './partition-entry.js';
import { ShardLink } from './shard-link.js';
import { StallWatch } from './stall-watch.js';

/** So many deaths within so long, and the broker gives up: what kills a shard again and again is not cured by another start. */
const DEATHS_MAX = 3;
const DEATHS_WITHIN_MS = 60_000;
/** So long a shard may take to say how its logs lie, before who asked is told what is known of them. */
const SURVEY_PATIENCE_MS = 200;

export interface ShardPoolOptions {
  readonly entry: URL;
  readonly shards: number;
  readonly ringBytes: number;
  readonly openFilesMax: number;
  readonly retentionCheckMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** A partition's files may be read, or may not any more. */
  readonly onState: (entry: PartitionEntry) => void;
  readonly onProgress: (entry: PartitionEntry) => void;
  readonly onGarbage: (paths: readonly string[], delayMs: number) => void;
  readonly onSealed: (entry: PartitionEntry, segmentBase: Offset, path: string) => void;
  readonly onFull: (entry: PartitionEntry) => void;
  /** The pool cannot go on. */
  readonly onFatal: (reason: string) => void;
}

interface ShardSeat {
  link: ShardLink;
  readonly board: WatermarkBoard;
  readonly pages: SharedArrayBuffer[];
  readonly flushTimes: SharedArrayBuffer;
  readonly pulseMemory: SharedArrayBuffer;
  readonly pulse: PulseView;
  readonly entries: (PartitionEntry | null)[];
  readonly freeSlots: number[];
  /** What the last survey found, and the one that is under way. */
  surveyed: ReadonlyMap<PartitionEntry, SurveyedLog>;
  surveying: Promise<void> | null;
}

export class ShardPool {
  private readonly seats: ShardSeat[] = [];
  private deathsAtMs: number[] = [];
  private readonly stallWatch: StallWatch;

  constructor(private readonly options: ShardPoolOptions) {
    for (let index = 0; index < options.shards; index++) {
      const pages = [allocatePage()];
      const board = new WatermarkBoard();
      board.addPage(pages[0]);
      const flushTimes = new SharedArrayBuffer(histogramBytes(instruments.millrace_fsync_seconds.bounds));
      options.metrics.histogram('millrace_fsync_seconds', { shard: `${index}` }, flushTimes);
      const pulseMemory = allocatePulse();
      const pulse = new PulseView(pulseMemory);
      const link = this.startLink(index, { pages, flushTimes, pulseMemory });
      this.seats.push({
        link,
        board,
        pages,
        flushTimes,
        pulseMemory,
        pulse,
        entries: [],
        freeSlots: [],
        ...UNSURVEYED,
      });
    }
    const { clock, logger, metrics } = options;
    this.stallWatch = new StallWatch({ clock, logger, metrics, shards: this.seats.map(watchable) });
  }

  get size(): number {
    return this.seats.length;
  }

  link(shard: number): ShardLink {
    return this.seats[shard].link;
  }

  board(shard: number): WatermarkBoard {
    return this.seats[shard].board;
  }

  /** A row of the shard's board for one more partition; the board grows where it must. */
  takeSlot(shard: number): number {
    const seat = this.seats[shard];
    const free = seat.freeSlots.pop();
    if (free !== undefined) return free;
    const slot = seat.entries.push(null) - 1;
    if (slot >= seat.board.rowCount) {
      const page = allocatePage();
      seat.pages.push(page);
      seat.board.addPage(page);
      seat.link.postPage(page);
      void seat.link.request(0, { kind: 'boardPage' });
    }
    return slot;
  }

  async seatEntry(entry: PartitionEntry): Promise<ShardReply> {
    const seat = this.seats[entry.shard];
    seat.entries[entry.slot] = entry;
    let opening: Promise<ShardReply>;
    let reply: ShardReply;
    entry.opening = seat.link.request(entry.slot, entry.spec);
    do {
      opening = entry.opening;
      reply = await opening;
      // Where the thread died over it, the next one has been asked.
    } while (entry.opening !== opening);
    return reply;
  }

  /** Has the partition's folder renamed, and its slot freed once that is done; answers what is to be deleted. */
  async unseat(entry: PartitionEntry): Promise<ShardReply> {
    const seat = this.seats[entry.shard];
    const garbage: string[] = [];
    let link: ShardLink;
    let reply: ShardReply;
    do {
      link = seat.link;
      reply = await link.request(entry.slot, { kind: 'remove' });
      garbage.push(...(reply.garbage ?? []));
      // Where the thread died over it, or with the answer on its way, the next one has opened the log again.
    } while (seat.link !== link);
    if (reply.error !== 'NONE') return reply;
    seat.entries[entry.slot] = null;
    seat.freeSlots.push(entry.slot);
    return { error: 'NONE', garbage };
  }

  *entries(): IterableIterator<PartitionEntry> {
    for (const seat of this.seats) for (const entry of seat.entries) if (entry !== null) yield entry;
  }

  /** How the wanted ones of the logs that are open lie on the disk; waits for no shard that has none of them. */
  async survey(isWanted: (entry: PartitionEntry) => boolean): Promise<Map<PartitionEntry, SurveyedLog>> {
    const seats = this.seats.filter(({ entries }) => entries.some((entry) => entry !== null && isWanted(entry)));
    const surveys = await Promise.all(seats.map(surveyOf));
    return new Map(surveys.flatMap((found) => [...found]).filter(([entry]) => isWanted(entry)));
  }

  /** Of all logs that are open, what is known within a moment: of a shard that stands still, what it said before. */
  async surveySoon(): Promise<Map<PartitionEntry, SurveyedLog>> {
    const answered = Promise.all(this.seats.map(surveyAgain));
    await new Promise<void>((resolve) => {
      const patience = this.options.clock.after(SURVEY_PATIENCE_MS, resolve);
      void answered.then(() => {
        patience.cancel();
        resolve();
      });
    });
    const found = new Map<PartitionEntry, SurveyedLog>();
    for (const { surveyed, entries } of this.seats) {
      for (const [entry, log] of surveyed) if (entries[entry.slot] === entry) found.set(entry, log);
    }
    return found;
  }

  async compactionNeeds(): Promise<Map<PartitionEntry, CompactionNeed>> {
    const found = new Map<PartitionEntry, CompactionNeed>();
    await Promise.all(
      this.seats.map(async (seat) => {
        const { needs } = await seat.link.request(0, { kind: 'compactionNeeds' });
        for (const need of needs ?? []) {
          const entry = seat.entries[need.slot];
          if (entry != null) found.set(entry, need);
        }
      }),
    );
    return found;
  }

  /** Resolves to the first failure's message, or null where every log was closed cleanly. */
  async close(): Promise<string | null> {
    this.stallWatch.close();
    const replies = await Promise.all(this.seats.map((seat) => seat.link.close()));
    const failed = replies.find((reply) => reply.error !== 'NONE');
    return failed === undefined ? null : (failed.message ?? failed.error);
  }

  async terminate(): Promise<void> {
    this.stallWatch.close();
    await Promise.all(this.seats.map((seat) => seat.link.terminate()));
  }

  private startLink(
    index: number,
    { pages, flushTimes, pulseMemory: pulse }: Pick<ShardSeat, 'pages' | 'flushTimes' | 'pulseMemory'>,
  ): ShardLink {
    const { options } = this;
    return new ShardLink(
      options.entry,
      `shard-${index}`,
      options.ringBytes,
      {
        pages,
        flushTimes,
        pulse,
        openFilesMax: options.openFilesMax,
        retentionCheckMs: options.retentionCheckMs,
      },
      {
        progress: (slot) => {
          const entry = this.seats[index].entries[slot];
          if (entry != null) options.onProgress(entry);
        },
        notice: (notice) => this.hear(index, notice),
        died: (reason) => this.restart(index, reason),
      },
    );
  }

  private hear(index: number, notice: ShardNotice): void {
    switch (notice.kind) {
      case 'log':
        this.options.logger[notice.level]({ shard: index, ...notice.fields }, notice.message);
        break;
      case 'count': {
        const { name, labels, by } = notice;
        this.options.metrics.counter(name as CounterName, labels as LabelsOf<CounterName>).value += by;
        break;
      }
      case 'garbage':
        this.options.onGarbage(notice.paths, notice.delayMs);
        break;
      case 'full': {
        const entry = this.seats[index].entries[notice.slot];
        if (entry != null) this.options.onFull(entry);
        break;
      }
      case 'sealed': {
        const entry = this.seats[index].entries[notice.slot];
        if (entry != null) this.options.onSealed(entry, notice.segmentBase, notice.path);
        break;
      }
      case 'state': {
        const entry = this.seats[index].entries[notice.slot];
        if (entry == null || entry.state === 'removed') break;
        entry.state = notice.state;
        this.options.onState(entry);
      }
    }
  }

  /** The shard's partitions answer a retriable error until a new thread has recovered them; the others go on serving. */
  private restart(index: number, reason: string): void {
    const { clock, logger, metrics } = this.options;
    const seat = this.seats[index];
    const nowMs = clock.monotonicMs();
    this.deathsAtMs = this.deathsAtMs.filter((atMs) => nowMs - atMs < DEATHS_WITHIN_MS);
    this.deathsAtMs.push(nowMs);
    metrics.counter('millrace_shard_deaths_total', { shard: `${index}` }).value++;
    for (const entry of seat.entries) {
      if (entry === null) continue;
      seat.board.repair(entry.slot);
      if (entry.state === 'removed') continue;
      entry.state = 'offline';
      this.options.onState(entry);
    }
    if (this.deathsAtMs.length >= DEATHS_MAX) {
      logger.error(
        { shard: index, reason },
        `dead shard: the ${DEATHS_MAX}rd death within a minute; the broker closes`,
      );
      // In one line: the whole stack is in the log.
      this.options.onFatal(`shard ${index} died again and again: ${reason.split('\n', 1)[0]}`);
      return;
    }
    logger.error({ shard: index, reason }, 'dead shard: its partitions are being recovered by a new thread');
    seat.pulse.reset();
    const link = this.startLink(index, seat);
    seat.link = link;
    const openings: Promise<ShardReply>[] = [];
    const row = emptyRow();
    for (const entry of seat.entries) {
      if (entry === null) continue;
      seat.board.read(entry.slot, row);
      entry.spec = {
        ...entry.spec,
        clean: false,
        recoveryPoint: Math.max(entry.spec.recoveryPoint, row.flushedEndOffset),
        damagedRanges: Math.max(entry.spec.damagedRanges, row.damagedRanges),
        logStartOffset: Math.max(entry.spec.logStartOffset, row.logStartOffset),
      };
      entry.opening = link.request(entry.slot, entry.spec);
      openings.push(entry.opening);
    }
    void Promise.all(openings).then(() => {
      if (seat.link !== link) return;
      logger.info({ shard: index, tookMs: Math.round(clock.monotonicMs() - nowMs) }, 'the shard serves again');
    });
  }
}

const UNSURVEYED = { surveyed: new Map<PartitionEntry, SurveyedLog>(), surveying: null };

async function surveyOf(seat: ShardSeat): Promise<Map<PartitionEntry, SurveyedLog>> {
  const found = new Map<PartitionEntry, SurveyedLog>();
  for (let fromSlot = 0; fromSlot >= 0; ) {
    const { survey } = await seat.link.request(0, { kind: 'survey', fromSlot });
    for (const log of survey?.logs ?? []) {
      const entry = seat.entries[log.slot];
      if (entry != null) found.set(entry, log);
    }
    fromSlot = survey?.nextSlot ?? -1;
  }
  return found;
}

/** Never two at a time: whoever comes while one is under way shares it. */
function surveyAgain(seat: ShardSeat): Promise<void> {
  seat.surveying ??= surveyOf(seat).then((found) => {
    seat.surveyed = found;
    seat.surveying = null;
  });
  return seat.surveying;
}

function watchable(seat: ShardSeat) {
  return {
    pulse: seat.pulse,
    get hasUnread(): boolean {
      return seat.link.hasUnread;
    },
    describe(slot: number): object {
      const entry = seat.entries[slot];
      if (entry == null) return {};
      return { topic: entry.topic, partition: entry.index, folder: entry.logDirectory };
    },
  };
}
