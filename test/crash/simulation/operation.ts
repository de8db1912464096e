/** What a simulated life consists of: operations that mean something in any state, so that a life may be shortened. Test process. */
import { type Random, randomOf } from '../../history/good-history.js';

export type OperationKind =
  | 'produce'
  | 'repeat'
  | 'turn'
  | 'advance'
  | 'read'
  | 'lookUp'
  | 'deleteRecords'
  | 'reconfigure'
  | 'recreate'
  | 'sideJob'
  | 'checkpoint'
  | 'stop'
  | 'kill'
  | 'cut'
  | 'killLater'
  | 'cutLater'
  | 'threadDeath'
  | 'fault'
  | 'heal'
  | 'rot';

/** `a`, `b` and `c` are taken modulo what there is to choose from when the operation comes. */
export interface SimOperation {
  readonly kind: OperationKind;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

const WEIGHTS: Record<OperationKind, number> = {
  produce: 34,
  repeat: 3,
  turn: 30,
  advance: 6,
  read: 8,
  lookUp: 1,
  deleteRecords: 1,
  reconfigure: 1,
  recreate: 0.3,
  sideJob: 6,
  checkpoint: 2,
  stop: 0.2,
  kill: 0.2,
  cut: 0.3,
  killLater: 0.15,
  cutLater: 0.3,
  threadDeath: 0.15,
  fault: 1.2,
  heal: 1.2,
  // Only in lives made for it.
  rot: 0,
};

/** Each life goes without some of these: what always comes together hides what comes alone. */
const OPTIONAL: readonly (readonly OperationKind[])[] = [
  ['fault', 'heal'],
  ['rot'],
  ['deleteRecords'],
  ['reconfigure'],
  ['recreate'],
  ['threadDeath'],
  ['repeat'],
  ['stop'],
  ['kill', 'killLater'],
  ['sideJob'],
  ['checkpoint'],
];

/** The same seed, the same life. */
export function operationsOf(seed: number, count: number, crashesMin: number): SimOperation[] {
  const random = randomOf(seed);
  const weights = { ...WEIGHTS };
  for (const group of OPTIONAL) if (random(3) === 0) for (const kind of group) weights[kind] = 0;
  const kinds = Object.entries(weights) as [OperationKind, number][];
  const total = kinds.reduce((sum, [, weight]) => sum + weight, 0);
  const operations = Array.from({ length: count }, () => drawn(random, pick(kinds, (random(1e6) / 1e6) * total)));
  // However the dice fall: crashes, spread over the life.
  for (let crash = 0; crash < crashesMin; crash++) {
    const at = Math.floor(((crash + 0.5 + random(100) / 250) * count) / crashesMin);
    operations[at] = drawn(random, random(2) === 0 ? 'cut' : 'cutLater');
  }
  return operations;
}

function drawn(random: Random, kind: OperationKind): SimOperation {
  return { kind, a: random(1e9), b: random(1e9), c: random(1e9) };
}

function pick(kinds: readonly [OperationKind, number][], at: number): OperationKind {
  let left = at;
  for (const [kind, weight] of kinds) {
    if (weight === 0) continue;
    left -= weight;
    if (left < 0) return kind;
  }
  return 'turn';
}
