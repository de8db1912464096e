/** Consumers that go on through kills of their broker, and the reads that end a history. Test process. */
import { setTimeout as pause } from 'node:timers/promises';
import type { KafkaClient } from '../../src/cli/client.js';
import { fetch } from '../../src/protocol/messages/01-fetch.js';
import { listOffsets } from '../../src/protocol/messages/02-list-offsets.js';
import { offsetCommit } from '../../src/protocol/messages/08-offset-commit.js';
import { offsetFetch } from '../../src/protocol/messages/09-offset-fetch.js';
import type { History, ReadRecord } from '../history/history.js';
import { bytesHash, readBatches, readRecords, wholeBatches } from './contents.js';
import { type Session, untilKilled } from './session.js';

export interface ConsumerOptions {
  readonly name: string;
  readonly topic: string;
  readonly partitions: readonly number[];
  /** Commits what it read and begins each life where it had committed; without one it goes on where it stood. */
  readonly group?: string;
  /** Errors of a fetch after which it is made again. */
  readonly retries?: readonly string[];
}

const FETCH_BYTES_MAX = 1024 * 1024;
const TOPIC_NAMES_UP_TO = 12;
const RETRY_MS = 20;

export class LoadConsumer {
  readonly #positions = new Map<number, number>();

  constructor(
    private readonly history: History,
    private readonly options: ConsumerOptions,
  ) {
    for (const partition of options.partitions) this.#positions.set(partition, 0);
    if (!options.group) {
      const from = Object.fromEntries(options.partitions.map((partition) => [`${options.topic}-${partition}`, 0]));
      this.history.complete(this.history.invoke(), { f: 'assign', process: options.name, from });
    }
  }

  run(session: Session): Promise<void> {
    const { name, group } = this.options;
    return untilKilled(session, name, async (client) => {
      if (group) {
        this.history.complete(this.history.invoke(), { f: 'subscribe', process: name });
        await this.readCommitted(client, group);
      }
      while (!session.over) {
        const read = await this.#poll(client, session);
        if (group && read) await this.#commit(client, group, session);
      }
    });
  }

  async #poll(client: KafkaClient, session: Session): Promise<boolean> {
    const { topic, name, retries = [] } = this.options;
    let failed = false;
    const invoked = this.history.invoke();
    const partitions = [...this.#positions].map(([partition, fetchOffset]) => ({
      partition,
      fetchOffset,
      partitionMaxBytes: FETCH_BYTES_MAX,
    }));
    const response = await client.request(
      fetch,
      {
        maxWaitMs: 100,
        minBytes: 1,
        maxBytes: FETCH_BYTES_MAX,
        topics: [{ topic, partitions }],
        forgottenTopicsData: [],
      },
      { versionMax: TOPIC_NAMES_UP_TO },
    );
    const records: Record<string, ReadRecord[]> = {};
    for (const answer of response.responses[0]?.partitions ?? []) {
      if (answer.errorCode !== 'NONE') {
        if (retries.includes(answer.errorCode)) failed = true;
        else session.complain(`${name}: partition ${answer.partitionIndex}: ${answer.errorCode}`);
        continue;
      }
      const read = readRecords(answer.records ?? Buffer.alloc(0), this.#positions.get(answer.partitionIndex) ?? 0);
      if (read.length === 0) continue;
      records[`${topic}-${answer.partitionIndex}`] = read;
      this.#positions.set(answer.partitionIndex, read[read.length - 1].offset + 1);
    }
    if (failed) await pause(RETRY_MS);
    if (Object.keys(records).length === 0) return false;
    this.history.complete(invoked, { f: 'poll', process: name, records });
    return true;
  }

  async #commit(client: KafkaClient, groupId: string, session: Session): Promise<void> {
    const { topic, name } = this.options;
    const invoked = this.history.invoke();
    const offsets = Object.fromEntries(
      [...this.#positions].map(([partition, offset]) => [`${topic}-${partition}`, offset]),
    );
    const tell = (outcome: 'ok' | 'info') =>
      this.history.complete(invoked, { f: 'commit', process: name, group: groupId, offsets, outcome });
    const partitions = [...this.#positions].map(([partitionIndex, committedOffset]) => ({
      partitionIndex,
      committedOffset,
      committedMetadata: null,
    }));
    try {
      const response = await client.request(
        offsetCommit,
        { groupId, generationIdOrMemberEpoch: -1, memberId: '', topics: [{ name: topic, partitions }] },
        { versionMax: 9 },
      );
      const taken = response.topics[0].partitions.every(({ errorCode }) => errorCode === 'NONE');
      tell(taken ? 'ok' : 'info');
      if (taken) session.committed();
    } catch (error) {
      tell('info');
      throw error;
    }
  }

  /** Asks what the group has committed, tells the history, and stands there. */
  async readCommitted(client: KafkaClient, groupId: string): Promise<void> {
    const { topic, name, partitions } = this.options;
    const invoked = this.history.invoke();
    const groups = [{ groupId, topics: [{ name: topic, partitionIndexes: [...partitions] }] }];
    const response = await client.request(offsetFetch, { groupId, topics: [], groups }, { versionMax: 9 });
    const offsets: Record<string, number> = {};
    for (const answer of response.groups[0].topics[0].partitions) {
      if (answer.errorCode !== 'NONE') throw new Error(`committed offset: ${answer.errorCode}`);
      offsets[`${topic}-${answer.partitionIndex}`] = answer.committedOffset;
      this.#positions.set(answer.partitionIndex, Math.max(0, answer.committedOffset));
    }
    this.history.complete(invoked, { f: 'committed', process: name, group: groupId, offsets });
  }
}

/** The offset at a time, or at an end of the log. */
export async function listedOffset(
  client: KafkaClient,
  topic: string,
  partition: number,
  at: 'earliest' | 'latest' | number,
): Promise<number> {
  const timestamp = at === 'earliest' ? -2 : at === 'latest' ? -1 : at;
  const partitions = [{ partitionIndex: partition, timestamp }];
  const request = { replicaId: -1, isolationLevel: 0, timeoutMs: 10_000, topics: [{ name: topic, partitions }] };
  const [answer] = (await client.request(listOffsets, request)).topics[0].partitions;
  if (answer.errorCode !== 'NONE') throw new Error(`ListOffsets of ${topic}-${partition}: ${answer.errorCode}`);
  return answer.offset;
}

/** As {@link listedOffset}, and tells the history. */
export async function askOffset(
  client: KafkaClient,
  history: History,
  topic: string,
  partition: number,
  at: 'earliest' | 'latest' | number,
): Promise<number> {
  const invoked = history.invoke();
  const offset = await listedOffset(client, topic, partition, at);
  history.complete(invoked, {
    f: 'list-offsets',
    process: 'reader',
    partition: `${topic}-${partition}`,
    at,
    offset,
  });
  return offset;
}

/** All whole batches of a partition from `start` to `end`, byte for byte. */
export async function readBytes(
  client: KafkaClient,
  topic: string,
  partition: number,
  end: number,
  start = 0,
): Promise<Buffer[]> {
  const pieces: Buffer[] = [];
  for (let position = start; position < end; ) {
    const partitions = [{ partition, fetchOffset: position, partitionMaxBytes: FETCH_BYTES_MAX }];
    const topics = [{ topic, partitions }];
    const response = await client.request(
      fetch,
      { maxWaitMs: 1_000, minBytes: 1, maxBytes: FETCH_BYTES_MAX, topics, forgottenTopicsData: [] },
      { versionMax: TOPIC_NAMES_UP_TO },
    );
    const answer = response.responses[0].partitions[0];
    const bytes = wholeBatches(answer.records ?? Buffer.alloc(0));
    if (answer.errorCode !== 'NONE' || bytes.length === 0) {
      throw new Error(`${topic}-${partition} at ${position} of ${end}: ${answer.errorCode}, ${bytes.length} bytes`);
    }
    pieces.push(bytes);
    position = (readBatches(bytes).at(-1)?.lastOffset ?? end) + 1;
  }
  return pieces;
}

/** Reads a partition from its start to its end and tells the history. */
export async function readWhole(
  client: KafkaClient,
  history: History,
  topic: string,
  partition: number,
): Promise<void> {
  const invoked = history.invoke();
  const end = await askOffset(client, history, topic, partition, 'latest');
  const pieces = await readBytes(client, topic, partition, end);
  history.complete(invoked, {
    f: 'read-all',
    process: 'reader',
    partition: `${topic}-${partition}`,
    records: pieces.flatMap((bytes) => readRecords(bytes, 0)),
    batches: pieces.flatMap(readBatches),
    bytesHash: bytesHash(pieces),
  });
}
