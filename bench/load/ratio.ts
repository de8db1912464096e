/** One figure of a row against the same figure of another: how far from the limit, how far ahead of a peer. Process of `millrace bench`. */
import type { Row } from './compare.js';
import type { FigureName } from './figures.js';

/** Times, processor shares and memory: the less the better. All other figures are rates. */
const smallerIsBetter: ReadonlySet<FigureName> = new Set([
  'p50Ms',
  'p99Ms',
  'p999Ms',
  'maxMs',
  'serverCpuSecondsPerGb',
  'serverCpuPercent',
  'serverResidentMb',
  'clientCpuSecondsPerGb',
  'startToAckMs',
]);

/** How good `row` is beside `other` in what its cell is judged by; above 1 it is the better one. Null where either has no such figure. */
export function ratio(row: Row, other: Row | undefined): number | null {
  const name = row.judgedBy;
  const [own, theirs] = [row.ranges[name]?.median, other?.ranges[name]?.median];
  if (own === undefined || theirs === undefined || own === 0 || theirs === 0) return null;
  return smallerIsBetter.has(name) ? theirs / own : own / theirs;
}

/** To the first limit of the same cell; null for limits themselves. */
export function ratioToLimit(row: Row, rows: readonly Row[]): number | null {
  if (row.role === 'limit') return null;
  return ratio(
    row,
    rows.find((other) => other.cell === row.cell && other.role === 'limit'),
  );
}

/** To the first other broker of the same cell; only the product is compared with it. */
export function ratioToPeer(row: Row, rows: readonly Row[]): number | null {
  if (row.role !== 'product') return null;
  return ratio(
    row,
    rows.find((other) => other.cell === row.cell && other.role === 'peer'),
  );
}
