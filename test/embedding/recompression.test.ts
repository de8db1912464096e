/** A topic that wants its batches compressed its own way: order, sequences, errors and offsets are as if it did not. Test process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KafkaClient } from '../../src/cli/client.js';
import { createBroker } from '../../src/index.js';
import { produce } from '../../src/protocol/messages/00-produce.js';
import { fetch } from '../../src/protocol/messages/01-fetch.js';
import { createTopics } from '../../src/protocol/messages/19-create-topics.js';
import { codecNumber } from '../../src/record/compression.js';
import { decodeRecords, encodeBatch, iterateBatches } from '../../src/record/record.js';
import { baseSequenceOf, codecOf, computeCrc, crcOf } from '../../src/record/record-batch.js';
import { goldenBatches } from '../record/golden-batches.js';
import { temporaryFolder } from '../temp-folder.js';

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
const BATCHES = 200;

function sendBatch(client: KafkaClient, topic: string, records: Buffer) {
  const topicData = [{ name: topic, partitionData: [{ index: 0, records }] }];
  return client.request(produce, { transactionalId: null, acks: -1, timeoutMs: 10_000, topicData }, { versionMax: 9 });
}

async function readBatches(client: KafkaClient, topic: string): Promise<Buffer[]> {
  const batches: Buffer[] = [];
  for (let offset = 0; ; ) {
    const partitions = [{ partition: 0, fetchOffset: offset, partitionMaxBytes: 2 ** 26 }];
    const limits = { maxWaitMs: 0, minBytes: 0, maxBytes: 2 ** 26 };
    const { responses } = await client.request(
      fetch,
      {
        ...limits,
        ...{ replicaId: -1, isolationLevel: 0, sessionId: 0, sessionEpoch: -1 },
        topics: [{ topic, partitions }],
        forgottenTopicsData: [],
      },
      { versionMax: 12 },
    );
    const found = [...iterateBatches(responses[0].partitions[0].records ?? Buffer.alloc(0))];
    if (found.length === 0) return batches;
    batches.push(...found.map((batch) => Buffer.from(batch)));
    offset = decodeRecords(batches[batches.length - 1]).at(-1)?.offset ?? offset;
    offset++;
  }
}

test('batches of every codec are stored as the topic wants them, in the order in which they were sent', async () => {
  const settings = {
    'log.dirs': temporaryFolder('recompression'),
    listeners: 'PLAINTEXT://127.0.0.1:0',
    flush: 'never',
  };
  const broker = await createBroker({ settings });
  await broker.start();
  const client = await KafkaClient.connect(broker.bootstrapServers);
  try {
    for (const wanted of ['zstd', 'uncompressed', 'gzip'] as const) {
      const configs = [
        { name: 'compression.type', value: wanted },
        { name: 'message.timestamp.type', value: wanted === 'gzip' ? 'LogAppendTime' : 'CreateTime' },
      ];
      const topics = [{ name: wanted, numPartitions: 1, replicationFactor: 1, assignments: [], configs }];
      const made = await client.request(createTopics, { topics, timeoutMs: 10_000, validateOnly: false });
      assert.equal(made.topics[0].errorCode, 'NONE');
      const sent = Array.from({ length: BATCHES }, (_, at) =>
        encodeBatch({
          records: [0, 1, 2].map((of) => ({
            key: null,
            value: Buffer.from(`${at} ${of} `.repeat(200)),
            timestampMs: at,
          })),
          compression: codecs[at % codecs.length],
          ...{ producerId: 99, producerEpoch: 0, baseSequence: 3 * at },
        }),
      );
      // All at once: one that overtook another would be out of sequence.
      const answers = await Promise.all(sent.map((batch) => sendBatch(client, wanted, batch)));
      answers.forEach(({ responses }, at) => {
        const [{ errorCode, baseOffset }] = responses[0].partitionResponses;
        assert.equal(errorCode, 'NONE');
        assert.equal(baseOffset, 3 * at);
      });
      const again = await sendBatch(client, wanted, sent[BATCHES - 1]);
      assert.equal(again.responses[0].partitionResponses[0].baseOffset, 3 * (BATCHES - 1), 'known for a duplicate');
      const stored = await readBatches(client, wanted);
      assert.equal(stored.length, BATCHES);
      stored.forEach((batch, at) => {
        assert.equal(codecOf(batch, 0), codecNumber(wanted === 'uncompressed' ? 'none' : wanted));
        assert.equal(crcOf(batch, 0), computeCrc(batch, 0, batch.length));
        assert.equal(baseSequenceOf(batch, 0), 3 * at);
        const values = (one: Buffer) => decodeRecords(one).map(({ value }) => value?.toString());
        assert.deepEqual(values(batch), values(sent[at]));
      });
    }
  } finally {
    client.close();
    await broker.close();
  }
});

test('batches of every client and codec are stored as they were sent, but for their place', async () => {
  const settings = { 'log.dirs': temporaryFolder('as-sent'), listeners: 'PLAINTEXT://127.0.0.1:0', flush: 'never' };
  const broker = await createBroker({ settings });
  await broker.start();
  const client = await KafkaClient.connect(broker.bootstrapServers);
  /** Base offset and leader epoch are the broker's, and outside of the CRC. */
  const withoutPlace = (batch: Buffer) =>
    [batch.subarray(8, 12), batch.subarray(16)].map((part) => part.toString('hex'));
  const sent = goldenBatches().map(({ from, codec, hex }) => ({ from, codec, batch: Buffer.from(hex, 'hex') }));
  const isXerial = ({ batch }: { batch: Buffer }) => batch.includes('SNAPPY');
  try {
    // Looked into or not, and where the topic's own codec is the one they have.
    for (const validation of ['off', 'header', 'records']) {
      for (const asked of [false, true]) {
        for (const { from, codec, batch } of sent) {
          const name = `${from}-${codec}-${validation}-${asked}`;
          const configs = [
            { name: 'compression.type', value: asked ? codec : 'producer' },
            { name: 'millrace.record.validation', value: validation },
          ];
          const topics = [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs }];
          const made = await client.request(createTopics, { topics, timeoutMs: 10_000, validateOnly: false });
          assert.equal(made.topics[0].errorCode, 'NONE', made.topics[0].errorMessage ?? name);
          const { responses } = await sendBatch(client, name, batch);
          assert.equal(responses[0].partitionResponses[0].errorCode, 'NONE', name);
          const stored = await readBatches(client, name);
          assert.deepEqual(stored.map(withoutPlace), [withoutPlace(batch)], name);
        }
      }
    }
    const snappy = sent.filter(({ codec }) => codec === 'snappy');
    assert.ok(snappy.some(isXerial) && !snappy.every(isXerial), 'snappy comes raw and in the framing of xerial');
  } finally {
    client.close();
    await broker.close();
  }
});

test('the records that are to blame are named, compressed or not', async () => {
  const settings = { 'log.dirs': temporaryFolder('validation'), listeners: 'PLAINTEXT://127.0.0.1:0', flush: 'never' };
  const broker = await createBroker({ settings: { ...settings, 'record.validation': 'records' } });
  await broker.start();
  const client = await KafkaClient.connect(broker.bootstrapServers);
  try {
    const configs = [{ name: 'cleanup.policy', value: 'compact' }];
    const topics = [{ name: 'keyed', numPartitions: 1, replicationFactor: 1, assignments: [], configs }];
    await client.request(createTopics, { topics, timeoutMs: 10_000, validateOnly: false });
    for (const compression of codecs) {
      const records = [Buffer.from('k'), null, Buffer.from('k')].map((key) => ({ key, value: Buffer.from('v') }));
      const { responses } = await sendBatch(client, 'keyed', encodeBatch({ records, compression }));
      const [{ errorCode, recordErrors, errorMessage }] = responses[0].partitionResponses;
      assert.equal(errorCode, 'INVALID_RECORD');
      assert.deepEqual(
        recordErrors.map(({ batchIndex }) => batchIndex),
        [1],
      );
      assert.match(errorMessage ?? '', /Record 1 of the batch has no key, the topic is compacted/);
    }
    assert.deepEqual(await readBatches(client, 'keyed'), []);
  } finally {
    client.close();
    await broker.close();
  }
});
