/** What a job counts into while it is measured: bytes, latencies, and how both went over time. Runs in the load client. */
import type { JobResult, Stretch, Timeline } from './job.js';
import { Latencies } from './latencies.js';
import { CpuWindow } from './process-stat.js';

/** Runs longer than this are drawn second by second, shorter ones ten times finer. */
const fineSecondsMax = 120;

export interface MeterOptions {
  readonly serverPid: number | null;
  readonly seconds: number;
  readonly stretchSeconds?: number;
}

/** The bytes of each step, scaled to its length: timers are late when the client is busy. */
class StepClock {
  readonly bytes: number[] = [];
  private lastMs = performance.now();
  private lastBytes = 0;
  private readonly timer: NodeJS.Timeout;

  constructor(
    readonly stepMs: number,
    private readonly meter: Meter,
  ) {
    this.timer = setInterval(() => this.step(), stepMs);
  }

  end(): Timeline {
    clearInterval(this.timer);
    return { stepMs: this.stepMs, bytes: this.bytes };
  }

  private step(): void {
    const nowMs = performance.now();
    const { bytes } = this.meter;
    this.bytes.push(Math.round(((bytes - this.lastBytes) * this.stepMs) / (nowMs - this.lastMs)));
    this.lastMs = nowMs;
    this.lastBytes = bytes;
  }
}

export class Meter {
  bytes = 0;
  /** Those of the warm-up as well. */
  allBytes = 0;
  records = 0;
  requests = 0;
  /** Whether what happens now counts. Jobs that know by themselves what counts need not ask. */
  measuring = false;
  private readonly latencies = new Latencies();
  private stretch: Latencies | null = null;
  private readonly stretches: Stretch[] = [];
  private stretchTimer: NodeJS.Timeout | undefined;
  private stretchStartMs = 0;
  private stretchStartBytes = 0;
  private startedMs = 0;
  private cpu: CpuWindow | null = null;
  private clock: StepClock | null = null;

  latency(milliseconds: number): void {
    this.latencies.record(milliseconds);
    this.stretch?.record(milliseconds);
  }

  begin({ serverPid, seconds, stretchSeconds }: MeterOptions): void {
    this.measuring = true;
    this.startedMs = performance.now();
    this.cpu = new CpuWindow(serverPid);
    this.clock = new StepClock(seconds > fineSecondsMax ? 1000 : 100, this);
    if (stretchSeconds === undefined) return;
    this.stretch = new Latencies();
    this.stretchStartMs = this.startedMs;
    this.stretchStartBytes = this.bytes;
    this.stretchTimer = setInterval(() => this.endStretch(), stretchSeconds * 1000);
  }

  /** Ends what is measured; latencies that are taken later still count towards the result. */
  end(): () => JobResult {
    if (this.cpu === null || this.clock === null) throw new Error('what was never begun cannot end');
    this.measuring = false;
    const used = this.cpu.end();
    const seconds = (performance.now() - this.startedMs) / 1000;
    const timeline = this.clock.end();
    clearInterval(this.stretchTimer);
    return () => {
      const { bytes, records, requests, stretches } = this;
      const latencyMs = this.latencies.percentiles();
      const histogram = this.latencies.encoded();
      return { seconds, bytes, records, requests, latencyMs, histogram, timeline, stretches, extra: {}, ...used };
    };
  }

  private endStretch(): void {
    const { stretch } = this;
    if (stretch === null) return;
    const nowMs = performance.now();
    const percentiles = stretch.percentiles();
    this.stretches.push({
      seconds: (nowMs - this.stretchStartMs) / 1000,
      bytes: this.bytes - this.stretchStartBytes,
      p999Ms: percentiles?.p999 ?? null,
      maxMs: percentiles?.max ?? null,
    });
    stretch.reset();
    this.stretchStartMs = nowMs;
    this.stretchStartBytes = this.bytes;
  }
}
