/** Preloaded into a broker that is watched: at each SIGUSR2 it writes what its event loop did since the last one. Main thread of the broker. */
import { renameSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

/** What the probe writes; milliseconds. */
export interface LoopReading {
  /** Counts the signals: 1 for the first. */
  readonly sequence: number;
  readonly loopP50Ms: number;
  readonly loopP99Ms: number;
  readonly loopMaxMs: number;
}

/** Names the file that the reading goes to. */
export const stallFileVariable = 'MILLRACE_BENCH_STALLS';

/** The monitor's own timer: what it measures is this much plus the delay. */
const resolutionMs = 1;

const path = process.env[stallFileVariable];
if (isMainThread && path !== undefined) {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  let sequence = 0;
  process.on('SIGUSR2', () => {
    const beyond = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - resolutionMs);
    const reading: LoopReading = {
      sequence: ++sequence,
      loopP50Ms: beyond(delay.percentile(50)),
      loopP99Ms: beyond(delay.percentile(99)),
      loopMaxMs: beyond(delay.max),
    };
    delay.reset();
    // Whoever waits for the file shall never see half of it.
    writeFileSync(`${path}.new`, JSON.stringify(reading));
    renameSync(`${path}.new`, path);
  });
}
