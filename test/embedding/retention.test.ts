/** Retention, rolls and cleanup policies of topics whose settings change under a broker that runs. Test process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KafkaClient } from '../../src/cli/client.js';
import { encodeBatch } from '../../src/record/record.js';
import { temporaryFolder } from '../temp-folder.js';
import { alterTopic, connected, createTopic, earliest, eventually, metric, send, started } from './running-broker.js';

const MiB = 1024 * 1024;
const WITHIN_MS = 20_000;
/** More than half a segment of the smallest size: each batch has one of its own. */
const batch = encodeBatch({
  records: Array.from({ length: 10 }, (_, key) => ({ key: Buffer.from(`k${key}`), value: Buffer.alloc(90_000, 'x') })),
});
const small = encodeBatch({ records: [{ value: Buffer.from('small') }] });
const SETTINGS = {
  'log.retention.check.interval.ms': '50',
  'log.segment.delete.delay.ms': '0',
  'log.cleaner.backoff.ms': '50',
};
const ONE_SEGMENT_EACH = { 'segment.bytes': String(MiB) };

async function fill(client: KafkaClient, topic: string, settings: Record<string, string>): Promise<void> {
  await createTopic(client, topic, { ...ONE_SEGMENT_EACH, ...settings });
  for (let sent = 0; sent < 5; sent++) assert.equal(await send(client, topic, batch), 'NONE');
}

test('what is kept follows policy, size and time as they are set', async (t) => {
  const broker = await started(t, temporaryFolder('retention'), SETTINGS);
  const client = await connected(t, broker);
  const starts = async (topic: string, offset: number) =>
    eventually(`${topic} starts at ${offset}`, WITHIN_MS, async () => (await earliest(client, topic)) === offset);
  await fill(client, 'kept', { 'cleanup.policy': '', 'retention.bytes': String(MiB), 'retention.ms': '1' });
  await fill(client, 'bounded', { 'retention.bytes': String(MiB) });
  // Looked at after the first one, which therefore has been looked at as well.
  await starts('bounded', 30);
  assert.equal(await earliest(client, 'kept'), 0, 'an empty policy keeps all');
  assert.equal(await metric(broker, 'kafka_log_log_numlogsegments', { topic: 'kept' }), 5);

  await alterTopic(client, 'kept', { 'retention.ms': '-1', 'cleanup.policy': 'delete' });
  await starts('kept', 30);
  await alterTopic(client, 'kept', { 'retention.bytes': '0' });
  await starts('kept', 50);
  assert.equal(
    await metric(broker, 'millrace_segments_deleted_total', { topic: 'kept', reason: 'retention.bytes' }),
    5,
  );

  await alterTopic(client, 'bounded', { 'retention.ms': '1' });
  await starts('bounded', 50);
  assert.equal(
    await metric(broker, 'millrace_segments_deleted_total', { topic: 'bounded', reason: 'retention.ms' }),
    2,
  );
  assert.equal(await send(client, 'bounded', batch), 'NONE', 'offsets go on');
});

test('compact,delete does both', async (t) => {
  const broker = await started(t, temporaryFolder('retention'), SETTINGS);
  const client = await connected(t, broker);
  await fill(client, 'both', { 'cleanup.policy': 'compact,delete', 'min.cleanable.dirty.ratio': '0.01' });
  await eventually('it is compacted', WITHIN_MS, async () => {
    return (await metric(broker, 'millrace_compaction_removed_bytes_total', { topic: 'both' })) > 2 * MiB;
  });
  await alterTopic(client, 'both', { 'retention.ms': '1' });
  await eventually('and old records go', WITHIN_MS, async () => (await earliest(client, 'both')) === 50);
});

test('segments are sealed by age and by full indexes as these are set', async (t) => {
  const broker = await started(t, temporaryFolder('retention'), SETTINGS);
  const client = await connected(t, broker);
  const segments = (topic: string) => metric(broker, 'kafka_log_log_numlogsegments', { topic });
  const store = async (topic: string) => assert.equal(await send(client, topic, small), 'NONE');
  for (const [topic, settings] of Object.entries({
    'by-age': { 'segment.ms': '1' },
    'by-index': { 'segment.index.bytes': '32', 'index.interval.bytes': '0' },
  })) {
    await createTopic(client, topic);
    for (let sent = 0; sent < 20; sent++) await store(topic);
    assert.equal(await segments(topic), 1);
    await alterTopic(client, topic, settings as unknown as Record<string, string>);
    await eventually(`${topic}: more segments`, WITHIN_MS, async () => {
      await store(topic);
      return (await segments(topic)) >= 3;
    });
  }
});
