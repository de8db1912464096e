/** A new broker's first commits, by groups that do not wait for each other: the offsets topic is made under them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { KafkaClient } from '../../src/cli/client.js';
import { offsetCommit } from '../../src/protocol/messages/08-offset-commit.js';
import { temporaryFolder } from '../temp-folder.js';
import { connected, createTopic, started } from './running-broker.js';

const TOPIC = 'followed';

async function commit(client: KafkaClient, groupId: string): Promise<string> {
  const partitions = [{ partitionIndex: 0, committedOffset: 1, committedLeaderEpoch: -1, committedMetadata: null }];
  const request = {
    ...{ groupId, generationIdOrMemberEpoch: -1, memberId: '', groupInstanceId: null },
    topics: [{ name: TOPIC, partitions }],
  };
  const { topics } = await client.request(offsetCommit, request, { versionMax: 8 });
  return topics[0].partitions[0].errorCode;
}

test('no group is refused because another one was first', async (t) => {
  const broker = await started(t, temporaryFolder('first-commits'), {});
  const client = await connected(t, broker);
  await createTopic(client, TOPIC);
  let isMade = false;
  const first = commit(client, 'first').finally(() => {
    isMade = true;
  });
  const commits = [first];
  while (!isMade) {
    commits.push(commit(client, `group-${commits.length}`));
    await nextTurn();
  }
  const refused = (await Promise.all(commits)).filter((error) => error !== 'NONE');
  assert.deepEqual(refused, [], `of ${commits.length} commits`);
});
