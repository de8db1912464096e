/** Where logs stood is known however Kafka's checkpoints of it, which have no checksum, have rotted; or ours has. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NEVER_SCRUBBED } from '../../src/base/segment-check.js';
import { type KnownProgress, readProgress, writeProgress } from '../../src/log/directory-progress.js';
import { FakeFileSystem } from './fake-file-system.js';

const NEW = {
  topic: 'logs',
  index: 0,
  flushedEndOffset: 0,
  logStartOffset: 0,
  firstDirtyOffset: 0,
  damagedRanges: 0,
  scrub: NEVER_SCRUBBED,
};
const PROGRESS = [
  { ...NEW, topic: '__millrace_catalogue', flushedEndOffset: 40, firstDirtyOffset: 12 },
  { ...NEW, flushedEndOffset: 120, logStartOffset: 70, damagedRanges: 3 },
  { ...NEW, index: 1 },
];

const told = ({ recoveryPoints, logStartOffsets, firstDirtyOffsets }: KnownProgress) =>
  PROGRESS.map(({ topic, index }) => {
    const key = `${topic} ${index}`;
    const [recoveryPoint, ...others] = [recoveryPoints, logStartOffsets, firstDirtyOffsets].map(
      (all) => all?.get(key) ?? 0,
    );
    return [recoveryPoint, ...others];
  });

function written(): FakeFileSystem {
  const files = new FakeFileSystem();
  writeProgress(files, '/data', PROGRESS);
  return files;
}

test('any one bit of any of its files may flip, any be cut anywhere: nothing changes', () => {
  const files = written();
  const expected = told(readProgress(files, '/data'));
  assert.deepEqual(expected, [
    [40, 0, 12],
    [120, 70, 0],
    [0, 0, 0],
  ]);
  assert.deepEqual(readProgress(files, '/data').broken, []);
  assert.equal(readProgress(files, '/data').damagedRanges.get('logs 0'), 3);
  for (const path of files.paths()) {
    const whole = files.content(path);
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const copy = files.snapshot();
      const bytes = Buffer.from(whole);
      bytes[bit >> 3] ^= 1 << (bit & 7);
      copy.setContent(path, bytes);
      assert.deepEqual(told(readProgress(copy, '/data')), expected, `${path} bit ${bit}`);
    }
    for (let length = 0; length < whole.length; length++) {
      const copy = files.snapshot();
      copy.setContent(path, whole.subarray(0, length));
      assert.deepEqual(told(readProgress(copy, '/data')), expected, `${path} cut at ${length}`);
    }
  }
  files.unlink('/data/millrace-progress');
  assert.deepEqual(told(readProgress(files, '/data')), expected, 'in a folder of an earlier release');
});

test('what a broker that does not know our file has written since counts', () => {
  const files = written();
  files.setContent(
    '/data/recovery-point-offset-checkpoint',
    Buffer.from('0\n2\n__millrace_catalogue 0 44\nlogs 0 3\n'),
  );
  assert.deepEqual(told(readProgress(files, '/data')).slice(0, 2), [
    [44, 0, 12],
    [3, 70, 0],
  ]);
  assert.equal(readProgress(files, '/data').damagedRanges.get('logs 0'), 3, 'of which it cannot know');
});
