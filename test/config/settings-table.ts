/** The README's table of settings, made from the declarations. Run with `--write` to put it into the README. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brokerSettings } from '../../src/config/broker-settings.js';
import { groupSettings } from '../../src/config/group-settings.js';
import { formatValue, type Setting } from '../../src/config/setting.js';
import { topicSettings } from '../../src/config/topic-settings.js';
import { projectRoot } from '../project-root.js';

const BEGIN = '<!-- settings -->\n';
const END = '<!-- /settings -->';

function rows(settings: Readonly<Record<string, Setting>>): string {
  return Object.entries(settings)
    .map(([name, { doc, dynamic, noEffect, ...setting }]) => {
      const value = setting.defaultName ?? (setting.default === null ? '-' : formatValue(setting.default));
      const marks = [dynamic ? '*dynamic*' : '', noEffect ? '*no effect*' : '']
        .filter((mark) => mark !== '')
        .join(', ');
      return `| \`${name}\` | ${value === '' ? '(empty)' : value} | ${doc.replaceAll('|', '\\|')}${marks === '' ? '' : ` (${marks})`} |\n`;
    })
    .join('');
}

export function settingsTable(): string {
  const head = '| name | default | meaning |\n|---|---|---|\n';
  return `\n**Of the node**\n\n${head}${rows(brokerSettings)}\n**Of a topic**\n\n${head}${rows(topicSettings)}\n**Of a group**\n\n${head}${rows(groupSettings)}\n`;
}

export function tableInReadme(readme: string): string {
  return readme.slice(readme.indexOf(BEGIN) + BEGIN.length, readme.indexOf(END));
}

if (process.argv[2] === '--write') {
  const path = join(projectRoot, 'README.md');
  const readme = readFileSync(path, 'utf8');
  const at = readme.indexOf(BEGIN) + BEGIN.length;
  writeFileSync(path, readme.slice(0, at) + settingsTable() + readme.slice(readme.indexOf(END)));
}
