/** The README's table of what disks do to logs, made from the declarations. Run with `--write` to put it into the README. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { storageTroubles } from '../../src/base/storage-trouble.js';
import { projectRoot } from '../project-root.js';

const BEGIN = '<!-- troubles -->\n';
const END = '<!-- /troubles -->';

export function troublesTable(): string {
  const rows = Object.entries(storageTroubles).map(
    ([name, { codes, effect, wayBack }]) => `| \`${name}\` | ${codes.join(', ')} | ${effect} | ${wayBack} |\n`,
  );
  return `\n| trouble | the system says | what happens | the way back |\n|---|---|---|---|\n${rows.join('')}\n`;
}

export function troublesInReadme(readme: string): string {
  return readme.slice(readme.indexOf(BEGIN) + BEGIN.length, readme.indexOf(END));
}

if (process.argv[2] === '--write') {
  const path = join(projectRoot, 'README.md');
  const readme = readFileSync(path, 'utf8');
  const at = readme.indexOf(BEGIN) + BEGIN.length;
  writeFileSync(path, readme.slice(0, at) + troublesTable() + readme.slice(readme.indexOf(END)));
}
