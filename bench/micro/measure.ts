/** Runs micro benchmarks with tinybench: many operations per sample, because one is shorter than the clock's step. Bench process. */
import { Bench } from 'tinybench';

/** `small` proves within a blink that a benchmark still runs; `full` is for figures. */
export type Size = 'small' | 'full';

export interface MicroTask {
  readonly name: string;
  /** How often `run` does what is measured. */
  readonly operations: number;
  /** Bytes that one operation works on, where a rate means something. */
  readonly bytes?: number;
  readonly run: () => void | Promise<void>;
}

export interface MicroFigure {
  readonly name: string;
  readonly nanosecondsPerOperation: number;
  /** Of the samples' means: the spread that a busy machine makes. */
  readonly p99NanosecondsPerOperation: number;
  readonly gigabytesPerSecond: number | null;
}

export async function measure(size: Size, tasks: readonly MicroTask[]): Promise<MicroFigure[]> {
  const bench =
    size === 'small'
      ? new Bench({ time: 0, iterations: 3, warmup: false, throws: true })
      : new Bench({ time: 1000, iterations: 50, warmupTime: 300, throws: true });
  for (const task of tasks) bench.add(task.name, task.run);
  await bench.run();
  return tasks.map(({ name, operations, bytes }) => {
    const result = bench.getTask(name)?.result;
    if (result?.state !== 'completed') throw new Error(`${name} did not complete: ${result?.state}`);
    const nanoseconds = (result.latency.p50 * 1e6) / operations;
    return {
      name,
      nanosecondsPerOperation: nanoseconds,
      p99NanosecondsPerOperation: (result.latency.p99 * 1e6) / operations,
      gigabytesPerSecond: bytes === undefined ? null : bytes / nanoseconds,
    };
  });
}
