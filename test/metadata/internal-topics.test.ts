/** The broker's own logs: durable in every flush mode, and nothing ever taken from the catalogue. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/load.js';
import { catalogueLogConfig, OFFSETS_TOPIC } from '../../src/metadata/internal-topics.js';
import { startRegistry } from './registry-fixture.js';

test('the catalogue is kept for ever, compacted and flushed, whatever the node does with topics', () => {
  const { config } = loadConfig({
    overrides: {
      flush: 'never',
      'log.retention.ms': '1000',
      'log.retention.bytes': '1',
      'log.cleanup.policy': 'delete',
    },
  });
  const { deleted, compacted, flush } = catalogueLogConfig(config);
  assert.deepEqual({ deleted, compacted, flush }, { deleted: false, compacted: true, flush: 'ack' });
});

for (const flush of ['never', 'interval']) {
  test(`committed offsets are flushed before they are answered, also with flush=${flush}, after changes and a restart`, async () => {
    const { topics, log } = await startRegistry(undefined, { flush });
    const offsets = await topics.ensure(OFFSETS_TOPIC);
    assert.equal(offsets.logConfig.flush, 'ack');
    assert.equal((await topics.ensure('others')).logConfig.flush, flush);
    await topics.alterTopicConfigs(OFFSETS_TOPIC, new Map([['segment.bytes', '1048576']]));
    assert.equal(topics.get(OFFSETS_TOPIC)?.logConfig.segmentBytesMax, 1_048_576);
    assert.equal(topics.get(OFFSETS_TOPIC)?.logConfig.flush, 'ack');
    const again = await startRegistry(log, { flush });
    assert.equal(again.topics.get(OFFSETS_TOPIC)?.logConfig.flush, 'ack');
  });
}
