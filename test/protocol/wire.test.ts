/** The writer: pieces, slabs and file ranges; numbers at their ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeResponse, encodeResponse } from '../../src/protocol/compile.js';
import { encodeReply } from '../../src/protocol/frame.js';
import { fetch } from '../../src/protocol/messages/01-fetch.js';
import { listOffsets } from '../../src/protocol/messages/02-list-offsets.js';
import { metadata } from '../../src/protocol/messages/03-metadata.js';
import { type ReplyPiece, Writer } from '../../src/protocol/wire.js';
import { fc } from '../property.js';

const partition = (partitionIndex: number, records: Buffer | null | { byteLength: number; slices: never[] }) => ({
  partitionIndex,
  errorCode: 'NONE' as const,
  highWatermark: 5,
  abortedTransactions: null,
  records,
});

/** Stands in for the file: its path over and over. */
function bytesOfPiece(piece: ReplyPiece): Buffer {
  return 'path' in piece ? Buffer.alloc(piece.length, piece.path) : piece;
}

test('file ranges become pieces between the bytes around them, with their length in front', () => {
  const first = { path: '/a.log', position: 10, length: 30 };
  const second = { path: '/b.log', position: 0, length: 12 };
  for (const version of [4, 11, 12, 18]) {
    const records = { byteLength: 42, slices: [first, second] };
    const partitions = [
      { ...partition(0, null), records },
      { ...partition(1, null), records: { byteLength: 30, slices: [first] } },
    ];
    const pieces = encodeReply(fetch, version, 9, { responses: [{ topic: 't', partitions }] }, new Writer());
    const shapes = pieces.map((piece) => (piece instanceof Buffer ? 'bytes' : piece));
    // Flexible versions end with tag counts, older ones with the last records field.
    const tail = version >= 12 ? ['bytes'] : [];
    assert.deepEqual(shapes, ['bytes', first, second, 'bytes', first, ...tail]);

    const flat = Buffer.concat(pieces.map(bytesOfPiece));
    assert.equal(flat.readInt32BE(0), flat.length - 4);
    const decoded = decodeResponse(fetch, version, flat, version >= 12 ? 9 : 8, flat.length);
    assert.equal(decoded.responses[0].partitions[0].records?.length, 42);
    assert.deepEqual(decoded.responses[0].partitions[1].records, Buffer.alloc(30, '/a.log'));
  }
});

test('records with no file range at all are empty, not null', () => {
  const writer = new Writer();
  const partitions = [partition(0, { byteLength: 0, slices: [] })];
  encodeResponse(fetch, 12, { responses: [{ topic: 't', partitions }] }, writer);
  const decoded = decodeResponse(fetch, 12, Buffer.concat(writer.finish() as Buffer[]));
  assert.equal(decoded.responses[0].partitions[0].records?.length, 0);
});

test('file ranges that do not add up to what was announced are a programmer error', () => {
  const records = { byteLength: 9, slices: [{ path: '/a.log', position: 0, length: 8 }] };
  const response = { responses: [{ topic: 't', partitions: [{ ...partition(0, null), records }] }] };
  const writer = new Writer();
  assert.throws(() => encodeReply(fetch, 12, 1, response, writer), { name: 'AssertionError' });
  assert.equal(writer.length, 0);
});

test('large records are passed on, not copied', () => {
  const large = Buffer.alloc(100_000, 1);
  const response = { responses: [{ topic: 't', partitions: [partition(0, large)] }] };
  const pieces = encodeReply(fetch, 12, 1, response, new Writer());
  assert(pieces.includes(large));
});

test('whatever the size of its slabs, a writer writes the same bytes; replies that share a slab keep apart', () => {
  const brokers = fc.array(fc.record({ nodeId: fc.nat(), host: fc.string({ maxLength: 60 }), port: fc.nat(65_535) }), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(brokers, fc.integer({ min: 1, max: 400 }), (list, slabBytes) => {
      const response = { brokers: list, topics: [] };
      const roomy = new Writer();
      const narrow = new Writer(slabBytes);
      const expected = Buffer.concat(encodeReply(metadata, 9, 1, response, roomy) as Buffer[]);
      const kept = [1, 2, 3].map(() => encodeReply(metadata, 9, 1, response, narrow) as Buffer[]);
      for (const pieces of kept) assert.deepEqual(Buffer.concat(pieces), expected);
    }),
  );
});

test('an encoder that throws leaves the writer as it was', () => {
  const writer = new Writer();
  const good = { brokers: [], topics: [] };
  const expected = Buffer.concat(encodeReply(metadata, 9, 1, good, new Writer()) as Buffer[]);
  const bad = { brokers: [{ nodeId: 1, host: null as unknown as string, port: 1 }], topics: [] };
  assert.throws(() => encodeReply(metadata, 9, 1, bad, writer));
  assert.deepEqual(Buffer.concat(encodeReply(metadata, 9, 1, good, writer) as Buffer[]), expected);
});

test('strings longer than the protocol can say, and ids that are none, are programmer errors', () => {
  const broker = (host: string) => ({ brokers: [{ nodeId: 1, host, port: 1 }], topics: [] });
  for (const host of ['x'.repeat(32_768), 'é'.repeat(20_000)]) {
    assert.throws(() => encodeReply(metadata, 9, 1, broker(host), new Writer()), { name: 'AssertionError' });
  }
  for (const topicId of ['', 'short', '!!!!!!!!!!!!!!!!!!!!!!']) {
    const topics = [{ errorCode: 'NONE' as const, name: 't', topicId, partitions: [] }];
    assert.throws(() => encodeReply(metadata, 12, 1, { brokers: [], topics }, new Writer()), {
      name: 'AssertionError',
    });
  }
});

test('int64: exact as far as doubles are, the nearest double beyond, and never past its ends', () => {
  const trip = (timestamp: number): bigint => {
    const writer = new Writer();
    const partitions = [{ partitionIndex: 0, errorCode: 'NONE' as const, timestamp, offset: 0 }];
    encodeResponse(listOffsets, 1, { topics: [{ name: 't', partitions }] }, writer);
    const wire = Buffer.concat(writer.finish() as Buffer[]);
    const decoded = decodeResponse(listOffsets, 1, wire).topics[0].partitions[0].timestamp;
    assert.equal(decoded, Math.max(-(2 ** 63), Math.min(2 ** 63, timestamp)));
    return wire.readBigInt64BE(4 + 3 + 4 + 4 + 2);
  };
  assert.equal(trip(2 ** 63), 2n ** 63n - 1n);
  assert.equal(trip(1e30), 2n ** 63n - 1n);
  assert.equal(trip(-(2 ** 63)), -(2n ** 63n));
  assert.equal(trip(-1e30), -(2n ** 63n));
  assert.equal(trip(-1), -1n);
  assert.equal(trip(-(2 ** 32)), -(2n ** 32n));
  fc.assert(fc.property(fc.maxSafeInteger(), (value) => assert.equal(trip(value), BigInt(value))));
});
