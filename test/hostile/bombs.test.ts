/** Compressed batches that are made to unfold to far more than they are, at a broker that looks into each. Test process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as zlib from 'node:zlib';
import { MiB } from '../../src/base/units.js';
import { KafkaClient } from '../../src/cli/client.js';
import { produce } from '../../src/protocol/messages/00-produce.js';
import { metadata } from '../../src/protocol/messages/03-metadata.js';
import { createTopics } from '../../src/protocol/messages/19-create-topics.js';
import * as layout from '../../src/record/batch-layout.js';
import { type Compression, codecNumber, compress } from '../../src/record/compression.js';
import { encodeBatch } from '../../src/record/record.js';
import { computeCrc } from '../../src/record/record-batch.js';
import { BrokerProcess, brokerIsBuilt, noBroker } from '../broker-process.js';
import { memoryOf } from './memory-of.js';

const TOPIC = 'bombs';
const PARTITIONS = 4;
const SENDERS = 8;
const BOMBS_OF_EACH = 5;
/** Two threads, each with what one bomb may unfold to and its garbage, and what the threads themselves take. */
const GROWTH_BYTES_MAX = 384 * MiB;

/** A batch of one record, whose records are these bytes instead. */
function withRecords(codec: Compression, body: Uint8Array): Buffer {
  const batch = Buffer.concat([encodeBatch({ records: [{ value: null }] }).subarray(0, layout.RECORDS), body]);
  batch.writeInt32BE(batch.length - layout.LENGTH_OVERHEAD_BYTES, layout.BATCH_LENGTH);
  batch.writeInt16BE(codecNumber(codec), layout.ATTRIBUTES);
  batch.writeUInt32BE(computeCrc(batch, 0, batch.length), layout.CRC);
  return batch;
}

test('bombs are refused one by one, and others are served meanwhile', { timeout: 120_000 }, async (t) => {
  if (!brokerIsBuilt) return t.skip(noBroker);
  const broker = await BrokerProcess.start({ overrides: { 'record.validation': 'records', flush: 'never' } });
  t.after(() => broker.dispose());
  const honest = await KafkaClient.connect(broker.bootstrap);
  const topic = { name: TOPIC, numPartitions: PARTITIONS, replicationFactor: 1, assignments: [], configs: [] };
  await honest.request(createTopics, { topics: [topic], timeoutMs: 30_000, validateOnly: false });
  const send = async (client: KafkaClient, index: number, records: Buffer) => {
    const topicData = [{ name: TOPIC, partitionData: [{ index, records }] }];
    const { responses } = await client.request(
      produce,
      { transactionalId: null, acks: -1, timeoutMs: 30_000, topicData },
      { versionMax: 12 },
    );
    return responses[0].partitionResponses[0];
  };
  const zeros = Buffer.alloc(40 * MiB);
  const gzip = zlib.gzipSync(zeros);
  const bombs = [
    withRecords('gzip', gzip),
    withRecords('gzip', zlib.gzipSync(gzip)),
    withRecords('lz4', compress('lz4', zeros)),
    withRecords('zstd', compress('zstd', zeros)),
    withRecords('snappy', compress('snappy', zeros.subarray(0, 20 * MiB))),
  ];
  assert.equal(
    (await send(honest, 0, encodeBatch({ records: [{ value: null }], compression: 'gzip' }))).errorCode,
    'NONE',
  );
  const before = memoryOf(broker.pid, 'VmRSS');

  let left = SENDERS;
  const attackers = Array.from({ length: SENDERS }, async (_, at) => {
    const client = await KafkaClient.connect(broker.bootstrap);
    for (let round = 0; round < BOMBS_OF_EACH; round++) {
      const { errorCode } = await send(client, at % PARTITIONS, bombs[(at + round) % bombs.length]);
      assert.equal(errorCode, 'INVALID_RECORD');
    }
    client.close();
    left--;
  });
  // Whoever waited for bombs would be answered about as often as they are.
  let answered = 0;
  let longestMs = 0;
  while (left > 0) {
    const begunMs = performance.now();
    await honest.request(metadata, { topics: [] });
    longestMs = Math.max(longestMs, performance.now() - begunMs);
    answered++;
  }
  await Promise.all(attackers);
  t.diagnostic(
    `${answered} answers beside ${SENDERS * BOMBS_OF_EACH} bombs, the slowest after ${Math.round(longestMs)} ms`,
  );
  assert.ok(answered > 2 * SENDERS * BOMBS_OF_EACH, `${answered} answers`);

  const { errorCode, baseOffset } = await send(
    honest,
    0,
    encodeBatch({ records: [{ value: null }], compression: 'lz4' }),
  );
  assert.deepEqual([errorCode, baseOffset], ['NONE', 1]);
  const peak = memoryOf(broker.pid, 'VmHWM');
  if (before !== null && peak !== null) {
    t.diagnostic(`${Math.round(before / MiB)} MiB before, ${Math.round(peak / MiB)} MiB at most`);
    assert.ok(peak - before < GROWTH_BYTES_MAX, `it grew from ${before} to ${peak} bytes`);
  }
  honest.close();
});
