/** Produce against partitions that answer when they are told to: who hears what, and when. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorName } from '../../src/base/error-code.js';
import { KafkaError } from '../../src/base/kafka-error.js';
import { Later } from '../../src/base/later.js';
import { ZERO_UUID } from '../../src/base/uuid.js';
import { produceHandler } from '../../src/handlers/00-produce.js';
import type { RequestContext, Services } from '../../src/handlers/handler.js';
import type { AppendResult } from '../../src/partition/partitions.js';
import type { produce } from '../../src/protocol/messages/00-produce.js';
import type { RequestOf } from '../../src/protocol/schema.js';
import { encodeBatch } from '../../src/record/record.js';

const batch = encodeBatch({ records: [{ value: Buffer.from('x') }] });

/** Asks with one batch for each of `indexes` of a topic of three partitions. */
function ask(acks: number, indexes: readonly number[]) {
  const appended: ((error: ErrorName) => void)[] = [];
  const services = {
    topics: { get: () => ({ internal: false, partitions: [{}, {}, {}] }) },
    partitions: {
      append(_handle: unknown, _batch: Uint8Array, _fromClient: boolean, done: (result: AppendResult) => void): void {
        appended.push((error) =>
          done({ error, message: null, baseOffset: error === 'NONE' ? 7 : -1, logAppendTimeMs: -1, logStartOffset: 0 }),
        );
      },
    },
  } as unknown as Services;
  const request = {
    transactionalId: null,
    acks,
    timeoutMs: 1000,
    topicData: [{ name: 't', topicId: ZERO_UUID, partitionData: indexes.map((index) => ({ index, records: batch })) }],
  } as unknown as RequestOf<typeof produce>;
  const handled = produceHandler.handle(request, { apiVersion: 9 } as RequestContext, services);
  const outcome: { value?: unknown; error?: unknown } = {};
  if (handled instanceof Later) {
    handled.then(
      (value) => {
        outcome.value = value;
      },
      (error) => {
        outcome.error = error;
      },
    );
  } else outcome.value = handled;
  return { appended, outcome };
}

test('acks=1 and acks=all are answered when the last partition is, each with its own error', () => {
  for (const acks of [1, -1]) {
    const { appended, outcome } = ask(acks, [0, 1, 9]);
    appended[1]('KAFKA_STORAGE_ERROR');
    assert.equal('value' in outcome, false);
    appended[0]('NONE');
    const { responses } = outcome.value as { responses: { partitionResponses: { errorCode: string }[] }[] };
    assert.deepEqual(
      responses[0].partitionResponses.map(({ errorCode }) => errorCode),
      ['NONE', 'KAFKA_STORAGE_ERROR', 'UNKNOWN_TOPIC_OR_PARTITION'],
    );
  }
});

test('acks=0 hears nothing where all is well', () => {
  const { appended, outcome } = ask(0, [0, 1]);
  for (const settle of appended) settle('NONE');
  assert.deepEqual(outcome, { value: null });
});

test('acks=0: what a shard refuses closes the connection, as there is no other way to tell', () => {
  const { appended, outcome } = ask(0, [0, 1]);
  appended[0]('MESSAGE_TOO_LARGE');
  appended[1]('NONE');
  assert.ok(outcome.error instanceof KafkaError);
  assert.equal(outcome.error.error, 'MESSAGE_TOO_LARGE');
});
