/**
 * What one client was told about its topics, records and offsets, and whether a broker that came back from a crash stands
 * by it. For topics whose records go in due course (deleted, expired, compacted), which a history does not know. Test process.
 */
import type { KafkaClient } from '../../src/cli/client.js';
import { produce } from '../../src/protocol/messages/00-produce.js';
import { metadata } from '../../src/protocol/messages/03-metadata.js';
import { offsetCommit } from '../../src/protocol/messages/08-offset-commit.js';
import { offsetFetch } from '../../src/protocol/messages/09-offset-fetch.js';
import { createTopics } from '../../src/protocol/messages/19-create-topics.js';
import { deleteTopics } from '../../src/protocol/messages/20-delete-topics.js';
import { deleteRecords } from '../../src/protocol/messages/21-delete-records.js';
import { initProducerId } from '../../src/protocol/messages/22-init-producer-id.js';
import { encodeBatch, type NewRecord } from '../../src/record/record.js';
import type { ReadRecord } from '../history/history.js';
import { hashOf, readRecords } from './contents.js';
import { listedOffset, readBytes } from './load-consumer.js';

/** `whole`: only DeleteRecords takes records away. `expiring`: the oldest go by themselves. `compacted`: all but the last of each key may. */
export type TopicKind = 'whole' | 'expiring' | 'compacted';

export interface NewTopic {
  readonly kind: TopicKind;
  readonly partitions: number;
  readonly configs?: Readonly<Record<string, string>>;
}

interface Sent {
  readonly hash: string;
  readonly key: number;
  /** Grows from one record of the partition to the next. */
  readonly number: number;
}

interface Acknowledged {
  readonly value: string;
  readonly atMs: number;
}

interface OpenBatch {
  readonly records: readonly NewRecord[];
  readonly values: readonly string[];
  readonly baseSequence: number;
}

class PartitionAccount {
  readonly sent = new Map<string, Sent>();
  /** By offset. */
  readonly acknowledged = new Map<number, Acknowledged>();
  /** One more than the last offset that was acknowledged or read. */
  end = 0;
  /** Between these lies the log start that was asked for: the first was acknowledged, the second sent. */
  startMin = 0;
  startMax = 0;
  sequence = 0;
  /** Sent, and nobody knows what came of it. */
  open: OpenBatch | null = null;
}

class TopicAccount {
  /** As the client knows it; in doubt between a request and its answer. */
  state: 'creating' | 'there' | 'deleting' | 'gone' = 'creating';
  id: string | null = null;
  readonly partitions: readonly PartitionAccount[];

  constructor(
    readonly kind: TopicKind,
    partitions: number,
  ) {
    this.partitions = Array.from({ length: partitions }, () => new PartitionAccount());
  }
}

export interface PartitionContent {
  readonly start: number;
  readonly end: number;
  readonly records: readonly ReadRecord[];
}

export interface LedgerOptions {
  /** Sends again after a crash what was in doubt, which then must be there once. */
  readonly idempotent: boolean;
  /** In commits of offsets. */
  readonly group: string;
}

/** Few, so that every batch says something new of old keys. */
const KEYS = 5;
const TIMEOUT_MS = 30_000;
const TOPIC_NAMES_UP_TO = 12;
const COMMIT_VERSION_MAX = 9;

export class Ledger {
  /** Of records, in all. */
  acknowledged = 0;
  /** Acknowledged and gone, where that was allowed: records, and the time of the first acknowledgement among them. */
  lost = 0;
  firstLostAtMs = Infinity;
  readonly #topics = new Map<string, TopicAccount>();
  /** By partition of a topic: the offset that was acknowledged last, those sent since, and all there ever were. */
  readonly #committed = new Map<string, { offered: Set<number>; readonly ever: Set<number> }>();
  #producer: { readonly producerId: number; readonly producerEpoch: number } | null = null;
  #made = 0;

  constructor(private readonly options: LedgerOptions) {}

  /** Of topics that are there for all that is known. */
  get topics(): readonly string[] {
    return [...this.#topics].filter(([, topic]) => topic.state === 'there').map(([name]) => name);
  }

  kindOf(name: string): TopicKind {
    return this.#there(name).kind;
  }

  endOf(name: string, partition: number): number {
    return this.#there(name).partitions[partition].end;
  }

  /** Creates a topic whose name no living one has. @throws Error what the broker answers, or that it does not */
  async create(client: KafkaClient, name: string, { kind, partitions, configs = {} }: NewTopic): Promise<void> {
    const topic = new TopicAccount(kind, partitions);
    this.#topics.set(name, topic);
    const response = await client.request(createTopics, {
      topics: [
        {
          name,
          numPartitions: partitions,
          replicationFactor: 1,
          assignments: [],
          configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
        },
      ],
      timeoutMs: TIMEOUT_MS,
      validateOnly: false,
    });
    expectNone(response.topics[0].errorCode, `creating ${name}`);
    topic.id = response.topics[0].topicId;
    topic.state = 'there';
  }

  async delete(client: KafkaClient, name: string): Promise<void> {
    const topic = this.#there(name);
    topic.state = 'deleting';
    const request = { topics: [], topicNames: [name], timeoutMs: TIMEOUT_MS };
    const { responses } = await client.request(deleteTopics, request, { versionMax: 5 });
    expectNone(responses[0].errorCode, `deleting ${name}`);
    topic.state = 'gone';
    this.#forgetCommitted(name);
  }

  /** One batch of so many records, each with up to so many bytes of padding. */
  async append(client: KafkaClient, name: string, partition: number, count: number, padding: number): Promise<void> {
    const account = this.#there(name).partitions[partition];
    const values: string[] = [];
    const records = Array.from({ length: count }, () => {
      const number = this.#made++;
      const key = number % KEYS;
      const value = `${name}/${partition}#${number}`;
      const record = {
        key: Buffer.from(`key ${key}`),
        value: Buffer.from(`${value} ${'.'.repeat(padding)}`),
        headers: [],
        timestampMs: Date.now(),
      };
      account.sent.set(value, { hash: hashOf(record), key, number });
      values.push(value);
      return record;
    });
    account.open = { records, values, baseSequence: account.sequence };
    account.sequence += count;
    await this.#send(client, name, partition, account);
  }

  async #send(client: KafkaClient, name: string, index: number, account: PartitionAccount): Promise<void> {
    const { open } = account;
    if (open === null) return;
    const { records, values, baseSequence } = open;
    if (this.options.idempotent && this.#producer === null) {
      const answer = await client.request(initProducerId, { transactionalId: null, transactionTimeoutMs: TIMEOUT_MS });
      expectNone(answer.errorCode, 'asking for a producer id');
      this.#producer = answer;
    }
    const batch =
      this.options.idempotent && this.#producer !== null
        ? encodeBatch({ records, baseSequence, ...idOf(this.#producer) })
        : encodeBatch({ records });
    const topicData = [{ name, partitionData: [{ index, records: batch }] }];
    const request = { transactionalId: null, acks: -1, timeoutMs: TIMEOUT_MS, topicData };
    const { responses } = await client.request(produce, request, { versionMax: TOPIC_NAMES_UP_TO });
    const { errorCode, baseOffset } = responses[0].partitionResponses[0];
    expectNone(errorCode, `appending to ${name}-${index}`);
    account.open = null;
    const atMs = performance.now();
    for (const [i, value] of values.entries()) account.acknowledged.set(baseOffset + i, { value, atMs });
    account.end = Math.max(account.end, baseOffset + values.length);
    this.acknowledged += values.length;
  }

  async deleteRecords(client: KafkaClient, name: string, partitionIndex: number, offset: number): Promise<void> {
    const account = this.#there(name).partitions[partitionIndex];
    account.startMax = Math.max(account.startMax, offset);
    const topics = [{ name, partitions: [{ partitionIndex, offset }] }];
    const response = await client.request(deleteRecords, { topics, timeoutMs: TIMEOUT_MS });
    expectNone(response.topics[0].partitions[0].errorCode, `deleting records of ${name}-${partitionIndex}`);
    account.startMin = Math.max(account.startMin, offset);
  }

  async commit(client: KafkaClient, name: string, partitionIndex: number, committedOffset: number): Promise<void> {
    const key = `${name}-${partitionIndex}`;
    const committed = this.#committed.get(key) ?? { offered: new Set([-1]), ever: new Set([-1]) };
    this.#committed.set(key, committed);
    committed.offered.add(committedOffset);
    committed.ever.add(committedOffset);
    const partitions = [{ partitionIndex, committedOffset, committedMetadata: null }];
    const member = { groupId: this.options.group, generationIdOrMemberEpoch: -1, memberId: '' };
    const request = { ...member, topics: [{ name, partitions }] };
    const response = await client.request(offsetCommit, request, { versionMax: COMMIT_VERSION_MAX });
    expectNone(response.topics[0].partitions[0].errorCode, `committing ${committedOffset} for ${key}`);
    committed.offered = new Set([committedOffset]);
  }

  /** What a partition holds now; again from where it begins by then, where its oldest records went meanwhile. */
  async read(client: KafkaClient, name: string, partition: number): Promise<PartitionContent> {
    const start = await listedOffset(client, name, partition, 'earliest');
    const end = await listedOffset(client, name, partition, 'latest');
    try {
      const pieces = await readBytes(client, name, partition, end, start);
      return { start, end, records: pieces.flatMap((bytes) => readRecords(bytes, start)) };
    } catch (error) {
      if (start === (await listedOffset(client, name, partition, 'earliest'))) throw error;
      return this.read(client, name, partition);
    }
  }

  /**
   * Everything that is not as it was acknowledged, in sentences. What is read is what later checks ask for.
   * @param mayLose the newest records may be gone, though nothing from between others
   */
  async check(client: KafkaClient, mayLose = false): Promise<string[]> {
    const complaints: string[] = [];
    const { topics } = await client.request(metadata, { topics: null });
    for (const [name, topic] of [...this.#topics]) {
      const found = topics.find((each) => each.name === name && each.errorCode === 'NONE') ?? null;
      if (topic.state === 'there' && found?.topicId !== topic.id) {
        complaints.push(`topic ${name} was ${topic.id} and is ${found?.topicId}`);
      }
      if (topic.state === 'gone' && found) complaints.push(`topic ${name} was deleted and is there`);
      if (found === null || topic.state === 'gone') {
        this.#topics.delete(name);
        this.#forgetCommitted(name);
        continue;
      }
      topic.state = 'there';
      topic.id = found.topicId ?? null;
      for (const [partition, account] of topic.partitions.entries()) {
        const complain = (what: string) => complaints.push(`${name}-${partition}: ${what}`);
        await this.#checkPartition(client, name, partition, topic.kind, account, mayLose, complain);
      }
    }
    await this.#checkCommitted(client, mayLose, complaints);
    return complaints;
  }

  /** Offsets go with their topic: who reads the next one of that name must not begin where the last one ended. */
  #forgetCommitted(name: string): void {
    for (const key of this.#committed.keys()) if (key.startsWith(`${name}-`)) this.#committed.delete(key);
  }

  async #checkPartition(
    client: KafkaClient,
    name: string,
    partition: number,
    kind: TopicKind,
    account: PartitionAccount,
    mayLose: boolean,
    complain: (what: string) => void,
  ): Promise<void> {
    const { start, end, records } = await this.read(client, name, partition);
    if (start < account.startMin)
      complain(`begins at ${start} although records before ${account.startMin} were deleted`);
    if (kind !== 'expiring' && start > account.startMax)
      complain(`begins at ${start}, no one asked for more than ${account.startMax}`);
    if (mayLose) this.#forgive(account, end);
    if (end < account.end) complain(`ends at ${end}, ${account.end} was acknowledged or read`);

    const seen = new Map<string, number>();
    const lastNumbers = new Map<number, number>();
    let before = start - 1;
    for (const { offset, value, hash } of records) {
      const sent = account.sent.get(value);
      if (sent === undefined) complain(`holds ${value} at ${offset}, which nobody sent there`);
      else if (sent.hash !== hash) complain(`holds ${value} at ${offset} with other content`);
      else lastNumbers.set(sent.key, Math.max(sent.number, lastNumbers.get(sent.key) ?? -1));
      if (seen.has(value)) complain(`holds ${value} at ${seen.get(value)} and ${offset}`);
      seen.set(value, offset);
      const known = account.acknowledged.get(offset);
      if (known && known.value !== value) complain(`holds ${value} at ${offset}, where ${known.value} was`);
      if (offset <= before || (kind !== 'compacted' && offset !== before + 1))
        complain(`goes from ${before} to ${offset}`);
      before = offset;
    }
    if (kind !== 'compacted' && before !== end - 1) complain(`has its last record at ${before} and ends at ${end}`);
    for (const [offset, { value }] of account.acknowledged) {
      if (offset < start || seen.has(value)) continue;
      const sent = account.sent.get(value);
      const later = kind === 'compacted' && sent !== undefined && (lastNumbers.get(sent.key) ?? -1) > sent.number;
      if (!later) complain(`lacks ${value}, which was at ${offset}`);
    }
    const { open } = account;
    if (open !== null && kind !== 'compacted') {
      const there = open.values.filter((value) => seen.has(value)).length;
      if (there !== 0 && there !== open.values.length && start < account.end) {
        complain(`holds ${there} of the ${open.values.length} records of one batch`);
      }
    }
    if (!this.options.idempotent) account.open = null;
    const atMs = performance.now();
    for (const [value, offset] of seen) account.acknowledged.set(offset, { value, atMs });
    account.end = end;
    if (kind !== 'expiring') account.startMin = Math.max(account.startMin, start);
  }

  /** What lies behind the end may be gone: it is counted, and forgotten. */
  #forgive(account: PartitionAccount, end: number): void {
    for (const [offset, { atMs }] of account.acknowledged) {
      if (offset < end) continue;
      account.acknowledged.delete(offset);
      this.lost++;
      this.firstLostAtMs = Math.min(this.firstLostAtMs, atMs);
    }
    account.end = Math.min(account.end, end);
  }

  async #checkCommitted(client: KafkaClient, mayLose: boolean, complaints: string[]): Promise<void> {
    const groupId = this.options.group;
    const request = { groupId, topics: [], groups: [{ groupId, topics: null }] };
    const { groups } = await client.request(offsetFetch, request, { versionMax: COMMIT_VERSION_MAX });
    expectNone(groups[0].errorCode, `asking for the offsets of ${groupId}`);
    const found = new Map<string, number>();
    for (const { name, partitions } of groups[0].topics) {
      for (const each of partitions) found.set(`${name}-${each.partitionIndex}`, each.committedOffset);
    }
    for (const key of found.keys()) {
      if (!this.#committed.has(key)) complaints.push(`${groupId} has ${found.get(key)} for ${key}, which is gone`);
    }
    for (const [key, committed] of this.#committed) {
      const offset = found.get(key) ?? -1;
      const { offered, ever } = committed;
      if (!(mayLose ? ever : offered).has(offset)) {
        complaints.push(`${groupId} has ${offset} for ${key}, not ${[...offered].join(' or ')}`);
      }
      committed.offered = new Set([offset]);
    }
  }

  /** Sends again what was in doubt. */
  async settle(client: KafkaClient): Promise<void> {
    for (const name of this.topics) {
      for (const [partition, account] of this.#there(name).partitions.entries()) {
        await this.#send(client, name, partition, account);
      }
    }
  }

  #there(name: string): TopicAccount {
    const topic = this.#topics.get(name);
    if (topic?.state !== 'there') throw new Error(`topic ${name} is ${topic?.state ?? 'not known'}`);
    return topic;
  }
}

function idOf({ producerId, producerEpoch }: { readonly producerId: number; readonly producerEpoch: number }) {
  return { producerId, producerEpoch };
}

function expectNone(errorCode: string, doing: string): void {
  if (errorCode !== 'NONE') throw new Error(`${doing}: ${errorCode}`);
}
