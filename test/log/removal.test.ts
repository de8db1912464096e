/** Files that go bit by bit, and those that somebody still has a use for. On real files. */
import assert from 'node:assert/strict';
import {
  closeSync,
  existsSync,
  fstatSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type RemovalHost, removeAll } from '../../src/log/removal.js';
import { temporaryFolder } from '../temp-folder.js';

const MiB = 1024 * 1024;

/** A file whose bytes take no room; its last ones can be told from a hole. */
function largeFile(path: string, mebibytes: number): string {
  writeFileSync(path, 'begins');
  truncateSync(path, mebibytes * MiB);
  return path;
}

class PauseCounter implements RemovalHost {
  count = 0;

  waitingMs(): number {
    return 0;
  }

  pause(): void {
    this.count++;
  }
}

test('a large file loses its name at once and its end bit by bit, with a pause after each', { skip: noProc() }, () => {
  const path = largeFile(join(temporaryFolder('removal'), 'a.log.deleted'), 70);
  const seen: boolean[] = [];
  removeAll([path], { waitingMs: () => 0, pause: () => seen.push(existsSync(path)) });
  assert.deepEqual(seen, new Array(17).fill(false), '4 MiB at a time, the last 2 MiB without a pause behind them');
});

test('the longer others wait the shorter are the pauses', { skip: noProc() }, () => {
  const pausesMs: number[] = [];
  for (const waitingMs of [0, 10_000, 20_000, 80_000]) {
    const path = largeFile(join(temporaryFolder('removal'), 'a.log.deleted'), 4);
    truncateSync(path, 4 * MiB + 1);
    removeAll([path], { waitingMs: () => waitingMs, pause: (ms) => pausesMs.push(ms) });
  }
  assert.deepEqual(
    pausesMs.map((ms) => pausesMs[0] / ms),
    [1, 2, 3, 9],
  );
});

test('small files of a folder are taken together, and the folder goes', () => {
  const folder = join(temporaryFolder('removal'), 't-0.deleted');
  mkdirSync(folder);
  for (let i = 0; i < 10; i++) largeFile(join(folder, `${i}.log`), 1);
  const pauses = new PauseCounter();
  removeAll([folder], pauses);
  assert.equal(existsSync(folder), false);
  assert.equal(pauses.count, 2);
  removeAll([folder], pauses);
});

test('whoever still has a large file open reads all of it', () => {
  const path = largeFile(join(temporaryFolder('removal'), 'a.log.deleted'), 40);
  const reader = openSync(path, 'r');
  try {
    const pauses = new PauseCounter();
    removeAll([path], pauses);
    assert.equal(existsSync(path), false);
    assert.equal(fstatSync(reader).size, 40 * MiB);
    const bytes = Buffer.alloc(6);
    readSync(reader, bytes, 0, 6, 0);
    assert.equal(String(bytes), 'begins');
    assert.equal(pauses.count, 0);
  } finally {
    closeSync(reader);
  }
});

test('a file with a second name keeps its bytes under that', () => {
  const folder = temporaryFolder('removal');
  const path = largeFile(join(folder, 'a.log.deleted'), 40);
  linkSync(path, join(folder, 'backup'));
  removeAll([path], new PauseCounter());
  assert.equal(existsSync(path), false);
  assert.equal(statSync(join(folder, 'backup')).size, 40 * MiB);
});

function noProc(): string | false {
  return existsSync('/proc/self/fd')
    ? false
    : 'no /proc here: who holds a file cannot be known, and it goes in one act';
}
