/** Producer ids are never handed out twice, whatever fails. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProducerIds } from '../../src/metadata/producer-ids.js';
import { startRegistry } from './registry-fixture.js';

test('ids are unique across blocks and restarts, one append a block', async () => {
  const { topics, log } = await startRegistry();
  const ids = new ProducerIds(topics.catalogue);
  const seen = await Promise.all(Array.from({ length: 2500 }, () => ids.next()));
  assert.equal(log.appends, 3);
  const restarted = new ProducerIds((await startRegistry(log)).topics.catalogue);
  for (let n = 0; n < 10; n++) seen.push(await restarted.next());
  assert.equal(new Set(seen).size, seen.length);
  assert.equal(seen.at(-10), 3000);
});

test('a failed reservation is an error once, and no id is repeated after it', async () => {
  for (const failure of ['lost', 'kept'] as const) {
    const { topics, log } = await startRegistry();
    const ids = new ProducerIds(topics.catalogue);
    const first = await ids.next();
    for (let n = 1; n < 1000; n++) await ids.next();
    log.failNext(failure);
    await assert.rejects(ids.next(), { error: 'KAFKA_STORAGE_ERROR' });
    assert.equal(await ids.next(), first + (failure === 'kept' ? 2000 : 1000));
  }
});
