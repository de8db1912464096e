/** The main thread's descriptors of segments: shared, bounded, never another file under an old name. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SegmentFiles } from '../../src/partition/segment-files.js';

function folder(t: { after(action: () => void): void }): string {
  const path = mkdtempSync(join(tmpdir(), 'millrace-segments-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('users of one segment share a descriptor; unused ones are bounded', (t) => {
  const path = folder(t);
  const files = new SegmentFiles();
  for (let i = 0; i < 300; i++) writeFileSync(join(path, `${i}.log`), String(i));
  const first = files.acquire(join(path, '0.log'));
  assert.equal(files.acquire(join(path, '0.log')), first);
  for (let i = 1; i < 300; i++) files.release(join(path, `${i}.log`), files.acquire(join(path, `${i}.log`)));
  assert.equal(readFileSync(first, 'utf8'), '0', 'one in use stays open');
  if (process.platform === 'linux') assert.ok(readdirSync('/proc/self/fd').length < 250);
  files.close();
});

test('a retired segment is still found, and a folder that was removed is not mistaken for its successor', (t) => {
  const path = folder(t);
  const directory = join(path, 't-0');
  const log = join(directory, '0.log');
  const files = new SegmentFiles();
  mkdirSync(directory);
  writeFileSync(log, 'old');
  const held = files.acquire(log);
  renameSync(directory, join(path, 'gone'));
  files.forget(directory);
  mkdirSync(directory);
  writeFileSync(log, 'new');
  const records = { byteLength: 3, slices: [{ path: log, position: 0, length: 3 }] };
  assert.equal(files.read(records).toString(), 'new');
  assert.equal(readFileSync(held, 'utf8'), 'old');
  files.release(log, held);
  renameSync(log, `${log}.deleted`);
  files.forget(directory);
  assert.equal(files.read(records).toString(), 'new');
  files.close();
});
