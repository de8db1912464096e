/** The sets of cells: names that can be told apart, and times that were promised. Test process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runningPeer } from '../../bench/load/broker.js';
import { cells, cellsOf } from '../../bench/load/cells.js';
import { estimatedMinutes } from '../../bench/load/estimate.js';
import { readOptions } from '../../bench/load/options.js';
import { asItComes, copyPath, millrace } from '../../bench/load/product.js';

const ours = millrace(asItComes, '', [], async () => {});
const copying = millrace(copyPath, '', [], async () => {});

test('no two cells share a name', () => {
  assert.equal(new Set(cells.map(({ name }) => name)).size, cells.length);
});

test('the quick set takes less than six minutes', () => {
  const plan = { contenders: [ours], cells: cellsOf('quick'), limits: 'first', runs: 3, secondsPerRun: 3 } as const;
  const minutes = estimatedMinutes(plan);
  assert.ok(minutes < 6, `${minutes} min`);
});

test('the full set takes less than an hour, a peer included', () => {
  const peer = { ...ours, onlyCells: null, startWatched: null, name: runningPeer('127.0.0.1', 1, null).name };
  const contenders = [ours, copying, peer];
  const minutes = estimatedMinutes({ contenders, cells: cellsOf('full'), limits: 'all', runs: 5, secondsPerRun: 5 });
  assert.ok(minutes < 59, `${minutes} min`);
});

test('cells are chosen by name, by beginning, or not at all', () => {
  const chosen = readOptions(['--cells', 'start,fan-out-*']).cells;
  assert.ok(chosen);
  assert.deepEqual(chosen.map(({ name }) => name)[0], 'start');
  assert.equal(chosen.length, 1 + cells.filter(({ name }) => name.startsWith('fan-out-')).length);
  assert.equal(readOptions(['--no-cells']).cells, false);
  assert.equal(readOptions([]).cells, undefined);
  assert.equal(readOptions(['--sustained']).sustained, true);
  assert.equal(readOptions(['--sustained', '5']).sustained, 5);
});
