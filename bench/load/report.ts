/** The table of figures, as text and as Markdown. Runs in the process of `millrace bench`. */
import type { Row } from './compare.js';
import type { Range } from './figures.js';
import type { Machine } from './machine.js';
import { ratioToLimit, ratioToPeer } from './ratio.js';

export interface Report {
  readonly machine: Machine;
  readonly runs: number;
  readonly secondsPerRun: number;
  readonly rows: readonly Row[];
  /** What other people's programs printed. */
  readonly tools: readonly ToolRun[];
}

/** One run of a program of Apache Kafka's against one broker. */
export interface ToolRun {
  readonly who: string;
  readonly tool: string;
  readonly lines: readonly string[];
}

export const headings: readonly string[] = [
  'work',
  'who',
  'MB/s',
  'records/s',
  'p50 / p99 / p99.9 ms',
  'broker CPU',
  'broker MB',
  'client CPU-s/GB',
  'also',
  'of limit',
  'to peer',
];

/** `median (min-max)` with as many digits as the size of the number deserves. */
function range(value: Range | null): string {
  if (value === null) return '';
  const { median, min, max } = value;
  return min === max ? number(median) : `${number(median)} (${number(min)}-${number(max)})`;
}

function number(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en-US');
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function latency({ ranges }: Row): string {
  const { startToAckMs, p50Ms, p99Ms, p999Ms } = ranges;
  if (startToAckMs !== null) return `${range(startToAckMs)} to first ack`;
  if (p50Ms === null || p99Ms === null || p999Ms === null) return '';
  return `${number(p50Ms.median)} / ${number(p99Ms.median)} / ${number(p999Ms.median)}`;
}

/** Per GB where the broker was driven as hard as it goes, in per cent of one core where the pace was given. */
function cpu({ judgedBy, ranges }: Row): string {
  const paced = judgedBy !== 'megabytesPerSecond' && judgedBy !== 'requestsPerSecond';
  const value = paced ? ranges.serverCpuPercent : ranges.serverCpuSecondsPerGb;
  return value === null ? '' : `${number(value.median)} ${paced ? '%' : 's/GB'}`;
}

function also({ ranges }: Row): string {
  return Object.entries(ranges.extra)
    .map(([name, { median }]) => `${name} ${number(median)}`)
    .join(', ');
}

function cellsOf(row: Row, rows: readonly Row[], first: boolean): string[] {
  const { ranges } = row;
  const ofLimit = ratioToLimit(row, rows);
  const toPeer = ratioToPeer(row, rows);
  return [
    first ? row.title : '',
    row.who + (row.failure === null ? '' : ' (failed)'),
    range(ranges.megabytesPerSecond),
    ranges.recordsPerSecond === null ? '' : number(ranges.recordsPerSecond.median),
    latency(row),
    cpu(row),
    ranges.serverResidentMb === null ? '' : number(ranges.serverResidentMb.median),
    ranges.clientCpuSecondsPerGb === null ? '' : number(ranges.clientCpuSecondsPerGb.median),
    also(row),
    ofLimit === null ? '' : `${Math.round(100 * ofLimit)} %`,
    toPeer === null ? '' : `x ${number(toPeer)}`,
  ];
}

/** One line of text per row, in the order of {@link headings}. */
export function lines({ rows }: Report): string[][] {
  return rows.map((row, at) => cellsOf(row, rows, at === 0 || rows[at - 1].cell !== row.cell));
}

/** One sentence about where and how the figures were measured. */
export function caption({ machine, runs, secondsPerRun, rows }: Report): string {
  const { processor, cores, memoryGb, kernel, node, date } = machine;
  const noisy = rows.filter((row) => row.calmRounds === 0).length;
  return (
    `${date}, ${processor}, ${cores} cores, ${memoryGb} GB, ${kernel}, Node.js ${node}; broker and client share the machine; ` +
    `medians (smallest-largest) of ${runs} interleaved runs of ${secondsPerRun} s; per cent of CPU are of one core; "of limit" and "to peer" compare what the cell is about, above 100 % or x 1 is better.` +
    (noisy > 0 ? ` The machine was never calm during ${noisy} of ${rows.length} rows.` : '')
  );
}

export function markdown(report: Report): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const table = [line(headings), line(headings.map(() => '---')), ...lines(report).map(line)];
  return `${table.join('\n')}\n\n${caption(report)}\n`;
}

export function text(report: Report): string {
  const all = [headings, ...lines(report)];
  const widths = headings.map((_, column) => Math.max(...all.map((cells) => cells[column].length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd();
  return `${all.map(line).join('\n')}\n\n${caption(report)}\n`;
}

/** The lines of other people's programs, unchanged, under a line that says whose they are. */
export function toolText(tools: readonly ToolRun[]): string {
  return tools.map(({ who, tool, lines }) => `\n${tool} against ${who}:\n${lines.join('\n')}\n`).join('');
}
