/** The main thread's descriptors of segments: shared, bounded, never another file under an old name. */
import assert from 'node:assert/strict';
import {
  fstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SegmentFiles } from '../../src/partition/segment-files.js';

function folder(t: { after(action: () => void): void }): string {
  const path = mkdtempSync(join(tmpdir(), 'millrace-segments-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** The last reader's descriptor is closed by another thread, because that may be what gives the file's room back. */
async function closed(fd: number): Promise<void> {
  for (const endMs = performance.now() + 5000; performance.now() < endMs; await nextTurn()) {
    try {
      fstatSync(fd);
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'EBADF');
      return;
    }
  }
  assert.fail(`descriptor ${fd} is still open`);
}

test('users of one segment share a descriptor; unused ones are bounded', (t) => {
  const path = folder(t);
  const files = new SegmentFiles();
  for (let i = 0; i < 300; i++) writeFileSync(join(path, `${i}.log`), String(i));
  const first = files.acquire({ path: join(path, '0.log') });
  assert.equal(files.acquire({ path: join(path, '0.log') }), first);
  for (let i = 1; i < 300; i++) {
    const slice = { path: join(path, `${i}.log`) };
    files.release(slice, files.acquire(slice));
  }
  assert.equal(readFileSync(first, 'utf8'), '0', 'one in use stays open');
  if (process.platform === 'linux') assert.ok(readdirSync('/proc/self/fd').length < 250);
  files.close();
});

test('a file that is about to be deleted is kept open for those who read it, and for nobody else', async (t) => {
  const path = folder(t);
  const [idle, read] = ['0.log', '1.log'].map((name) => ({ path: join(path, name) }));
  const files = new SegmentFiles();
  for (const slice of [idle, read]) writeFileSync(slice.path, 'old');
  const forgotten = files.acquire(idle);
  files.release(idle, forgotten);
  const held = files.acquire(read);
  for (const slice of [idle, read]) renameSync(slice.path, `${slice.path}.deleted`);
  files.beforeDeletion([`${idle.path}.deleted`, `${read.path}.deleted`]);
  assert.throws(() => fstatSync(forgotten), { code: 'EBADF' }, 'its room on the disk would stay taken');
  assert.equal(readFileSync(held, 'utf8'), 'old');
  files.release(read, held);
  await closed(held);
  files.close();
});

test('a retired segment is still found, and a folder that was removed is not mistaken for its successor', (t) => {
  const path = folder(t);
  const directory = join(path, 't-0');
  const log = join(directory, '0.log');
  const files = new SegmentFiles();
  mkdirSync(directory);
  writeFileSync(log, 'old');
  const held = files.acquire({ path: log });
  renameSync(directory, join(path, 'gone'));
  files.forget(directory);
  mkdirSync(directory);
  writeFileSync(log, 'new');
  const records = { byteLength: 3, slices: [{ path: log, position: 0, length: 3 }] };
  assert.equal(files.read(records).toString(), 'new');
  assert.equal(readFileSync(held, 'utf8'), 'old');
  files.release({ path: log }, held);
  renameSync(log, `${log}.deleted`);
  files.forget(directory);
  assert.equal(files.read(records).toString(), 'new');
  files.close();
});

test('whoever located his range before a swap gets the old file, before, during and after it', (t) => {
  const path = folder(t);
  const log = join(path, '0.log');
  const files = new SegmentFiles();
  writeFileSync(log, 'old');
  const read = (generation?: number) => {
    const slice = generation === undefined ? { path: log } : { path: log, generation };
    return files.read({ byteLength: 3, slices: [{ ...slice, position: 0, length: 3 }] }).toString();
  };
  files.beginSwap([log], 1);
  assert.equal(read(), 'old', 'nothing was renamed yet');
  files.endSwap([log], 1);
  files.beginSwap([log], 2);
  renameSync(log, `${log}.2.deleted`);
  assert.equal(read(), 'old');
  writeFileSync(log, 'new');
  assert.deepEqual([read(), read(2)], ['old', 'new']);
  files.beginSwap([log], 3);
  renameSync(log, `${log}.3.deleted`);
  writeFileSync(log, '3rd');
  assert.deepEqual([read(), read(2), read(3)], ['old', 'new', '3rd']);
  files.endSwap([log], 2);
  assert.deepEqual([read(2), read(3)], ['new', '3rd']);
  files.endSwap([log], 3);
  assert.equal(read(3), '3rd');
  files.close();
});
