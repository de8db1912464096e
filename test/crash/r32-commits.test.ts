/**
 * R32: many groups of every kind commit while the broker is killed, again and again: what was acknowledged is there
 * afterwards, or something later that was sent; deleted offsets stay deleted, and members go on under their epoch. Test process.
 */
import assert from 'node:assert/strict';
import { randomUuid } from '../../src/base/uuid.js';
import type { KafkaClient } from '../../src/cli/client.js';
import { offsetCommit } from '../../src/protocol/messages/08-offset-commit.js';
import { offsetFetch } from '../../src/protocol/messages/09-offset-fetch.js';
import { joinGroup } from '../../src/protocol/messages/11-join-group.js';
import { syncGroup } from '../../src/protocol/messages/14-sync-group.js';
import { createTopics } from '../../src/protocol/messages/19-create-topics.js';
import { offsetDelete } from '../../src/protocol/messages/47-offset-delete.js';
import { consumerGroupHeartbeat } from '../../src/protocol/messages/68-consumer-group-heartbeat.js';
import { BrokerProcess, brokerIsBuilt, noBroker } from '../broker-process.js';
import type { Random } from '../history/good-history.js';
import { experiment, type Findings } from './lab/experiment.js';
import { Session, untilKilled } from './session.js';

const TOPIC = 'read';
const PARTITIONS = 4;
const GROUPS_OF_A_KIND = 20;
const KINDS = ['alone', 'classic', 'consumer'] as const;
/** Each speaks for groups of its own, one request at a time; their commits share batches and flushes all the same. */
const CONNECTIONS = 12;
/** A life ends so long after its first acknowledgement, or the moment that a later one arrives, whose flush is just done. */
const KILL_AFTER_MS = { min: 10, max: 300 };
const KILL_AT_MAX = 200;
/** One request in so many of consumers that are alone takes offsets away. */
const DELETES_EVERY = 10;
const NO_OFFSET = -1;
/** Segments fill within a few lives, so that some end while the log is compacted. */
const METADATA = 'm'.repeat(2_000);
const MODES = ['ack', 'never', 'interval'] as const;
const BY_NAME = { versionMax: 9 };
/** What the groups' partition being read, or going away, is answered with. */
const PASSING: ReadonlySet<string> = new Set([
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR',
]);

/** What was sent for one partition of one group, oldest first; the broker has one of those from `acknowledged` on. */
class Sent {
  private readonly offsets = [NO_OFFSET];
  private acknowledged = 0;

  send(offset: number): number {
    return this.offsets.push(offset) - 1;
  }

  taken(index: number): void {
    this.acknowledged = Math.max(this.acknowledged, index);
  }

  /** What was found counts from now on. False where it must not be. */
  settle(offset: number): boolean {
    const index = this.offsets.lastIndexOf(offset);
    if (index < this.acknowledged) return false;
    this.offsets.splice(0, index);
    this.offsets.length = 1;
    this.acknowledged = 0;
    return true;
  }

  get isAcknowledged(): boolean {
    return this.acknowledged > 0;
  }

  toString(): string {
    return `one of ${this.offsets.slice(this.acknowledged).slice(0, 10)}`;
  }
}

class CommittingGroup {
  readonly sent = Array.from({ length: PARTITIONS }, () => new Sent());
  private memberId = '';
  private epoch = NO_OFFSET;
  private next = 1;

  constructor(
    readonly id: string,
    readonly kind: (typeof KINDS)[number],
  ) {}

  /** The group's one member comes, and stays through all lives of the broker: its sessions are longer than any of them. */
  async join(client: KafkaClient): Promise<void> {
    const groupId = this.id;
    if (this.kind === 'classic') {
      const protocols = [{ name: 'range', metadata: Buffer.alloc(0) }];
      const request = { groupId, sessionTimeoutMs: 300_000, memberId: '', protocolType: 'reader', protocols };
      const { memberId } = await client.request(joinGroup, request, { versionMax: 4 });
      const joined = await client.request(joinGroup, { ...request, memberId }, { versionMax: 4 });
      const { generationId } = joined;
      const assignments = [{ memberId, assignment: Buffer.from('all') }];
      const synced = await client.request(
        syncGroup,
        { groupId, generationId, memberId, assignments },
        { versionMax: 4 },
      );
      assert.deepEqual([joined.errorCode, synced.errorCode], ['NONE', 'NONE']);
      this.memberId = memberId;
      this.epoch = generationId;
    }
    if (this.kind === 'consumer') {
      const memberId = randomUuid();
      const joining = { rebalanceTimeoutMs: 300_000, topicPartitions: [], subscribedTopicNames: [TOPIC] };
      const request = { groupId, memberId, memberEpoch: 0, ...joining };
      const { errorCode, memberEpoch } = await client.request(consumerGroupHeartbeat, request);
      assert.equal(errorCode, 'NONE');
      this.memberId = memberId;
      this.epoch = memberEpoch;
    }
  }

  /** Commits for some partitions, or takes some offsets away. Whether it was taken; an answer that no broker may give is told. */
  async speak(client: KafkaClient, random: Random, complain: (text: string) => void): Promise<boolean> {
    const indexes = this.sent.map((_, index) => index).filter(() => random(2) === 0);
    if (indexes.length === 0) indexes.push(random(PARTITIONS));
    const isDelete = this.kind === 'alone' && random(DELETES_EVERY) === 0;
    const offset = isDelete ? NO_OFFSET : this.next++;
    const marks = indexes.map((index) => this.sent[index].send(offset));
    const answers = isDelete ? await this.takeAway(client, indexes) : await this.commit(client, indexes, offset);
    let isTaken = false;
    for (const [i, error] of answers.entries()) {
      if (error === 'NONE') {
        this.sent[indexes[i]].taken(marks[i]);
        isTaken = true;
      } else if (!PASSING.has(error)) complain(`${this.id}: ${error}`);
    }
    return isTaken;
  }

  private async commit(client: KafkaClient, indexes: readonly number[], offset: number): Promise<string[]> {
    const partitions = indexes.map((partitionIndex) => ({
      ...{ partitionIndex, committedOffset: offset, committedMetadata: METADATA },
    }));
    const { id: groupId, memberId, epoch } = this;
    const request = { groupId, memberId, generationIdOrMemberEpoch: epoch, topics: [{ name: TOPIC, partitions }] };
    const { topics } = await client.request(offsetCommit, request, BY_NAME);
    return topics[0].partitions.map(({ errorCode }) => errorCode);
  }

  private async takeAway(client: KafkaClient, indexes: readonly number[]): Promise<string[]> {
    const partitions = indexes.map((partitionIndex) => ({ partitionIndex }));
    const { errorCode, topics } = await client.request(offsetDelete, {
      groupId: this.id,
      topics: [{ name: TOPIC, partitions }],
    });
    // A group without offsets is none: then there was nothing to take away.
    if (errorCode === 'GROUP_ID_NOT_FOUND') return indexes.map(() => 'NONE');
    if (errorCode !== 'NONE') return indexes.map(() => errorCode);
    return topics[0].partitions.map((partition) => partition.errorCode);
  }
}

/** Compares what each group has with what it was told. */
async function judgeGroups(
  client: KafkaClient,
  groups: readonly CommittingGroup[],
  findings: Findings,
): Promise<string[]> {
  const wrong: string[] = [];
  const topics = [{ name: TOPIC, partitionIndexes: Array.from({ length: PARTITIONS }, (_, index) => index) }];
  const request = { groups: groups.map(({ id }) => ({ groupId: id, topics })), requireStable: true };
  const answer = await client.request(offsetFetch, request, BY_NAME);
  for (const group of groups) {
    const found = answer.groups.find(({ groupId }) => groupId === group.id);
    assert.equal(found?.errorCode, 'NONE', group.id);
    for (const { partitionIndex, committedOffset, metadata } of found.topics[0].partitions) {
      const sent = group.sent[partitionIndex];
      if (sent.isAcknowledged) findings.acknowledged += 1;
      const expected = `${sent}`;
      const isWhole = committedOffset === NO_OFFSET || metadata === METADATA;
      if (sent.settle(committedOffset) && isWhole) continue;
      findings.lost += 1;
      wrong.push(`${group.id} has ${committedOffset} for partition ${partitionIndex}, not ${expected}`);
    }
  }
  return wrong;
}

/** Resolves once the groups are read. */
async function untilRead(client: KafkaClient, groups: readonly CommittingGroup[]): Promise<void> {
  for (;;) {
    const asked = groups.map(({ id }) => ({ groupId: id, topics: null }));
    const answer = await client.request(offsetFetch, { groups: asked }, BY_NAME);
    const errors = answer.groups.map(({ errorCode }) => errorCode).filter((error) => error !== 'NONE');
    if (errors.length === 0) return;
    for (const error of errors) assert.ok(PASSING.has(error), error);
  }
}

experiment({
  id: 'R32',
  title: 'groups of every kind commit and delete offsets while the broker is killed',
  unit: 'kills',
  ci: 10,
  long: 1_000,
  unitsPerTrial: 10,
  unable: () => (brokerIsBuilt ? null : noBroker),
  trial: async ({ seed, random, findings, say }, kills) => {
    const broker = await BrokerProcess.start({
      overrides: {
        ...{ flush: MODES[seed % MODES.length], shards: 2, 'group.initial.rebalance.delay.ms': 0 },
        ...{ 'group.consumer.session.timeout.ms': 300_000, 'group.consumer.max.session.timeout.ms': 300_000 },
        ...{ 'offsets.topic.num.partitions': 3, 'offsets.topic.segment.bytes': 1024 * 1024 },
        ...{ 'log.cleaner.backoff.ms': 20, 'log.cleaner.io.max.bytes.per.second': 1e12 },
      },
    });
    try {
      const groups = KINDS.flatMap((kind) =>
        Array.from({ length: GROUPS_OF_A_KIND }, (_, i) => new CommittingGroup(`${kind}-${i}`, kind)),
      );
      const first = new Session(broker.bootstrap);
      const making = await first.connect();
      const topic = { name: TOPIC, numPartitions: PARTITIONS, replicationFactor: 1, assignments: [], configs: [] };
      await making.request(createTopics, { topics: [topic], timeoutMs: 30_000, validateOnly: false });
      for (const group of groups) await group.join(making);
      first.end();
      let taken = 0;
      for (let life = 0; life < kills; life++) {
        const session = new Session(broker.bootstrap);
        const diesAt = random(2) === 0 ? 1 + random(KILL_AT_MAX) : Number.POSITIVE_INFINITY;
        let dead: Promise<void> | null = null;
        const loads = Array.from({ length: CONNECTIONS }, (_, i) =>
          untilKilled(session, `connection ${i}`, async (client) => {
            const own = groups.filter((_, at) => at % CONNECTIONS === i);
            while (!session.over) {
              const group = own[random(own.length)];
              if (!(await group.speak(client, random, (text) => session.complain(text)))) continue;
              taken += 1;
              session.acknowledged();
              if (session.acknowledgements === diesAt) dead = broker.kill9();
            }
          }),
        );
        await session.firstAcknowledged;
        if (diesAt === Number.POSITIVE_INFINITY) {
          const span = KILL_AFTER_MS.max - KILL_AFTER_MS.min;
          await new Promise((resolve) => setTimeout(resolve, KILL_AFTER_MS.min + random(span)));
          dead = broker.kill9();
        } else await Promise.race(loads);
        await dead;
        session.end();
        await Promise.all(loads);
        assert.deepEqual(session.complaints.slice(0, 10), [], `life ${life}: ${session.complaints.length} complaints`);
        await broker.start();
        const judging = new Session(broker.bootstrap);
        const client = await judging.connect();
        await untilRead(client, groups);
        const wrong = await judgeGroups(client, groups, findings);
        judging.end();
        assert.deepEqual(wrong.slice(0, 10), [], `life ${life}: ${wrong.length} offsets`);
      }
      say(`${taken} requests of ${groups.length} groups were acknowledged in ${kills} lives`);
      assert.ok(taken > kills);
    } finally {
      await broker.dispose();
    }
  },
});
