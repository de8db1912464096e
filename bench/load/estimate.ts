/** How long a plan takes, from what each kind of run takes beside its measured seconds. Process of `millrace bench`. */
import type { Cell } from './cell.js';
import type { Plan } from './compare.js';

/** Start of a client, warm-up, sync, noise meter, and making and deleting the topic. */
const besideSeconds = 2.2;
/** A start, settling, and five seconds at rest; the same for a restart that is filled first. */
const startSeconds = 8.5;
const restartSeconds = 8;
const timedLimitSeconds = 1;
/** A broker of its own, or one that is watched. */
const ownBrokerSeconds = 2;
/** Filling at this pace is certain even on slow disks. */
const fillMbPerSecond = 300;

function seconds(cell: Cell, brokers: number, limits: number, plan: Pick<Plan, 'runs' | 'secondsPerRun'>): number {
  if (cell.kind === 'start') return plan.runs * (brokers * startSeconds + limits * timedLimitSeconds);
  if (cell.kind === 'restart') return plan.runs * (brokers * restartSeconds + limits * timedLimitSeconds);
  if (cell.kind === 'deletion') {
    const fill = (cell.segments * cell.segmentBytes) / 1e6 / fillMbPerSecond;
    return plan.runs * brokers * (fill + 2 * (cell.windowSeconds + besideSeconds));
  }
  const one = Math.max(plan.secondsPerRun, cell.secondsMin) + besideSeconds;
  const own = cell.fresh || cell.stalls ? ownBrokerSeconds : 0;
  const fills = (cell.preloadBytes / 1e6 / fillMbPerSecond) * (cell.stalls ? plan.runs : 1);
  return plan.runs * (brokers * (one + own) + limits * one) + brokers * fills;
}

export function estimatedMinutes(
  plan: Pick<Plan, 'contenders' | 'cells' | 'limits' | 'runs' | 'secondsPerRun'>,
): number {
  let sum = 0;
  for (const cell of plan.cells) {
    const brokers = plan.contenders.filter(({ role, onlyCells, startFresh, startWatched }) => {
      if (onlyCells !== null && !cell.name.startsWith(onlyCells)) return false;
      if (cell.kind === 'deletion') return role === 'product';
      if (cell.kind !== 'load') return startFresh !== null;
      return !cell.stalls || startWatched !== null;
    });
    const limits =
      plan.limits === 'none' ? 0 : plan.limits === 'first' ? Math.min(1, cell.limits.length) : cell.limits.length;
    sum += seconds(cell, brokers.length, limits, plan);
  }
  return sum / 60;
}
