/** Damage at the very end of a log, where it looks like a torn write and is none: it was flushed, and somebody was told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeFileSystem } from './fake-file-system.js';
import { append, DIRECTORY, flush, openLog, readAll } from './testbed.js';

const LOG = `${DIRECTORY}/00000000000000000000.log`;

/** Five batches of two records, flushed; `close` or not; then the last batch rots. */
function rotten(close: boolean): FakeFileSystem {
  const files = new FakeFileSystem();
  const log = openLog(files);
  for (let i = 0; i < 5; i++) append(log, { values: ['a', 'b'] });
  flush(files, log);
  if (close) log.close();
  const bytes = files.content(LOG);
  bytes[bytes.length - 3] ^= 0x10;
  files.setContent(LOG, bytes);
  return files;
}

test('what was flushed is not cut off as torn: its offsets are refused and given to nobody else', () => {
  const files = rotten(false);
  for (const clean of [false, true]) {
    const log = openLog(files, { recoveryPoint: 10, clean });
    assert.equal(log.logEndOffset, 10);
    assert.deepEqual(readAll(files, log).refused, [8, 9]);
    log.close();
  }
  const log = openLog(files, { clean: true });
  assert.equal(append(log).baseOffset, 10);
  flush(files, log);
  assert.deepEqual(readAll(files, log).refused, [8, 9]);
  for (const clean of [false, true]) {
    const again = openLog(files, { recoveryPoint: 10, clean });
    assert.equal(again.logEndOffset, 11);
    const { records, refused } = readAll(files, again);
    assert.deepEqual(refused, [8, 9]);
    assert.equal(records.at(-1)?.offset, 10);
    again.close();
  }
});

test('damage at the end that came to light while reading leaves the end where it was, over clean restarts', () => {
  const files = rotten(true);
  const bytes = files.content(LOG);
  // Of the header, so that a reader notices.
  const last = bytes.length / 5;
  bytes.fill(0x5a, bytes.length - last + 8, bytes.length - last + 20);
  const log = openLog(files, { clean: true });
  assert.equal(log.logEndOffset, 10);
  files.setContent(LOG, bytes);
  assert.deepEqual(readAll(files, log, 1).refused, [8, 9]);
  append(log);
  flush(files, log);
  log.close();
  const again = openLog(files, { clean: true });
  assert.equal(again.logEndOffset, 11);
});

test('an append behind damage at the end can be read after a clean restart', () => {
  const files = rotten(true);
  const log = openLog(files, { clean: true });
  const bytes = files.content(LOG);
  const last = bytes.length / 5;
  bytes.fill(0x5a, bytes.length - last + 8, bytes.length - last + 20);
  files.setContent(LOG, bytes);
  readAll(files, log, 1);
  // Something must have changed for a close to write anything down.
  log.deleteRecordsBefore(1);
  log.close();
  const again = openLog(files, { clean: true, logStartOffset: 1 });
  assert.equal(again.logEndOffset, 10);
  const { baseOffset } = append(again);
  flush(files, again);
  assert.ok(!readAll(files, again, 1).refused.includes(baseOffset), 'what is acknowledged can be read');
});
