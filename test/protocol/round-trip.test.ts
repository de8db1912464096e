/** Whatever is encoded, in every version of every message, decodes to the same, and encodes to the same bytes again. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  decodeRecord,
  decodeRequest,
  decodeResponse,
  encodeRecord,
  encodeRequest,
  encodeResponse,
} from '../../src/protocol/compile.js';
import { Writer } from '../../src/protocol/wire.js';
import { fc } from '../property.js';
import { arbitraryOf, asDecoded } from './arbitrary.js';
import { everyApi, everyRecord, versionsOf } from './every-message.js';

const RUNS = 25;

function bytesOf(write: (writer: Writer) => void): Buffer {
  const writer = new Writer(200);
  write(writer);
  return Buffer.concat(writer.finish() as Buffer[]);
}

for (const api of everyApi) {
  describe(`${String(api.key).padStart(2, '0')} ${api.name}`, () => {
    for (const version of versionsOf(api)) {
      test(`request v${version}`, () => {
        fc.assert(
          fc.property(arbitraryOf(api.request, version), fc.nat(9), (value, margin) => {
            const wire = bytesOf((writer) => encodeRequest(api, version, value, writer));
            const around = Buffer.concat([Buffer.alloc(margin, 0xff), wire, Buffer.alloc(margin, 0xff)]);
            const decoded = decodeRequest(api, version, around, margin, margin + wire.length);
            assert.deepEqual(decoded, asDecoded(api.request, version, value));
            assert.deepEqual(
              bytesOf((writer) => encodeRequest(api, version, decoded, writer)),
              wire,
            );
          }),
          { numRuns: RUNS },
        );
      });
      test(`response v${version}`, () => {
        fc.assert(
          fc.property(arbitraryOf(api.response, version), (value) => {
            const wire = bytesOf((writer) => encodeResponse(api, version, value, writer));
            const decoded = decodeResponse(api, version, wire);
            assert.deepEqual(decoded, asDecoded(api.response, version, value));
            assert.deepEqual(
              bytesOf((writer) => encodeResponse(api, version, decoded, writer)),
              wire,
            );
          }),
          { numRuns: RUNS },
        );
      });
    }
  });
}

for (const schema of everyRecord) {
  describe(schema.name, () => {
    for (const version of versionsOf(schema)) {
      test(`v${version}`, () => {
        fc.assert(
          fc.property(arbitraryOf(schema, version), (value) => {
            const wire = encodeRecord(schema, version, value);
            assert.equal(wire.readInt16BE(0), schema.typeNumber ?? version);
            assert.deepEqual(decodeRecord(schema, wire), { ...asDecoded(schema, version, value), version });
          }),
          { numRuns: RUNS },
        );
      });
    }
  });
}

test('a stored value of a newer version reads as the newest where its schema says so, and is refused elsewhere', () => {
  for (const schema of everyRecord.filter((each) => each.typeNumber === null)) {
    const wire = encodeRecord(schema, schema.versions.max, fc.sample(arbitraryOf(schema, schema.versions.max), 1)[0]);
    wire.writeInt16BE(schema.versions.max + 1, 0);
    const newer = Buffer.concat([wire, Buffer.from([1, 2, 3])]);
    if (schema.newerReadsAsNewest) assert.equal(decodeRecord(schema, newer).version, schema.versions.max);
    else assert.throws(() => decodeRecord(schema, newer), { name: 'MalformedRequestError' });
  }
});
