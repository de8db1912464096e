/** Frames recorded off real clients and brokers: decoded and encoded again they are the same to the byte, header included. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeRequest, decodeResponse } from '../../src/protocol/compile.js';
import { encodeReply, encodeRequestFrame, FRAME_PREFIX_BYTES } from '../../src/protocol/frame.js';
import { decodeRequestHeader, decodeResponseHeader } from '../../src/protocol/header.js';
import { within } from '../../src/protocol/schema.js';
import { Writer } from '../../src/protocol/wire.js';
import { type GoldenFrame, goldenFrames } from '../wire/golden-frames.js';
import { everyApi, everyKafkaApi } from './every-message.js';

const frames = goldenFrames();

test('there are golden frames of every API', () => {
  const recorded = new Set(frames.map((golden) => golden.api));
  const missing = everyKafkaApi.filter((api) => !recorded.has(api.name)).map((api) => api.name);
  assert.deepEqual(missing, []);
});

for (const [i, golden] of frames.entries()) {
  test(`${i}: ${golden.api} ${golden.direction} v${golden.version}, from ${golden.from}`, (t) => {
    const api = everyApi.find((each) => each.name === golden.api);
    if (api === undefined) return t.skip(`${golden.api} is not spoken`);
    if (!within(api.versions, golden.version)) return t.skip(`${golden.api} v${golden.version} is not spoken`);
    const frame = Buffer.from(golden.hex, 'hex');
    assert.equal(again(golden, api, frame).subarray(FRAME_PREFIX_BYTES).toString('hex'), golden.hex);
  });
}

function again(golden: GoldenFrame, api: (typeof everyApi)[number], frame: Buffer): Buffer {
  const { version } = golden;
  if (golden.direction === 'response') {
    const { correlationId, bodyStart } = decodeResponseHeader(api, version, frame, 0, frame.length);
    const response = decodeResponse(api, version, frame, bodyStart, frame.length);
    return Buffer.concat(encodeReply(api, version, correlationId, response, new Writer()) as Buffer[]);
  }
  const header = decodeRequestHeader(frame, 0, frame.length, () => api.flexibleFrom);
  assert.equal(header.apiKey, api.key);
  assert.equal(header.apiVersion, version);
  const { correlationId, clientId } = header;
  const request = decodeRequest(api, version, frame, header.bodyStart, frame.length);
  return Buffer.concat(encodeRequestFrame(api, version, correlationId, clientId, request, new Writer()) as Buffer[]);
}
