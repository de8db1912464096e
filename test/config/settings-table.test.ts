/** The README says what the settings are: its table is the one that the declarations make. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from '../project-root.js';
import { settingsTable, tableInReadme } from './settings-table.js';

test('the table of settings in the README is made from the declarations', () => {
  const readme = readFileSync(join(projectRoot, 'README.md'), 'utf8');
  assert.equal(tableInReadme(readme), settingsTable(), 'run: node dist/test/config/settings-table.js --write');
});
