/** How long deleted files stay for those who read them. Test process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LingeringFiles } from '../../src/partition/lingering-files.js';
import { FakeClock } from '../base/fake-clock.js';

test('deleted files stay for their delay, and go at once where their disk is full', () => {
  const clock = new FakeClock();
  const gone: string[] = [];
  const lingering = new LingeringFiles(clock, (paths) => gone.push(...paths));
  lingering.deleteLater(['/a/t-0/0.log.deleted', '/a/t-0/0.index.deleted'], 1000);
  lingering.deleteLater(['/a/t-1/0.log.deleted'], 5000);
  lingering.deleteLater(['/ab/t-2/0.log.deleted'], 5000);
  lingering.deleteLater(['/a/t-3/0.log.deleted'], 0);
  assert.deepEqual(gone.splice(0), ['/a/t-3/0.log.deleted']);
  clock.advance(999);
  assert.deepEqual(gone, []);
  clock.advance(1);
  assert.deepEqual(gone.splice(0), ['/a/t-0/0.log.deleted', '/a/t-0/0.index.deleted']);
  lingering.release('/a');
  assert.deepEqual(gone.splice(0), ['/a/t-1/0.log.deleted'], 'what lies in another folder stays');
  clock.advance(4000);
  assert.deepEqual(gone, ['/ab/t-2/0.log.deleted'], 'and nothing goes twice');
  assert.equal(clock.pending, 0);
});
