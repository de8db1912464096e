/** A value that comes later: before and after it is listened to, with a value and without. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Later } from '../../src/base/later.js';

const unheard = (): never => assert.fail('nobody was to be told this');

test('the listener is called at once, whether the value or the listener comes first', () => {
  const heard: unknown[] = [];
  const first = new Later<number>();
  first.resolve(1);
  first.then((value) => heard.push(value), unheard);
  const second = new Later<number>();
  second.then((value) => heard.push(value), unheard);
  second.resolve(2);
  assert.deepEqual(heard, [1, 2]);
});

test('a failure goes to the other listener, and both may be awaited', async () => {
  const heard: unknown[] = [];
  const failed = new Later<number>();
  failed.then(unheard, (error) => heard.push(error));
  failed.reject('no');
  assert.deepEqual(heard, ['no']);
  const later = new Later<string>();
  queueMicrotask(() => later.resolve('yes'));
  assert.equal(await later, 'yes');
  const never = new Later<string>();
  never.reject(new Error('not today'));
  await assert.rejects(async () => await never, /not today/);
});
