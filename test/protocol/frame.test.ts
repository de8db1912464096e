/** Headers of both kinds, and frames cut out of what has arrived. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeResponse } from '../../src/protocol/compile.js';
import {
  encodeReply,
  encodeRequestFrame,
  FRAME_BYTES_MAX,
  FRAME_PREFIX_BYTES,
  frameEnd,
  frameLength,
} from '../../src/protocol/frame.js';
import { decodeRequestHeader, decodeResponseHeader } from '../../src/protocol/header.js';
import { produce } from '../../src/protocol/messages/00-produce.js';
import { metadata } from '../../src/protocol/messages/03-metadata.js';
import { apiVersions } from '../../src/protocol/messages/18-api-versions.js';
import { Writer } from '../../src/protocol/wire.js';
import { fc } from '../property.js';

const flexibleFromOf = (key: number) => [produce, metadata, apiVersions].find((api) => api.key === key)?.flexibleFrom;
const flat = (pieces: unknown[]) => Buffer.concat(pieces as Buffer[]);

test('a request frame reads back, with or without a client id', () => {
  for (const clientId of [null, '', 'kcat', 'größe', 'x'.repeat(300)]) {
    for (const version of [1, 8, 9, 13]) {
      const frame = flat(encodeRequestFrame(metadata, version, -7, clientId, { topics: null }, new Writer()));
      assert.equal(frameEnd(frame, 0, frame.length, FRAME_BYTES_MAX), frame.length);
      const header = decodeRequestHeader(frame, FRAME_PREFIX_BYTES, frame.length, flexibleFromOf);
      assert.equal(header.apiKey, 3);
      assert.equal(header.apiVersion, version);
      assert.equal(header.correlationId, -7);
      assert.equal(header.clientId, clientId);
    }
  }
});

test('a header of an API that nobody knows still says who asks', () => {
  const header = decodeRequestHeader(Buffer.from('7fff00010000000500026869', 'hex'), 0, 12, flexibleFromOf);
  assert.deepEqual(header, { apiKey: 32_767, apiVersion: 1, correlationId: 5, clientId: 'hi', bodyStart: 12 });
});

test('ApiVersions answers with the old header in every version, others with tags from their first flexible one', () => {
  const body = { errorCode: 'NONE', apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }] } as const;
  for (const version of [0, 3, 4]) {
    const frame = flat(encodeReply(apiVersions, version, 11, body, new Writer()));
    assert.equal(frame.readInt32BE(4), 11);
    assert.equal(frame.readInt16BE(8), 0, 'the error follows the correlation id at once');
    const { correlationId, bodyStart } = decodeResponseHeader(apiVersions, version, frame, 4, frame.length);
    assert.equal(correlationId, 11);
    assert.deepEqual(decodeResponse(apiVersions, version, frame, bodyStart).apiKeys, body.apiKeys);
  }
  for (const [version, headerBytes] of [
    [8, 4],
    [9, 5],
  ]) {
    const frame = flat(encodeReply(metadata, version, 11, { brokers: [], topics: [] }, new Writer()));
    assert.equal(decodeResponseHeader(metadata, version, frame, 4, frame.length).bodyStart, 4 + headerBytes);
  }
});

test('the smallest produce answer, byte by byte', () => {
  const partition = { index: 2, errorCode: 'CORRUPT_MESSAGE', baseOffset: -1 } as const;
  const reply = encodeReply(
    produce,
    3,
    1,
    { responses: [{ name: 'ab', partitionResponses: [partition] }] },
    new Writer(),
  );
  const expected = [
    '0000002a', // length of what follows
    '00000001', // correlation id
    '00000001', // one topic
    '00026162', // "ab"
    '00000001', // one partition
    '00000002', // partition 2
    '0002', // CORRUPT_MESSAGE
    'ffffffffffffffff', // no base offset
    'ffffffffffffffff', // no append time
    '00000000', // not throttled
  ];
  assert.equal(flat(reply).toString('hex'), expected.join(''));
});

test('frames are cut wherever the bytes happen to be split', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }), fc.nat(300), (payloads, arrived) => {
      const wire = Buffer.concat(
        payloads.map((payload) => {
          const prefix = Buffer.alloc(FRAME_PREFIX_BYTES);
          prefix.writeInt32BE(payload.length);
          return Buffer.concat([prefix, payload]);
        }),
      );
      const end = Math.min(arrived, wire.length);
      const cut: Buffer[] = [];
      let at = 0;
      for (let stop = frameEnd(wire, at, end, 40); stop !== -1; stop = frameEnd(wire, at, end, 40)) {
        cut.push(wire.subarray(at + FRAME_PREFIX_BYTES, stop));
        at = stop;
      }
      assert.deepEqual(
        cut,
        payloads.slice(0, cut.length).map((payload) => Buffer.from(payload)),
      );
      if (cut.length < payloads.length) assert(end - at < FRAME_PREFIX_BYTES + payloads[cut.length].length);
    }),
  );
});

test('a frame that announces too much, or less than nothing, ends the connection', () => {
  const prefix = Buffer.alloc(4);
  for (const length of [-1, -(2 ** 31), 101, 2 ** 31 - 1]) {
    prefix.writeInt32BE(length);
    assert.throws(() => frameLength(prefix, 0, 4, 100), { name: 'MalformedRequestError' });
  }
  prefix.writeInt32BE(100);
  assert.equal(frameLength(prefix, 0, 4, 100), 100);
  assert.equal(frameLength(prefix, 0, 3, 100), -1);
  assert.equal(frameEnd(prefix, 0, 4, 100), -1);
});
