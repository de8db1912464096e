/** How the budget is decided: from a real folder's disk, tried again where that fails, and told once. Test process. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { BudgetFolder } from '../../src/partition/budget-folder.js';
import { DiskBudget } from '../../src/partition/disk-budget.js';
import { FakeClock } from '../base/fake-clock.js';
import { listening } from '../base/listening-logger.js';
import { temporaryFolder } from '../temp-folder.js';

const TRY_AGAIN_MS = 5000;

test('a decision that cannot be written down is tried until it can, and told once; it is 80 % of what is free', async () => {
  const folder = new BudgetFolder(temporaryFolder('budget'));
  const { logger, lines } = listening();
  const clock = new FakeClock();
  let tries = 0;
  const budget = new DiskBudget({
    ...{ clock, logger, folder, configuredBytes: null },
    survey: async () => {
      tries++;
      return new Map();
    },
    evict: async () => null,
    appendedBytes: () => 0,
    ...{ refuse() {}, capSegments() {}, releaseDeleted() {} },
  });
  const inTheWay = join(folder.directory, 'millrace-budget.tmp');
  mkdirSync(inTheWay);
  await budget.begin();
  for (let again = 2; again <= 4; again++) {
    clock.advance(TRY_AGAIN_MS);
    while (tries < again || clock.pending === 0) await nextTurn();
  }
  assert.equal(budget.standing.state, 'unwatched');
  assert.equal(lines.length, 1);
  assert.equal(lines[0].level, 'warn');
  assert.match(lines[0].message, /the disk budget is not decided/);
  const { folder: named, reason } = lines[0].fields;
  assert.equal(named, folder.directory);
  assert.ok(String(reason).includes(inTheWay), `what failed is named: ${reason}`);

  rmdirSync(inTheWay);
  const { freeBytes } = await folder.space();
  clock.advance(TRY_AGAIN_MS);
  while (budget.standing.state === 'unwatched') await nextTurn();
  const { budgetBytes } = budget.standing;
  assert.ok(Math.abs(budgetBytes - 0.8 * freeBytes) < 0.05 * freeBytes, `${budgetBytes} of ${freeBytes} B free`);
  assert.match(readFileSync(join(folder.directory, 'millrace-budget'), 'utf8'), new RegExp(`=${budgetBytes}\n`));
  await budget.close();
});
