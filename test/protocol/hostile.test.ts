/** Bytes that no client should send: each is refused with one kind of error, soon, and without filling the heap. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeRecord,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
} from '../../src/protocol/compile.js';
import { decodeRequestHeader } from '../../src/protocol/header.js';
import { ELEMENTS_MAX } from '../../src/protocol/limits.js';
import { MalformedRequestError } from '../../src/protocol/malformed-request-error.js';
import { produce } from '../../src/protocol/messages/00-produce.js';
import { metadata } from '../../src/protocol/messages/03-metadata.js';
import { apiVersions } from '../../src/protocol/messages/18-api-versions.js';
import { consumerProtocolSubscription } from '../../src/protocol/records/consumer-protocol-subscription.js';
import { Writer } from '../../src/protocol/wire.js';
import { fc } from '../property.js';
import { arbitraryOf } from './arbitrary.js';
import { everyApi, versionsOf } from './every-message.js';

const bytesOf = (write: (writer: Writer) => void): Buffer => {
  const writer = new Writer();
  write(writer);
  return Buffer.concat(writer.finish() as Buffer[]);
};

test('a message cut short at any byte is refused, in every version', () => {
  for (const api of everyApi) {
    for (const version of versionsOf(api)) {
      const request = fc.sample(arbitraryOf(api.request, version), { numRuns: 1, seed: version })[0];
      const response = fc.sample(arbitraryOf(api.response, version), { numRuns: 1, seed: version })[0];
      const sent = bytesOf((writer) => encodeRequest(api, version, request, writer));
      const answered = bytesOf((writer) => encodeResponse(api, version, response, writer));
      for (const end of cuts(sent.length)) {
        assert.throws(() => decodeRequest(api, version, sent, 0, end), MalformedRequestError, `${api.name} ${version}`);
      }
      for (const end of cuts(answered.length)) {
        assert.throws(() => decodeResponse(api, version, answered, 0, end), MalformedRequestError);
      }
    }
  }
});

/** Every length below `length`; of long messages a spread of them. */
function cuts(length: number): number[] {
  const step = Math.max(1, Math.floor(length / 2000));
  return Array.from({ length: Math.ceil(length / step) }, (_, i) => i * step);
}

test('random and flipped bytes decode or are refused, and nothing else happens', () => {
  const decode = (api: (typeof everyApi)[number], version: number, wire: Buffer) => {
    try {
      decodeRequest(api, version, wire);
    } catch (error) {
      assert(error instanceof MalformedRequestError, `${api.name} v${version} threw ${error}`);
    }
  };
  for (const api of everyApi) {
    for (const version of versionsOf(api)) {
      const value = fc.sample(arbitraryOf(api.request, version), { numRuns: 1, seed: version })[0];
      const wire = bytesOf((writer) => encodeRequest(api, version, value, writer)).subarray(0, 4096);
      fc.assert(
        fc.property(
          fc.uint8Array({ maxLength: 200 }),
          fc.nat(),
          fc.integer({ min: 1, max: 255 }),
          (noise, at, flip) => {
            decode(api, version, Buffer.from(noise));
            if (wire.length === 0) return;
            const flipped = Buffer.from(wire);
            flipped[at % wire.length] ^= flip;
            decode(api, version, flipped);
          },
        ),
        { numRuns: 30 },
      );
    }
  }
});

test('a count that the bytes behind it cannot hold is refused before anything is made', () => {
  // Metadata v1: int32 count of names, each at least two bytes.
  const wire = Buffer.alloc(4 + 10);
  wire.writeInt32BE(6, 0);
  assert.throws(() => decodeRequest(metadata, 1, wire), /announces more elements than bytes are left/);
  wire.writeInt32BE(5, 0);
  assert.equal(decodeRequest(metadata, 1, wire).topics?.length, 5);
  wire.writeInt32BE(0x7fffffff, 0);
  assert.throws(() => decodeRequest(metadata, 1, wire), MalformedRequestError);
  wire.writeInt32BE(-2, 0);
  assert.throws(() => decodeRequest(metadata, 1, wire), MalformedRequestError);
});

test('all arrays of a message together hold at most a million elements', () => {
  const wire = Buffer.alloc(4 + 2 * (ELEMENTS_MAX + 1));
  wire.writeInt32BE(ELEMENTS_MAX + 1, 0);
  assert.throws(() => decodeRequest(metadata, 1, wire), /more than 1000000 array elements/);
  wire.writeInt32BE(ELEMENTS_MAX, 0);
  assert.equal(decodeRequest(metadata, 1, wire).topics?.length, ELEMENTS_MAX);

  // Two topics of 600,000 empty partitions: each array alone would be allowed.
  const half = 600_000;
  const writer = new Writer();
  writer.int16(-1);
  writer.int16(1);
  writer.int32(0);
  writer.int32(2);
  for (let topic = 0; topic < 2; topic++) {
    writer.string('t');
    writer.int32(half);
    for (let i = 0; i < half; i++) {
      writer.int32(0);
      writer.int32(-1);
    }
  }
  const nested = Buffer.concat(writer.finish() as Buffer[]);
  assert.throws(() => decodeRequest(produce, 3, nested), /more than 1000000 array elements/);
});

test('unknown tagged fields are stepped over, up to 64 in a struct', () => {
  const withTags = (count: number) =>
    bytesOf((writer) => {
      writer.compactString('client');
      writer.compactString('1.0');
      writer.uvarint(count);
      for (let tag = 0; tag < count; tag++) {
        writer.uvarint(1000 + tag);
        writer.uvarint(3);
        for (let i = 0; i < 3; i++) writer.int8(0xff);
      }
    });
  assert.equal(decodeRequest(apiVersions, 3, withTags(64)).clientSoftwareName, 'client');
  assert.throws(() => decodeRequest(apiVersions, 3, withTags(65)), /65 tagged fields/);
  const million = bytesOf((writer) => {
    writer.compactString('client');
    writer.compactString('1.0');
    writer.uvarint(1_000_000);
    for (let tag = 0; tag < 1_000_000; tag++) writer.int16(0x0100);
  });
  assert.throws(() => decodeRequest(apiVersions, 3, million), /1000000 tagged fields/);
});

test('a header takes at most 64 tags and 64 KiB', () => {
  const header = (tags: number, tagBytes: number) =>
    bytesOf((writer) => {
      writer.int16(18);
      writer.int16(3);
      writer.int32(7);
      writer.string('client');
      writer.uvarint(tags);
      for (let tag = 0; tag < tags; tag++) {
        writer.uvarint(tag);
        writer.uvarint(tagBytes);
        for (let i = 0; i < tagBytes; i++) writer.int8(0);
      }
    });
  const read = (wire: Buffer) => decodeRequestHeader(wire, 0, wire.length, () => 3);
  assert.equal(read(header(64, 10)).bodyStart, header(64, 10).length);
  assert.throws(() => read(header(65, 0)), MalformedRequestError);
  assert.throws(() => read(header(1, 70_000)), MalformedRequestError);
  for (let end = 0; end < header(2, 3).length; end++) {
    assert.throws(() => decodeRequestHeader(header(2, 3), 0, end, () => 3), MalformedRequestError);
  }
});

test('a varint that never ends, and one beyond 32 bits, are refused', () => {
  for (const size of ['ffffffffffffffffff01', 'ffffffff7f', '808080808001']) {
    assert.throws(() => decodeRequest(apiVersions, 3, Buffer.from(size, 'hex')), MalformedRequestError, size);
  }
});

test('null is refused where the version has none, on the way in and on the way out', () => {
  // ApiVersions v3 begins with a compact string that is never null.
  assert.throws(() => decodeRequest(apiVersions, 3, Buffer.from([0, 1, 0])), /must not be null/);
  const topics = [{ name: null, partitions: [] }];
  const writer = new Writer();
  const response = { brokers: [], topics };
  assert.throws(
    () => encodeResponse(metadata, 11, { ...response, topics: [{ errorCode: 'NONE', ...topics[0] }] }, writer),
    {
      name: 'AssertionError',
      message: /MetadataResponse.topics.name is null/,
    },
  );
});

test('a version that is not ours is a programmer error', () => {
  assert.throws(() => decodeRequest(metadata, 14, Buffer.alloc(9)), { name: 'AssertionError' });
  assert.throws(() => decodeRequest(metadata, -1, Buffer.alloc(9)), { name: 'AssertionError' });
});

test('stored values that are too short for their version number are refused', () => {
  assert.throws(() => decodeRecord(consumerProtocolSubscription, Buffer.alloc(1)), MalformedRequestError);
  assert.throws(() => decodeRecord(consumerProtocolSubscription, Buffer.from([0, 0, 0])), MalformedRequestError);
});
