/** Index files have no checksum: whatever becomes of their bytes, records are found, or looked for in the log itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeFileSystem } from './fake-file-system.js';
import { append, flush, openLog, readAll } from './testbed.js';

test('a bit that flips anywhere in an index costs no record and closes no log', () => {
  const files = new FakeFileSystem();
  const config = { segmentBytesMax: 3000, indexIntervalBytes: 200 };
  const log = openLog(files, { config });
  for (let i = 0; i < 60; i++) append(log, { values: ['v'.repeat(80)], timestampMs: 1000 + i });
  flush(files, log);
  log.close();
  const indexes = files.paths().filter((name) => /\.(time)?index$/.test(name));
  // Of two sealed segments, and of the active one.
  for (const path of [...indexes.slice(0, 4), ...indexes.slice(-2)]) {
    const whole = files.content(path);
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const copy = files.snapshot();
      const bytes = Buffer.from(whole);
      bytes[bit >> 3] ^= 0x80 >> (bit & 7);
      copy.setContent(path, bytes);
      const again = openLog(copy, { config, clean: true });
      const where = `${path} bit ${bit}`;
      for (const timestampMs of [1000, 1013, 1037, 1059]) {
        assert.equal(again.offsetAtTime(timestampMs, 60)?.offset, timestampMs - 1000, where);
      }
      const { records, refused } = readAll(copy, again, 500);
      assert.deepEqual([records.length, refused.length], [60, 0], where);
      assert.equal(again.maxTimestamp(60)?.offset, 59, where);
      const { baseOffset } = append(again, { timestampMs: 1060 });
      assert.equal(again.offsetAtTime(1060, 61)?.offset, baseOffset, where);
    }
  }
});
