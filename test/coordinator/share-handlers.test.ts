/** Every version of every share API: who asks wrongly is told so, and the rest is what the coordinator said. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomUuid } from '../../src/base/uuid.js';
import { loadConfig } from '../../src/config/load.js';
import { ACCEPT, RELEASE, RENEW } from '../../src/coordinator/share/share-window.js';
import { shareGroupHeartbeatHandler } from '../../src/handlers/76-share-group-heartbeat.js';
import { shareGroupDescribeHandler } from '../../src/handlers/77-share-group-describe.js';
import { shareFetchHandler } from '../../src/handlers/78-share-fetch.js';
import { shareAcknowledgeHandler } from '../../src/handlers/79-share-acknowledge.js';
import { describeShareGroupOffsetsHandler } from '../../src/handlers/90-describe-share-group-offsets.js';
import { alterShareGroupOffsetsHandler } from '../../src/handlers/91-alter-share-group-offsets.js';
import { deleteShareGroupOffsetsHandler } from '../../src/handlers/92-delete-share-group-offsets.js';
import type { Handler, RequestContext, Services } from '../../src/handlers/handler.js';
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from '../../src/protocol/compile.js';
import type { Api, DecodedResponseOf, EncodableRequestOf } from '../../src/protocol/schema.js';
import { Writer } from '../../src/protocol/wire.js';
import { GroupWorld } from './group-world.js';
import { GROUP, ShareWorld } from './share-world.js';

/** A group with one member, `m`, that reads `jobs`, and one way to ask handlers. */
async function start() {
  const groups = await GroupWorld.start();
  const shares = await ShareWorld.start({}, groups.topics.add('jobs', 2).id);
  // There are no files behind what is answered.
  shares.recordBytes = 0;
  const { config } = loadConfig({});
  const services = {
    config,
    groups: groups.groups,
    shares: shares.shares,
    topics: {
      config,
      get: (name: string) => (name === 'jobs' ? shares.topic : undefined),
      byId: (id: string) => (id === shares.topicId ? shares.topic : undefined),
    },
  } as unknown as Services;
  const ask = async <A extends Api>(
    handler: Handler<A>,
    request: EncodableRequestOf<A>,
    apiVersion: number = handler.api.versions.max,
  ): Promise<DecodedResponseOf<A>> => {
    const context = {
      apiVersion,
      clientId: 'client',
      clientHost: '/127.0.0.1',
      closed: new AbortController().signal,
    } as RequestContext;
    const sent = new Writer();
    encodeRequest(handler.api, apiVersion, request, sent);
    const bytes = Buffer.concat(sent.finish() as Buffer[]);
    const response = await handler.handle(decodeRequest(handler.api, apiVersion, bytes), context, services);
    assert.ok(response);
    const received = new Writer();
    encodeResponse(handler.api, apiVersion, response, received);
    return decodeResponse(handler.api, apiVersion, Buffer.concat(received.finish() as Buffer[]));
  };
  const heartbeat = (memberEpoch: number) =>
    ask(shareGroupHeartbeatHandler, {
      groupId: GROUP,
      memberId: 'm',
      memberEpoch,
      rackId: null,
      subscribedTopicNames: memberEpoch === 0 ? ['jobs'] : null,
    });
  assert.equal((await heartbeat(0)).errorCode, 'NONE');
  const partitions = (...said: [firstOffset: number, lastOffset: number, type: number][]) => [
    {
      topicId: shares.topicId,
      partitions: [
        {
          partitionIndex: 0,
          acknowledgementBatches: said.map(([firstOffset, lastOffset, type]) => ({
            firstOffset,
            lastOffset,
            acknowledgeTypes: [type],
          })),
        },
      ],
    },
  ];
  const fetchRequest = (shareSessionEpoch: number, topics: ReturnType<typeof partitions> = []) => ({
    groupId: GROUP,
    memberId: 'm',
    shareSessionEpoch,
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: 1_000_000,
    maxRecords: 5,
    batchSize: 5,
    topics,
    forgottenTopicsData: [],
  });
  return { shares, ask, heartbeat, partitions, fetchRequest };
}

test('a session from its first fetch to its last, in every version', async () => {
  for (const version of [1, 2]) {
    const { shares, ask, partitions, fetchRequest } = await start();
    shares.produce(20);
    const fetch = async (...args: Parameters<typeof fetchRequest>) => {
      const answer = await ask(shareFetchHandler, fetchRequest(...args), version);
      const [first] = answer.responses[0]?.partitions ?? [];
      const acquired = (first?.acquiredRecords ?? []).map((each) => `${each.firstOffset}-${each.lastOffset}`).join();
      return {
        error: answer.errorCode,
        lockMs: answer.acquisitionLockTimeoutMs,
        said: first?.acknowledgeErrorCode,
        acquired,
      };
    };
    assert.deepEqual(await fetch(0, partitions()), { error: 'NONE', lockMs: 30_000, said: 'NONE', acquired: '0-4' });
    assert.equal((await fetch(1)).acquired, '5-9');
    assert.deepEqual(await fetch(2, partitions([0, 4, ACCEPT], [6, 6, RELEASE])), {
      error: 'NONE',
      lockMs: 30_000,
      said: 'NONE',
      acquired: '6-6,10-14',
    });
    assert.equal((await fetch(2)).error, 'INVALID_SHARE_SESSION_EPOCH');
    const wrong = await fetch(3, partitions([0, 4, ACCEPT], [17, 17, ACCEPT]));
    assert.deepEqual([wrong.said, wrong.acquired], ['INVALID_REQUEST', '15-19']);
    const say = { groupId: GROUP, memberId: 'm', topics: partitions([5, 5, ACCEPT]) };
    const said = await ask(shareAcknowledgeHandler, { ...say, shareSessionEpoch: 4 }, version);
    assert.deepEqual([said.errorCode, said.responses[0].partitions[0].errorCode], ['NONE', 'NONE']);
    const again = await ask(shareAcknowledgeHandler, { ...say, shareSessionEpoch: 5 }, version);
    assert.equal(again.responses[0].partitions[0].errorCode, 'NONE', 'what is over may be said again');
    assert.deepEqual((await fetch(-1, partitions([6, 6, ACCEPT]))).said, 'NONE');
    assert.equal((await fetch(6)).error, 'SHARE_SESSION_NOT_FOUND');
    assert.equal(shares.offsets().startOffset, 7);
    assert.equal((await fetch(0, partitions())).acquired, '7-14', 'what was in its hands is given out again');
  }
});

test('who renews is answered at once, and keeps what it has', async () => {
  const { shares, ask, partitions, fetchRequest } = await start();
  shares.produce(10);
  await ask(shareFetchHandler, fetchRequest(0, partitions()));
  const renewed = await ask(shareFetchHandler, { ...fetchRequest(1, partitions([0, 4, RENEW])), isRenewAck: true });
  const [{ acknowledgeErrorCode, acquiredRecords }] = renewed.responses[0].partitions;
  assert.deepEqual([acknowledgeErrorCode, acquiredRecords], ['NONE', []]);
});

test('what is asked wrongly is refused, and what there is not is not remembered', async () => {
  const { ask, partitions, fetchRequest, shares } = await start();
  const error = async (request: EncodableRequestOf<typeof shareFetchHandler.api>) =>
    (await ask(shareFetchHandler, request)).errorCode;
  assert.equal(await error({ ...fetchRequest(0), groupId: 'nowhere' }), 'GROUP_ID_NOT_FOUND');
  assert.equal(await error({ ...fetchRequest(0), memberId: '' }), 'INVALID_REQUEST');
  assert.equal(await error(fetchRequest(0, partitions([0, 0, ACCEPT]))), 'INVALID_REQUEST');
  assert.equal(await error(fetchRequest(1)), 'SHARE_SESSION_NOT_FOUND');
  const acknowledge = { groupId: GROUP, memberId: 'm', shareSessionEpoch: 0, topics: [] };
  assert.equal((await ask(shareAcknowledgeHandler, acknowledge)).errorCode, 'INVALID_SHARE_SESSION_EPOCH');
  const elsewhere = { topicId: randomUuid(), partitions: [{ partitionIndex: 0, acknowledgementBatches: [] }] };
  const tooFar = { topicId: shares.topicId, partitions: [{ partitionIndex: 9, acknowledgementBatches: [] }] };
  const first = await ask(shareFetchHandler, fetchRequest(0, [elsewhere, tooFar]));
  assert.deepEqual(
    first.responses.map((topic) => topic.partitions[0].errorCode),
    ['UNKNOWN_TOPIC_ID', 'UNKNOWN_TOPIC_OR_PARTITION'],
  );
  assert.deepEqual((await ask(shareFetchHandler, fetchRequest(1))).responses, []);
});

test('offsets are described; they are set and deleted while nobody is in the group', async () => {
  const { shares, ask, heartbeat } = await start();
  shares.produce(10);
  const describe = async (topics: { topicName: string; partitions: number[] }[] | null, version: number) => {
    const { groups } = await ask(describeShareGroupOffsetsHandler, { groups: [{ groupId: GROUP, topics }] }, version);
    assert.equal(groups[0].errorCode, 'NONE');
    return groups[0].topics.flatMap(({ topicName, partitions }) =>
      partitions.map((each) => `${topicName}-${each.partitionIndex} ${each.startOffset} ${each.lag} ${each.errorCode}`),
    );
  };
  const alter = {
    groupId: GROUP,
    topics: [{ topicName: 'jobs', partitions: [{ partitionIndex: 0, startOffset: 3 }] }],
  };
  const forget = { groupId: GROUP, topics: [{ topicName: 'jobs' }, { topicName: 'other' }] };
  assert.deepEqual(await describe(null, 1), ['jobs-0 -1 -1 NONE', 'jobs-1 -1 -1 NONE']);
  assert.equal((await ask(alterShareGroupOffsetsHandler, alter)).errorCode, 'NON_EMPTY_GROUP');
  assert.equal((await ask(deleteShareGroupOffsetsHandler, forget)).errorCode, 'NON_EMPTY_GROUP');
  const group = await ask(shareGroupDescribeHandler, { groupIds: [GROUP], includeAuthorizedOperations: true });
  assert.deepEqual([group.groups[0].groupState, group.groups[0].members.length], ['Stable', 1]);
  await heartbeat(-1);
  const altered = await ask(alterShareGroupOffsetsHandler, {
    ...alter,
    topics: [...alter.topics, { topicName: 'nowhere', partitions: [{ partitionIndex: 0, startOffset: 3 }] }],
  });
  assert.deepEqual(
    altered.responses.map(({ partitions }) => partitions[0].errorCode),
    ['NONE', 'UNKNOWN_TOPIC_OR_PARTITION'],
  );
  for (const version of [0, 1]) {
    assert.deepEqual(await describe([{ topicName: 'jobs', partitions: [0, 7] }], version), [
      `jobs-0 3 ${version === 0 ? -1 : 7} NONE`,
      'jobs-7 -1 -1 UNKNOWN_TOPIC_OR_PARTITION',
    ]);
  }
  const deleted = await ask(deleteShareGroupOffsetsHandler, forget);
  assert.deepEqual(
    deleted.responses.map(({ errorCode }) => errorCode),
    ['NONE', 'UNKNOWN_TOPIC_OR_PARTITION'],
  );
  assert.deepEqual(await describe(null, 1), []);
  const began = await ask(alterShareGroupOffsetsHandler, { ...alter, groupId: 'later' });
  assert.deepEqual([began.errorCode, began.responses[0].partitions[0].errorCode], ['NONE', 'NONE']);
  const later = await ask(describeShareGroupOffsetsHandler, { groups: [{ groupId: 'later', topics: null }] });
  assert.deepEqual(
    later.groups[0].topics[0].partitions.map(({ startOffset }) => startOffset),
    [3, -1],
  );
  const nowhere = { groups: [{ groupId: 'nowhere', topics: null }] };
  assert.equal((await ask(describeShareGroupOffsetsHandler, nowhere)).groups[0].errorCode, 'GROUP_ID_NOT_FOUND');
});
