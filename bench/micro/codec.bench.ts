/** What it costs to decode a Produce v9 with six partitions and to encode its reply. Bench process. */
import { decodeRequest } from '../../src/protocol/compile.js';
import { encodeReply, encodeRequestFrame } from '../../src/protocol/frame.js';
import { decodeRequestHeader } from '../../src/protocol/header.js';
import { produce } from '../../src/protocol/messages/00-produce.js';
import { Writer } from '../../src/protocol/wire.js';
import { logLineBatch } from '../load/batches.js';
import { type MicroFigure, measure, type Size } from './measure.js';

const version = 9;
const partitions = 6;
const operations = 1000;

export function benchCodec(size: Size): Promise<MicroFigure[]> {
  const writer = new Writer();
  const records = logLineBatch(1024, 1).bytes;
  const indexes = Array.from({ length: partitions }, (_, index) => index);
  const request = {
    transactionalId: null,
    acks: -1,
    timeoutMs: 30_000,
    topicData: [{ name: 'access-log', partitionData: indexes.map((index) => ({ index, records })) }],
  };
  const frame = Buffer.concat(encodeRequestFrame(produce, version, 1, 'bench', request, writer) as Buffer[]);
  const { bodyStart } = decodeRequestHeader(frame, 4, frame.length, () => produce.flexibleFrom);
  const partitionResponses = indexes.map((index) => ({ index, errorCode: 'NONE', baseOffset: 1_000_000 }) as const);
  const response = { responses: [{ name: 'access-log', partitionResponses }] };
  return measure(size, [
    {
      name: 'decode Produce v9 header, 6 partitions',
      operations,
      run() {
        for (let count = 0; count < operations; count++)
          decodeRequestHeader(frame, 4, frame.length, () => produce.flexibleFrom);
      },
    },
    {
      name: 'decode Produce v9 body, 6 partitions',
      operations,
      run() {
        for (let count = 0; count < operations; count++) {
          decodeRequest(produce, version, frame, bodyStart, frame.length);
        }
      },
    },
    {
      name: 'encode Produce v9 reply, 6 partitions',
      operations,
      run() {
        for (let count = 0; count < operations; count++) encodeReply(produce, version, count, response, writer);
      },
    },
  ]);
}
