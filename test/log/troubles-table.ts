/** The README's tables of what befalls logs and shards, made from the declarations. Run with `--write` to put them into the README. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { shardTroubles } from '../../src/base/shard-trouble.js';
import { storageTroubles } from '../../src/base/storage-trouble.js';
import { projectRoot } from '../project-root.js';

/** By the name in the marks around it. */
export const troubleTables: Readonly<Record<string, () => string>> = {
  troubles: storageTable,
  'shard troubles': shardTable,
};

function storageTable(): string {
  const rows = Object.entries(storageTroubles).map(
    ([name, { codes, effect, wayBack }]) => `| \`${name}\` | ${codes.join(', ')} | ${effect} | ${wayBack} |\n`,
  );
  return `\n| trouble | the system says | what happens | the way back |\n|---|---|---|---|\n${rows.join('')}\n`;
}

function shardTable(): string {
  const rows = Object.entries(shardTroubles).map(
    ([name, { sign, effect, wayBack, metric }]) =>
      `| \`${name}\` | ${sign} | ${effect} | ${wayBack} | \`${metric}\` |\n`,
  );
  return `\n| trouble | the sign | what happens | the way back | counted in |\n|---|---|---|---|---|\n${rows.join('')}\n`;
}

/** What lies between the marks: from where to where. */
function rangeIn(readme: string, name: string): [from: number, to: number] {
  const begin = `<!-- ${name} -->\n`;
  return [readme.indexOf(begin) + begin.length, readme.indexOf(`<!-- /${name} -->`)];
}

export function tableInReadme(readme: string, name: string): string {
  return readme.slice(...rangeIn(readme, name));
}

if (process.argv[2] === '--write') {
  const path = join(projectRoot, 'README.md');
  let readme = readFileSync(path, 'utf8');
  for (const [name, table] of Object.entries(troubleTables)) {
    const [from, to] = rangeIn(readme, name);
    readme = readme.slice(0, from) + table() + readme.slice(to);
  }
  writeFileSync(path, readme);
}
