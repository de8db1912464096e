/**
 * Offsets lie outside of what a batch's checksum covers, and where compaction has been there is nothing to count them by: each
 * bit of the last byte of each one flips, and nothing may be hidden, made up or served as another record. Test process.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dataFolder } from './damage/data-folder.js';
import { examine } from './damage/examination.js';

const LAST_BYTE = 7;

test('an offset that rotted in a compacted log is noticed, or changes nothing', async () => {
  const folder = await dataFolder('stopped');
  const batches = folder.logs.filter(({ spec }) => spec.config.compacted).flatMap((log) => log.batches);
  assert.ok(batches.length > 40);
  for (const { path, position, baseOffset } of batches) {
    for (let bit = 0; bit < 8; bit++) {
      const files = folder.files.snapshot();
      const content = files.content(path);
      content[position + LAST_BYTE] ^= 1 << bit;
      files.setContent(path, content);
      await assert.doesNotReject(examine(folder, files), `bit ${bit} of offset ${baseOffset} in ${path}`);
    }
  }
});
