/** What runs inside of the HTML report: style and drawing, as text. The browser's side of the bench. */

export const pageStyle = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 1200px; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 3rem; font-size: 1.15rem; }
nav a { margin-right: 0.6rem; white-space: nowrap; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 0.2rem 0.7rem; border-bottom: 1px solid #8884; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
tr.product td { font-weight: 600; }
tr.limit td { opacity: 0.75; }
.plots { display: flex; flex-wrap: wrap; gap: 1.5rem; margin-top: 1rem; }
.failure { color: #c33; }
.u-legend { text-align: left; }
`;

export const pageScript = `
'use strict';
const colours = ['#0a7', '#d62', '#36c', '#a3a', '#888', '#c93'];
const ink = matchMedia('(prefers-color-scheme: dark)').matches ? '#ccc' : '#333';
const axis = { stroke: ink, grid: { stroke: '#8883' }, ticks: { stroke: '#8886' } };

function draw(place, title, lines, scales, axes, value) {
  if (lines.length === 0) return;
  const tables = lines.map((line) => [line.x, line.y]);
  new uPlot({
    title, width: 560, height: 300, scales, axes,
    series: [
      { label: value.xLabel, value: (_, x) => (x == null ? '' : value.x(x)) },
      ...lines.map((line, at) => ({
        label: line.label, stroke: colours[at % colours.length], width: 2, spanGaps: true, points: { show: false },
        value: (_, y) => (y == null ? '' : value.y(y)),
      })),
    ],
  }, uPlot.join(tables), place);
}

const percent = (rarity) => {
  if (rarity < 1.5) return '0 %';
  const digits = Math.max(0, Math.ceil(Math.log10(rarity)) - 2);
  return (100 * (1 - 1 / rarity)).toFixed(digits) + ' %';
};
const short = (number) => Number(number.toPrecision(3)).toString();

for (const { cell, percentiles, throughput } of JSON.parse(document.getElementById('plots').textContent)) {
  const place = document.querySelector('.plots[data-cell="' + cell + '"]');
  draw(place, 'latency by percentile', percentiles,
    { x: { time: false, distr: 3 }, y: { distr: 3 } },
    [{ ...axis, values: (_, all) => all.map((x) => (x == null || !Number.isInteger(Math.log10(x)) ? '' : percent(x))) },
     { ...axis, label: 'ms', stroke: ink, values: (_, all) => all.map((y) => (y == null ? '' : short(y))) }],
    { xLabel: 'percentile', x: percent, y: (y) => short(y) + ' ms' });
  draw(place, 'throughput over time', throughput,
    { x: { time: false }, y: { range: (_, low, high) => [0, high * 1.05] } },
    [{ ...axis, label: 'seconds' }, { ...axis, label: 'MB/s' }],
    { xLabel: 'seconds', x: (x) => x.toFixed(1), y: (y) => short(y) + ' MB/s' });
}
`;
