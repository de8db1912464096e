/** Takes operations out of a life that failed for as long as it fails in the same way. Test process. */
import type { SimOperation } from './operation.js';
import { Simulation } from './simulation.js';

const TRACE_LINES_MAX = 400;
const RUNS_MAX = 3000;

export function shortened(
  seed: number,
  operations: readonly SimOperation[],
  failure: Error,
): { left: readonly SimOperation[]; trace: readonly string[] } {
  const wanted = kindOf(failure);
  let runs = 0;
  const fails = (candidate: readonly SimOperation[]): number | null => {
    runs++;
    const result = new Simulation(seed).run(candidate);
    return result.failure !== null && kindOf(result.failure) === wanted ? result.at : null;
  };
  const at = fails(operations) ?? operations.length - 1;
  let left = operations.slice(0, at + 1);
  for (
    let size = Math.ceil(left.length / 2);
    size >= 1 && runs < RUNS_MAX;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let from = 0; from < left.length && runs < RUNS_MAX; ) {
      const candidate = [...left.slice(0, from), ...left.slice(from + size)];
      const failedAt = fails(candidate);
      if (failedAt === null) from += size;
      else left = candidate.slice(0, failedAt + 1);
    }
  }
  const trace: string[] = [];
  trace.push(String(new Simulation(seed, (line) => trace.push(line)).run(left).failure));
  return { left, trace: trace.slice(-TRACE_LINES_MAX) };
}

/** Which promise it is: what stands in front of the first colon, or the place in the code. */
function kindOf(error: Error): string {
  const colon = error.message.indexOf(':');
  return colon > 0 && colon < 40 ? error.message.slice(0, colon) : (error.stack?.split('\n')[1] ?? error.message);
}
