/** The report as one HTML file that opens offline: tables, percentile curves, throughput over time. Process of `millrace bench`. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { decodeFromCompressedBase64, type Histogram } from 'hdr-histogram-js';
import type { Row } from './compare.js';
import { pageScript, pageStyle } from './html-page.js';
import { caption, headings, lines, type Report } from './report.js';

/** A line of a plot: x and y of equal length. */
interface Line {
  readonly label: string;
  readonly x: readonly number[];
  readonly y: readonly number[];
}

/** What the page draws for one cell. */
interface CellPlots {
  readonly cell: string;
  readonly percentiles: readonly Line[];
  readonly throughput: readonly Line[];
}

/** Points of a percentile curve for each factor of ten in 1 / (1 - q). */
const pointsPerDecade = 12;

/** x: 1 / (1 - q), so that 90 %, 99 %, 99.9 % lie equally far apart on a log axis; y: milliseconds. */
export function percentileCurve(histograms: readonly string[]): { x: number[]; y: number[] } {
  const x: number[] = [];
  const y: number[] = [];
  let all: Histogram | null = null;
  for (const encoded of histograms) {
    const one = decodeFromCompressedBase64(encoded);
    if (all === null) all = one;
    else all.add(one);
  }
  if (all === null) return { x, y };
  for (let step = 0; ; step++) {
    const rarity = 10 ** (step / pointsPerDecade);
    // Beyond one in all there is no measurement left to tell of.
    if (rarity > all.totalCount) break;
    x.push(rarity);
    y.push(all.getValueAtPercentile(100 * (1 - 1 / rarity)) / 1000);
  }
  return { x, y };
}

/** Of the run whose rate is nearest to the median; x: seconds, y: MB/s. */
export function throughputCurve(row: Row): { x: number[]; y: number[] } | null {
  const median = row.ranges.megabytesPerSecond?.median ?? 0;
  const distance = (rate: number | null) => Math.abs((rate ?? 0) - median);
  const drawn = row.runs
    .filter((run) => run.timeline !== null)
    .sort((a, b) => distance(a.figures.megabytesPerSecond) - distance(b.figures.megabytesPerSecond))[0];
  if (drawn === undefined || drawn.timeline === null) return null;
  const { stepMs, bytes } = drawn.timeline;
  return {
    x: bytes.map((_, at) => ((at + 1) * stepMs) / 1000),
    y: bytes.map((count) => count / 1e6 / (stepMs / 1000)),
  };
}

function plotsOf(cell: string, rows: readonly Row[]): CellPlots {
  const percentiles: Line[] = [];
  const throughput: Line[] = [];
  for (const row of rows) {
    const curve = percentileCurve(row.runs.flatMap((run) => run.histogram ?? []));
    if (curve.x.length > 1) percentiles.push({ label: row.who, ...curve });
    const pace = throughputCurve(row);
    if (pace !== null && pace.x.length > 1) throughput.push({ label: row.who, ...pace });
  }
  return { cell, percentiles, throughput };
}

export function html(report: Report): string {
  const table = lines(report);
  const names = [...new Set(report.rows.map((row) => row.cell))];
  const sections = names.map((cell) => {
    const own = report.rows.flatMap((row, at) => (row.cell === cell ? [{ row, cells: table[at].slice(1) }] : []));
    return section(cell, own);
  });
  const plots = names.map((cell) =>
    plotsOf(
      cell,
      report.rows.filter((row) => row.cell === cell),
    ),
  );
  const tools = report.tools.map(({ who, tool, lines }) => {
    return `<h3>${escapeHtml(tool)}, ${escapeHtml(who)}</h3><pre>${escapeHtml(lines.join('\n'))}</pre>`;
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Millrace bench, ${escapeHtml(report.machine.date)}</title>
<style>${chartFile('uPlot.min.css')}${pageStyle}</style>
</head>
<body>
<h1>Millrace bench</h1>
<p>${escapeHtml(caption(report))}</p>
<nav>${names.map((name) => `<a href="#${escapeHtml(name)}">${escapeHtml(name)}</a>`).join(' ')}</nav>
${sections.join('\n')}
${tools.length > 0 ? `<section><h2>Apache Kafka's own tools</h2>${tools.join('\n')}</section>` : ''}
<script type="application/json" id="plots">${embedded(plots)}</script>
<script type="application/json" id="report">${embedded(report)}</script>
<script>${chartFile('uPlot.iife.min.js')}</script>
<script>${pageScript}</script>
</body>
</html>
`;
}

function section(cell: string, rows: readonly { row: Row; cells: readonly string[] }[]): string {
  const head = headings.slice(1).map((heading) => `<th>${escapeHtml(heading)}</th>`);
  const body = rows.map(({ row, cells }) => {
    return `<tr class="${row.role}">${cells.map((text) => `<td>${escapeHtml(text)}</td>`).join('')}</tr>`;
  });
  const failures = rows.flatMap(({ row }) => (row.failure === null ? [] : `${row.who}: ${row.failure}`));
  return `<section id="${escapeHtml(cell)}">
<h2>${escapeHtml(rows[0].row.title)}</h2>
<div class="wide"><table><thead><tr>${head.join('')}</tr></thead><tbody>${body.join('')}</tbody></table></div>
${failures.map((failure) => `<p class="failure">${escapeHtml(failure)}</p>`).join('')}
<div class="plots" data-cell="${escapeHtml(cell)}"></div>
</section>`;
}

function chartFile(name: string): string {
  const folder = dirname(createRequire(import.meta.url).resolve('uplot'));
  return readFileSync(join(folder, name), 'utf8');
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** JSON that cannot end the script element it stands in. */
function embedded(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}
