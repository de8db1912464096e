/** `consume`: prints records from a place on, waiting for more unless told to stop. */
import { systemClock } from '../base/clock.js';
import { fetch } from '../protocol/messages/01-fetch.js';
import type { DecodedResponseOf } from '../protocol/schema.js';
import { decodeRecords, iterateBatches, type LogRecord } from '../record/record.js';
import { isControl, isLogAppendTime, lastOffsetOf } from '../record/record-batch.js';
import { CliError } from './cli-error.js';
import { checkError, type KafkaClient, withClient } from './client.js';
import type { ServerFlags } from './flags.js';
import type { Host } from './host.js';
import { recordToJson } from './record-json.js';
import { parseTime } from './time.js';
import { EARLIEST, LATEST, readOffsets, readTopic } from './topic-metadata.js';

const WAIT_MS = 500;
const RETRY_MS = 200;
const FETCH_BYTES_MAX = 16 * 1024 * 1024;
const PARTITION_BYTES_MAX = 1024 * 1024;
/** Version 13 wants topic ids. */
const FETCH_BY_NAME = 12;
/** While its log is being reopened a partition answers these for a moment. */
const PASSING = new Set([
  'NOT_LEADER_OR_FOLLOWER',
  'KAFKA_STORAGE_ERROR',
  'UNKNOWN_LEADER_EPOCH',
  'OFFSET_NOT_AVAILABLE',
]);

export interface ConsumeFlags extends ServerFlags {
  readonly fromBeginning?: boolean;
  readonly fromTime?: string;
  readonly partition: readonly string[];
  readonly count?: number;
  readonly exit?: boolean;
  readonly keySeparator?: string;
  readonly headers?: boolean;
  readonly json?: boolean;
}

type FetchedPartition = DecodedResponseOf<typeof fetch>['responses'][number]['partitions'][number];

/** Next offset to read, by partition. */
type Positions = Map<number, number>;

async function startPositions(
  client: KafkaClient,
  topic: string,
  partitions: number[],
  flags: ConsumeFlags,
): Promise<Positions> {
  const places = partitions.map((partition) => ({ topic, partition }));
  const from = flags.fromTime === undefined ? null : parseTime(flags.fromTime, systemClock.nowMs());
  const offsets = await readOffsets(client, places, from ?? (flags.fromBeginning ? EARLIEST : LATEST));
  // Nothing as young as that: what comes next is.
  const ends = offsets.includes(-1) ? await readOffsets(client, places, LATEST) : offsets;
  return new Map(
    partitions.map((partition, index) => {
      const offset = offsets[index] === -1 ? ends[index] : offsets[index];
      if (offset === null) throw new CliError(`The broker does not say where ${topic}-${partition} starts.`);
      return [partition, offset];
    }),
  );
}

function lineOf(record: LogRecord, flags: ConsumeFlags): Buffer[] {
  const line: Buffer[] = [];
  if (flags.headers) {
    const headers = record.headers.map(
      ({ key, value }) => `${key.toString()}=${value === null ? '' : value.toString()}`,
    );
    line.push(Buffer.from(`${headers.join(',')}\t`));
  }
  if (flags.keySeparator !== undefined) line.push(record.key ?? Buffer.alloc(0), Buffer.from(flags.keySeparator));
  line.push(record.value ?? Buffer.alloc(0), Buffer.from('\n'));
  return line;
}

class TopicReader {
  readonly #client: KafkaClient;
  readonly #topic: string;
  readonly #positions: Positions;
  readonly #flags: ConsumeFlags;
  readonly #host: Host;
  readonly #ends = new Map<number, number>();
  #left: number;

  constructor(client: KafkaClient, topic: string, positions: Positions, flags: ConsumeFlags, host: Host) {
    this.#client = client;
    this.#topic = topic;
    this.#positions = positions;
    this.#flags = flags;
    this.#host = host;
    this.#left = flags.count ?? Number.POSITIVE_INFINITY;
  }

  /** Resolves when all that was asked for has been printed; without an end to reach, never. */
  async run(): Promise<void> {
    for (;;) {
      const { errorCode, responses } = await this.#fetch();
      checkError(errorCode, null, `Topic ${this.#topic} cannot be read`);
      let passing = false;
      for (const partition of responses[0]?.partitions ?? []) {
        if (PASSING.has(partition.errorCode)) passing = true;
        else await this.#take(partition);
        if (this.#left === 0) return;
      }
      if (this.#flags.exit && [...this.#positions].every(([index, at]) => at >= (this.#ends.get(index) ?? Infinity))) {
        return;
      }
      if (passing) await new Promise<void>((resolve) => systemClock.after(RETRY_MS, resolve));
    }
  }

  #fetch(): Promise<DecodedResponseOf<typeof fetch>> {
    const partitions = [...this.#positions].map(([partition, fetchOffset]) => ({
      partition,
      fetchOffset,
      partitionMaxBytes: PARTITION_BYTES_MAX,
    }));
    const request = {
      replicaId: -1,
      maxWaitMs: this.#flags.exit ? 0 : WAIT_MS,
      minBytes: 1,
      maxBytes: FETCH_BYTES_MAX,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [{ topic: this.#topic, partitions }],
      forgottenTopicsData: [],
    };
    return this.#client.request(fetch, request, { versionMax: FETCH_BY_NAME, timeoutMs: WAIT_MS });
  }

  async #take({ partitionIndex, errorCode, highWatermark, records }: FetchedPartition): Promise<void> {
    if (errorCode === 'OFFSET_OUT_OF_RANGE') {
      await this.#restart(partitionIndex);
      return;
    }
    checkError(errorCode, null, `${this.#topic}-${partitionIndex} cannot be read`);
    this.#ends.set(partitionIndex, highWatermark);
    for (const batch of iterateBatches(records ?? Buffer.alloc(0))) {
      const logAppendTime = isLogAppendTime(batch, 0);
      const control = isControl(batch, 0);
      for (const record of decodeRecords(batch)) {
        // A fetch starts with the batch that holds the offset, which may begin before it.
        if (record.offset < (this.#positions.get(partitionIndex) ?? 0)) continue;
        if (control) continue;
        await this.#print(record, partitionIndex, logAppendTime);
        if (--this.#left === 0) return;
      }
      // Compaction may have taken a batch's last records, or all of them.
      this.#positions.set(partitionIndex, lastOffsetOf(batch, 0) + 1);
    }
  }

  async #restart(partition: number): Promise<void> {
    const [start] = await readOffsets(this.#client, [{ topic: this.#topic, partition }], EARLIEST);
    const from = this.#positions.get(partition);
    this.#host.stderr.write(`${this.#topic}-${partition}: offset ${from} is gone; going on at ${start}.\n`);
    this.#positions.set(partition, start ?? 0);
  }

  async #print(record: LogRecord, partition: number, logAppendTime: boolean): Promise<void> {
    const line = this.#flags.json
      ? `${recordToJson(record, { topic: this.#topic, partition, logAppendTime })}\n`
      : Buffer.concat(lineOf(record, this.#flags));
    if (!this.#host.stdout.write(line)) await new Promise<void>((resolve) => this.#host.stdout.once('drain', resolve));
  }
}

function wantedPartitions(texts: readonly string[], partitions: readonly number[], topic: string): number[] {
  if (texts.length === 0) return [...partitions].sort((a, b) => a - b);
  return texts.map((text) => {
    if (!/^\d+$/.test(text) || !partitions.includes(Number(text))) {
      throw new CliError(`Topic ${topic} has no partition ${text}.`);
    }
    return Number(text);
  });
}

export async function consumeTopic(topicName: string, flags: ConsumeFlags, host: Host): Promise<number> {
  if (flags.fromBeginning && flags.fromTime !== undefined) {
    throw new CliError('--from-beginning and --from-time exclude each other.');
  }
  return withClient(flags.bootstrapServer, async (client) => {
    const topic = await readTopic(client, topicName);
    const all = topic.partitions.map(({ partitionIndex }) => partitionIndex);
    const partitions = wantedPartitions(flags.partition, all, topicName);
    const positions = await startPositions(client, topicName, partitions, flags);
    await new TopicReader(client, topicName, positions, flags, host).run();
    return 0;
  });
}
