/** `produce`: each line of stdin becomes a record; what arrived together is sent together. */
import { systemClock } from '../base/clock.js';
import { produce } from '../protocol/messages/00-produce.js';
import type { Compression } from '../record/compression.js';
import { encodeBatch, type NewRecord, type RecordHeader } from '../record/record.js';
import { CliError } from './cli-error.js';
import { checkError, type KafkaClient, withClient } from './client.js';
import type { ServerFlags } from './flags.js';
import type { Host } from './host.js';
import { partitionOfKey } from './partitioner.js';
import { recordFromJson } from './record-json.js';
import { readTopic } from './topic-metadata.js';

/** Keeps batches below the 1 MiB that brokers take by default. */
const BATCH_BYTES_MAX = 512 * 1024;
const ACK_TIMEOUT_MS = 30_000;
/** Version 13 wants topic ids. */
const PRODUCE_BY_NAME = 12;
const NEWLINE = 0x0a;

export interface ProduceFlags extends ServerFlags {
  readonly keySeparator?: string;
  readonly header: readonly string[];
  readonly partition?: number;
  readonly json?: boolean;
  readonly acks: '0' | '1' | 'all';
  readonly compression: Compression;
}

function parseHeaders(texts: readonly string[]): RecordHeader[] {
  return texts.map((text) => {
    const at = text.indexOf('=');
    if (at < 0) throw new CliError(`The header "${text}" must be name=value.`);
    return { key: text.slice(0, at), value: Buffer.from(text.slice(at + 1)) };
  });
}

/** How a line becomes a record. */
function lineReader(flags: ProduceFlags): (line: Buffer) => NewRecord {
  const headers = parseHeaders(flags.header);
  const separator = flags.keySeparator === undefined ? null : Buffer.from(flags.keySeparator);
  if (flags.json) {
    return (line) => {
      const record = recordFromJson(line.toString());
      return { ...record, headers: [...(record.headers ?? []), ...headers] };
    };
  }
  return (line) => {
    const at = separator ? line.indexOf(separator) : -1;
    if (separator === null || at < 0) return { value: line, headers };
    return { key: line.subarray(0, at), value: line.subarray(at + separator.length), headers };
  };
}

/** Whole lines of `input`, as many at a time as arrived together, without their line ends. */
async function* linesOf(input: AsyncIterable<Buffer | string>): AsyncGenerator<Buffer[]> {
  let pieces: Buffer[] = [];
  for await (const chunk of input) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    const lines: Buffer[] = [];
    let from = 0;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, from)) {
      lines.push(Buffer.concat([...pieces, bytes.subarray(from, at)]));
      pieces = [];
      from = at + 1;
    }
    if (from < bytes.length) pieces.push(bytes.subarray(from));
    if (lines.length > 0) yield lines;
  }
  if (pieces.length > 0) yield [Buffer.concat(pieces)];
}

class RecordSender {
  readonly #client: KafkaClient;
  readonly #topic: string;
  readonly #partitions: number;
  readonly #flags: ProduceFlags;
  /** Keyless records go to one partition a batch, the partitions taking turns. */
  #turn = 0;

  constructor(client: KafkaClient, topic: string, partitions: number, flags: ProduceFlags) {
    this.#client = client;
    this.#topic = topic;
    this.#partitions = partitions;
    this.#flags = flags;
  }

  async send(records: readonly NewRecord[]): Promise<void> {
    const turn = this.#turn++ % this.#partitions;
    const byPartition = new Map<number, NewRecord[]>();
    let bytes = 0;
    for (const record of records) {
      const target = this.#flags.partition ?? (record.key ? partitionOfKey(record.key, this.#partitions) : turn);
      if (target >= this.#partitions) throw new CliError(`Topic ${this.#topic} has no partition ${target}.`);
      const size = (record.key?.length ?? 0) + (record.value?.length ?? 0);
      if (bytes > 0 && bytes + size > BATCH_BYTES_MAX) {
        await this.#flush(byPartition);
        byPartition.clear();
        bytes = 0;
      }
      bytes += size;
      const list = byPartition.get(target) ?? [];
      list.push({ timestampMs: systemClock.nowMs(), ...record });
      byPartition.set(target, list);
    }
    await this.#flush(byPartition);
  }

  async #flush(byPartition: ReadonlyMap<number, readonly NewRecord[]>): Promise<void> {
    if (byPartition.size === 0) return;
    const { acks, compression } = this.#flags;
    const partitionData = [...byPartition].map(([index, records]) => ({
      index,
      records: encodeBatch({ records, compression }),
    }));
    const request = {
      acks: acks === 'all' ? -1 : Number(acks),
      timeoutMs: ACK_TIMEOUT_MS,
      topicData: [{ name: this.#topic, partitionData }],
    };
    if (acks === '0') return this.#client.tell(produce, request, PRODUCE_BY_NAME);
    const answer = await this.#client.request(produce, request, { versionMax: PRODUCE_BY_NAME });
    for (const { index, errorCode, errorMessage } of answer.responses[0]?.partitionResponses ?? []) {
      checkError(errorCode, errorMessage, `Records were not stored in ${this.#topic}-${index}`);
    }
  }
}

export async function produceLines(topicName: string, flags: ProduceFlags, host: Host): Promise<number> {
  const read = lineReader(flags);
  return withClient(flags.bootstrapServer, async (client) => {
    const topic = await readTopic(client, topicName, true);
    const sender = new RecordSender(client, topicName, topic.partitions.length, flags);
    for await (const lines of linesOf(host.stdin as AsyncIterable<Buffer | string>)) {
      const records = lines.filter((line) => !flags.json || line.length > 0).map(read);
      await sender.send(records);
    }
    return 0;
  });
}
