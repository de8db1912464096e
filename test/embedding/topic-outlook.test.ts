/** What a broker that runs tells of its topics' bounds and futures, and of groups that were too slow. Test process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { offsetCommit } from '../../src/protocol/messages/08-offset-commit.js';
import { deleteRecords } from '../../src/protocol/messages/21-delete-records.js';
import { encodeBatch } from '../../src/record/record.js';
import { temporaryFolder } from '../temp-folder.js';
import { connected, createTopic, eventually, metric, send, started } from './running-broker.js';

const MiB = 1024 * 1024;
const batch = encodeBatch({ records: Array.from({ length: 10 }, () => ({ value: Buffer.alloc(90_000, 'x') })) });

test('the gauges of a topic say what bounds it, how far back it goes, and when its oldest segment goes', async (t) => {
  const broker = await started(t, temporaryFolder('outlook'), { 'log.budget.bytes': String(256 * MiB) });
  const client = await connected(t, broker);
  await eventually('the budget is known', 10_000, async () => (await metric(broker, 'millrace_budget_bytes')) > 0);
  const settings = { 'segment.bytes': String(MiB) };
  await createTopic(client, 'by-time', { ...settings, 'retention.ms': '7200000' });
  await createTopic(client, 'by-size', { ...settings, 'retention.ms': '-1', 'retention.bytes': String(4 * MiB) });
  await createTopic(client, 'by-budget', { ...settings, 'retention.ms': '-1' });
  await createTopic(client, 'for-ever', { ...settings, 'retention.ms': '-1', 'retention.bytes': '-1' });
  const topics = ['by-time', 'by-size', 'by-budget', 'for-ever'];
  for (let sent = 0; sent < 3; sent++) {
    for (const topic of topics) assert.equal(await send(client, topic, batch), 'NONE');
  }
  const bound = (topic: string, reason: string) => metric(broker, 'millrace_topic_bound_bytes', { topic, reason });
  const goesIn = (topic: string, reason: string) =>
    metric(broker, 'millrace_topic_next_deletion_seconds', { topic, reason });
  for (const topic of topics) {
    const age = await metric(broker, 'millrace_topic_oldest_age_seconds', { topic });
    assert.ok(age >= 0 && age < 600, `${topic} goes back ${age} s`);
  }
  assert.equal(await bound('by-size', 'retention.bytes'), 4 * MiB);
  assert.ok((await bound('by-budget', 'disk budget')) > 0);
  assert.equal(await metric(broker, 'millrace_topic_bound_bytes', { topic: 'for-ever' }), -1);
  assert.ok((await metric(broker, 'millrace_topic_next_deletion_seconds', { topic: 'by-time' })) <= 7200);
  assert.ok((await goesIn('by-size', 'retention.bytes')) >= 0);
  assert.ok((await goesIn('by-budget', 'disk budget')) >= 0);
  assert.equal(await metric(broker, 'millrace_topic_next_deletion_seconds', { topic: 'for-ever' }), -1);
});

test('a group whose offsets a log start has overtaken is counted until it commits what is there', async (t) => {
  const broker = await started(t, temporaryFolder('outlook'), {});
  const client = await connected(t, broker);
  await createTopic(client, 'read');
  for (let sent = 0; sent < 3; sent++) assert.equal(await send(client, 'read', batch), 'NONE');
  const commit = async (committedOffset: number) => {
    const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata: null }];
    const request = { groupId: 'slow', memberId: '', topics: [{ name: 'read', partitions }] };
    let errorCode = '';
    await eventually('its coordinator is there', 10_000, async () => {
      const answer = await client.request(offsetCommit, request, { versionMax: 7 });
      errorCode = answer.topics[0].partitions[0].errorCode;
      return errorCode !== 'NOT_COORDINATOR' && errorCode !== 'COORDINATOR_LOAD_IN_PROGRESS';
    });
    assert.equal(errorCode, 'NONE');
  };
  const missed = () => metric(broker, 'millrace_group_missed_records', { group: 'slow', topic: 'read' });
  await commit(5);
  assert.equal(await missed(), -1);
  const partitions = [{ partitionIndex: 0, offset: 22 }];
  await client.request(deleteRecords, { topics: [{ name: 'read', partitions }], timeoutMs: 10_000 });
  assert.equal(await missed(), 17);
  await commit(22);
  assert.equal(await missed(), -1);
});
