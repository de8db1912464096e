/** Prints all micro benchmarks as a Markdown table, or as JSON with --json. A process of its own; run it on a quiet machine. */
import { machine } from '../load/machine.js';
import { microBenches } from './all.js';
import type { MicroFigure } from './measure.js';

const figures: MicroFigure[] = [];
for (const bench of Object.values(microBenches)) figures.push(...(await bench('full')));

if (process.argv.includes('--json')) {
  process.stdout.write(`${JSON.stringify({ machine: machine(), figures }, null, 1)}\n`);
} else {
  process.stdout.write('| operation | ns (median) | ns (p99) | GB/s |\n| --- | --- | --- | --- |\n');
  for (const { name, nanosecondsPerOperation, p99NanosecondsPerOperation, gigabytesPerSecond } of figures) {
    const cells = [name, nanosecondsPerOperation.toFixed(0), p99NanosecondsPerOperation.toFixed(0)];
    process.stdout.write(`| ${cells.join(' | ')} | ${gigabytesPerSecond?.toFixed(2) ?? ''} |\n`);
  }
}
