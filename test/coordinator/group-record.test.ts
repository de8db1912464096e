/** The records of `__consumer_offsets`: what is written reads back, and the bytes are Kafka's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomUuid, ZERO_UUID } from '../../src/base/uuid.js';
import { assignmentOf } from '../../src/coordinator/group/assignment.js';
import type { ConsumerGroupRecord } from '../../src/coordinator/group/consumer-group-record.js';
import { memberStates } from '../../src/coordinator/group/consumer-member.js';
import {
  decodeGroupRecord,
  encodeGroupRecord,
  type GroupMetadataRecord,
  type OffsetRecord,
} from '../../src/coordinator/group/group-record.js';
import { fc } from '../property.js';

/** Records whose objects are plain ones, as the decoder makes them. */
const plain = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record<T>(model, { noNullPrototype: true });
const int32 = fc.integer({ min: -1, max: 2 ** 31 - 1 });
const milliseconds = fc.integer({ min: 0, max: 2 ** 45 });
const bytes = fc.uint8Array({ maxLength: 50 }).map((array) => Buffer.from(array));

const offsetRecord: fc.Arbitrary<OffsetRecord> = plain({
  type: fc.constant('offset' as const),
  group: fc.string(),
  topic: fc.string(),
  partition: fc.nat(),
  value: fc.option(
    plain({
      offset: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
      leaderEpoch: int32,
      metadata: fc.string({ unit: 'grapheme' }),
      commitTimestampMs: milliseconds,
      expireTimestampMs: fc.constant(-1),
      topicId: fc.constantFrom(ZERO_UUID, randomUuid()),
    }),
  ),
});

const groupRecord: fc.Arbitrary<GroupMetadataRecord> = plain({
  type: fc.constant('group' as const),
  group: fc.string(),
  value: fc.option(
    plain({
      protocolType: fc.string(),
      generation: int32,
      protocol: fc.option(fc.string()),
      leader: fc.option(fc.string()),
      currentStateTimestamp: milliseconds,
      members: fc.array(
        plain({
          memberId: fc.string(),
          groupInstanceId: fc.option(fc.string()),
          clientId: fc.string(),
          clientHost: fc.string(),
          rebalanceTimeout: int32,
          sessionTimeout: int32,
          subscription: bytes,
          assignment: bytes,
        }),
      ),
    }),
  ),
});

test('what is written reads back', () => {
  fc.assert(
    fc.property(fc.oneof(offsetRecord, groupRecord), (record) => {
      const decoded = decodeGroupRecord(encodeGroupRecord(record));
      assert.ok(decoded);
      assert.deepEqual(encodeGroupRecord(decoded), encodeGroupRecord(record));
      if (record.type === 'offset') assert.deepEqual(decoded, record);
      else if (decoded.type === 'group')
        assert.deepEqual(decoded.value, record.value && { ...record.value, version: 3 });
    }),
  );
});

test('the bytes of a committed offset', () => {
  const { key, value } = encodeGroupRecord({
    type: 'offset',
    group: 'g',
    topic: 'logs',
    partition: 3,
    value: {
      offset: 258,
      leaderEpoch: 1,
      metadata: 'm',
      commitTimestampMs: 1,
      expireTimestampMs: -1,
      topicId: ZERO_UUID,
    },
  });
  assert.equal(key?.toString('hex'), '0001' + '000167' + '00046c6f6773' + '00000003');
  assert.equal(value?.toString('hex'), '0004' + '0000000000000102' + '00000001' + '026d' + '0000000000000001' + '00');
});

test('an offset that expires by itself has the one version that can say so', () => {
  const { value } = encodeGroupRecord({
    type: 'offset',
    group: 'g',
    topic: 't',
    partition: 0,
    value: { offset: 1, leaderEpoch: -1, metadata: '', commitTimestampMs: 2, expireTimestampMs: 3, topicId: ZERO_UUID },
  });
  assert.equal(value?.toString('hex'), '0001' + '0000000000000001' + '0000' + '0000000000000002' + '0000000000000003');
});

test('the bytes of an empty group', () => {
  const { key, value } = encodeGroupRecord({
    type: 'group',
    group: 'g',
    value: {
      protocolType: 'consumer',
      generation: 2,
      protocol: null,
      leader: null,
      currentStateTimestamp: 5,
      members: [],
    },
  });
  assert.equal(key?.toString('hex'), '0002000167');
  assert.equal(
    value?.toString('hex'),
    '0003' + '0008636f6e73756d6572' + '00000002' + 'ffff' + 'ffff' + '0000000000000005' + '00000000',
  );
});

const assignment = fc
  .uniqueArray(
    fc.tuple(fc.constantFrom(...[1, 2, 3].map(() => randomUuid())), fc.uniqueArray(fc.nat(), { minLength: 1 })),
    {
      selector: ([topicId]) => topicId,
    },
  )
  .map((topics) =>
    assignmentOf(topics.map(([topicId, partitions]) => ({ topicId, partitions: partitions.sort((a, b) => a - b) }))),
  );
const groupAndMember = { group: fc.string(), memberId: fc.string() };
const consumerGroupRecord: fc.Arbitrary<ConsumerGroupRecord> = fc.oneof(
  plain({
    type: fc.constant('epoch' as const),
    group: fc.string(),
    value: fc.option(plain({ epoch: int32, metadataHash: fc.nat({ max: 2 ** 31 }) })),
  }),
  plain({
    type: fc.constant('target' as const),
    group: fc.string(),
    value: fc.option(plain({ epoch: int32, timestampMs: milliseconds })),
  }),
  plain({
    type: fc.constant('member' as const),
    ...groupAndMember,
    value: fc.option(
      plain({
        instanceId: fc.option(fc.string()),
        rackId: fc.option(fc.string()),
        clientId: fc.string(),
        clientHost: fc.string(),
        topicNames: fc.array(fc.string()),
        topicRegex: fc.string(),
        rebalanceTimeoutMs: int32,
        serverAssignor: fc.option(fc.string()),
        classic: fc.option(
          plain({
            sessionTimeoutMs: int32,
            protocols: fc.array(
              plain({ name: fc.string(), metadata: fc.uint8Array().map((bytes) => Buffer.from(bytes)) }),
              {
                minLength: 1,
              },
            ),
          }),
        ),
      }),
    ),
  }),
  plain({ type: fc.constant('member-target' as const), ...groupAndMember, value: fc.option(assignment) }),
  plain({
    type: fc.constant('current' as const),
    ...groupAndMember,
    value: fc.option(
      plain({
        epoch: int32,
        previousEpoch: int32,
        state: fc.constantFrom(...memberStates),
        assigned: assignment,
        revoking: assignment,
      }),
    ),
  }),
  plain({
    type: fc.constant('regex' as const),
    group: fc.string(),
    regex: fc.string(),
    value: fc.option(plain({ topics: fc.array(fc.string()), timestampMs: milliseconds })),
  }),
  plain({ type: fc.constant('old-topics' as const), group: fc.string(), isThere: fc.constant(false) }),
);

test('what is written of consumer groups reads back', () => {
  fc.assert(
    fc.property(consumerGroupRecord, (record) => {
      assert.deepEqual(decodeGroupRecord(encodeGroupRecord(record)), record);
    }),
  );
});

test('that a member speaks the new protocol is said as Apache Kafka says it, and so are epochs that are not kept', () => {
  const subscription = {
    ...{ instanceId: null, rackId: null, clientId: 'c', clientHost: 'h', topicNames: [], topicRegex: '' },
    ...{ rebalanceTimeoutMs: 1, serverAssignor: null, classic: null },
  };
  const member = { type: 'member' as const, group: 'g', memberId: 'm', value: subscription };
  const { key, value } = encodeGroupRecord(member);
  // One tagged field, the first, of one byte: null. Where it is left out an empty one is meant, as in older records of ours.
  assert.deepEqual([...(value as Buffer).subarray(-4)], [1, 0, 1, 0]);
  assert.deepEqual(decodeGroupRecord({ key, value }), member);
  const leftOut = Buffer.concat([(value as Buffer).subarray(0, -4), Buffer.from([0])]);
  assert.deepEqual(decodeGroupRecord({ key, value: leftOut }), member);
  const current = encodeGroupRecord({
    ...{ type: 'current', group: 'g', memberId: 'm' },
    value: {
      epoch: 1,
      previousEpoch: 0,
      state: 'stable',
      assigned: new Map([[ZERO_UUID, new Set([5])]]),
      revoking: new Map(),
    },
  });
  // The partition, then the tags of the topic, then nothing to be revoked, and no tags.
  assert.deepEqual([...(current.value as Buffer).subarray(-11)], [2, 0, 0, 0, 5, 1, 0, 1, 0, 1, 0]);
});
