/** The README's table of metrics, made from the declarations. Run with `--write` to put it into the README. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Instrument, instruments } from '../../src/metrics/instruments.js';
import { projectRoot } from '../project-root.js';

const BEGIN = '<!-- metrics -->\n';
const END = '<!-- /metrics -->';

export function instrumentsTable(): string {
  const rows = Object.entries<Instrument>(instruments).map(([name, { kind, labels, doc }]) => {
    const by = labels.length === 0 ? '' : `{${labels.join(', ')}}`;
    return `| \`${name}${by}\` | ${kind} | ${doc} |\n`;
  });
  return `\n| name | kind | meaning |\n|---|---|---|\n${rows.join('')}\n`;
}

export function metricsInReadme(readme: string): string {
  return readme.slice(readme.indexOf(BEGIN) + BEGIN.length, readme.indexOf(END));
}

if (process.argv[2] === '--write') {
  const path = join(projectRoot, 'README.md');
  const readme = readFileSync(path, 'utf8');
  const at = readme.indexOf(BEGIN) + BEGIN.length;
  writeFileSync(path, readme.slice(0, at) + instrumentsTable() + readme.slice(readme.indexOf(END)));
}
