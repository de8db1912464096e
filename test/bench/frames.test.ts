/** The frames that the load client replays are those of the protocol, and it looks for answers in the right places. Test process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blobBatch, logLineBatch } from '../../bench/load/batches.js';
import {
  FetchFrame,
  fetchBytesMaxPosition,
  fetchReplyHead,
  fetchReplyPositions,
  produceFrame,
  produceReply,
  produceReplyErrorPosition,
  readInt64,
  writeInt64,
} from '../../bench/load/frames.js';
import { decodeRequest } from '../../src/protocol/compile.js';
import { encodeReply } from '../../src/protocol/frame.js';
import { decodeRequestHeader } from '../../src/protocol/header.js';
import { produce } from '../../src/protocol/messages/00-produce.js';
import { fetch } from '../../src/protocol/messages/01-fetch.js';
import type { Api } from '../../src/protocol/schema.js';
import { Writer } from '../../src/protocol/wire.js';
import { decodeRecords } from '../../src/record/record.js';

const topic = 'access-log';

function decoded<A extends Api>(api: A, frame: Buffer) {
  assert.equal(frame.readInt32BE(0), frame.length - 4);
  const header = decodeRequestHeader(frame, 4, frame.length, () => api.flexibleFrom);
  assert.equal(header.apiKey, api.key);
  return { header, request: decodeRequest(api, header.apiVersion, frame, header.bodyStart, frame.length) };
}

test('a produce frame reads as the request it means', () => {
  const { bytes } = logLineBatch(4096, 1);
  const frame = produceFrame({ topic, partition: 5, acks: -1, correlationId: 77, batch: bytes });
  const { header, request } = decoded(produce, frame);
  assert.equal(header.correlationId, 77);
  assert.equal(request.acks, -1);
  assert.equal(request.topicData[0].name, topic);
  assert.equal(request.topicData[0].partitionData[0].index, 5);
  assert.deepEqual(request.topicData[0].partitionData[0].records, bytes);
});

test('the error of a produce reply is where the client looks for it', () => {
  const partitionResponses = [{ index: 0, errorCode: 'CORRUPT_MESSAGE', baseOffset: -1 } as const];
  const reply = encodeReply(produce, 7, 3, { responses: [{ name: topic, partitionResponses }] }, new Writer());
  const bytes = Buffer.concat(reply as Buffer[]);
  assert.equal(bytes.readInt16BE(produceReplyErrorPosition(topic)), 2);
  assert.equal(produceReply(topic, 3).length, bytes.length);
});

test('a fetch frame can be aimed at another partition and offset', () => {
  const frame = new FetchFrame(topic, [0, 1], 1_048_576, 500);
  frame.setPartition(1, 9);
  frame.setOffset(1, 2 ** 40 + 3);
  const { request } = decoded(fetch, frame.bytes);
  assert.deepEqual(
    request.topics[0].partitions.map(({ partition, fetchOffset }) => [partition, fetchOffset]),
    [
      [0, 0],
      [9, 2 ** 40 + 3],
    ],
  );
  assert.equal(new FetchFrame(topic, [0], 4711, 0).bytes.readInt32BE(fetchBytesMaxPosition(topic)), 4711);
});

test('the head of a fetch reply is the one that brokers send', () => {
  const records = Buffer.alloc(100, 1);
  const partition = {
    partitionIndex: 0,
    errorCode: 'NONE' as const,
    highWatermark: 42,
    lastStableOffset: 42,
    logStartOffset: 0,
    records,
  };
  const reply = encodeReply(
    fetch,
    11,
    6,
    { responses: [{ topic, partitions: [{ ...partition, abortedTransactions: null }] }] },
    new Writer(),
  );
  const bytes = Buffer.concat(reply as Buffer[]);
  assert.deepEqual(Buffer.concat([fetchReplyHead(topic, 6, 42, records.length), records]), bytes);
  const positions = fetchReplyPositions(topic);
  assert.equal(bytes.readInt16BE(positions.error), 0);
  assert.equal(readInt64(bytes, positions.highWatermark), 42);
  assert.equal(bytes.readInt32BE(positions.abortedCount), -1);
});

test('batches fill the size they were asked for with records that can be read', () => {
  for (const batchBytes of [1024, 16 * 1024, 64 * 1024]) {
    const batch = logLineBatch(batchBytes, 3);
    assert.ok(batch.bytes.length <= batchBytes && batch.bytes.length > batchBytes * 0.97 - 200);
    assert.equal(decodeRecords(batch.bytes).length, batch.records);
  }
  assert.equal(blobBatch(100, 1, 1).records, 1);
  assert.deepEqual(logLineBatch(1024, 3).bytes, logLineBatch(1024, 3).bytes);
});

test('64-bit numbers survive being split in two', () => {
  const bytes = Buffer.alloc(8);
  for (const value of [0, 1, -1, 2 ** 32 - 1, 2 ** 32, -(2 ** 33), Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
    writeInt64(bytes, 0, value);
    assert.equal(readInt64(bytes, 0), value);
  }
});
