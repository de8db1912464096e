/** Producer snapshots that clean stops leave behind: as many as are of use, however often a log is closed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeFileSystem } from './fake-file-system.js';
import { append, batchOf, flush, openLog, stage } from './testbed.js';

test('ten clean stops leave the last snapshot and those of the segments, and duplicates are still known', () => {
  const files = new FakeFileSystem();
  const config = { segmentBytesMax: 700 };
  let sequence = 0;
  for (let life = 0; life < 10; life++) {
    const log = openLog(files, { config, clean: life > 0 });
    for (let i = 0; i < 3; i++) append(log, { producerId: 7, baseSequence: sequence++, values: ['v'.repeat(90)] });
    flush(files, log);
    log.close();
  }
  const names = files.paths().map((path) => path.slice(path.lastIndexOf('/') + 1));
  const segments = names.filter((name) => name.endsWith('.log')).map((name) => name.replace('.log', ''));
  const snapshots = names.filter((name) => name.endsWith('.snapshot')).map((name) => name.replace('.snapshot', ''));
  assert.deepEqual(
    snapshots.filter((offset) => !segments.includes(offset)),
    ['30'.padStart(20, '0')],
  );
  const log = openLog(files, { config, clean: true });
  for (let back = 1; back <= 5; back++) {
    const batch = batchOf({ producerId: 7, baseSequence: sequence - back, values: ['v'.repeat(90)] });
    assert.equal(stage(log, batch).baseOffset, 30 - back);
  }
});
