/**
 * Producers and consumers that go on while something befalls their broker, and the check of the whole history afterwards.
 * Test process.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { KafkaClient } from '../../../src/cli/client.js';
import { apiVersions } from '../../../src/protocol/messages/18-api-versions.js';
import { createTopics } from '../../../src/protocol/messages/19-create-topics.js';
import type { BrokerProcess } from '../../broker-process.js';
import { checkHistory } from '../../history/checker.js';
import type { Random } from '../../history/good-history.js';
import { History } from '../../history/history.js';
import { temporaryFolder } from '../../temp-folder.js';
import { askOffset, LoadConsumer, readWhole } from '../load-consumer.js';
import { LoadProducer } from '../load-producer.js';
import { Session } from '../session.js';
import type { Findings } from './experiment.js';
import { judge } from './judge.js';

export interface DisturbedLoadOptions {
  readonly broker: BrokerProcess;
  readonly topic: string;
  readonly partitions: number;
  readonly random: Random;
  /** What a client may be told while it lasts; every one of them has clients come again. */
  readonly retriable: readonly string[];
}

/** What clients of every kind answer by coming again, and what comes of it when earlier batches are on their way again. */
export const RETRIABLE = ['KAFKA_STORAGE_ERROR', 'NOT_LEADER_OR_FOLLOWER', 'OUT_OF_ORDER_SEQUENCE_NUMBER'] as const;

const PROGRESS_WITHIN_MS = 30_000;

export class DisturbedLoad {
  readonly history = new History();
  readonly #producers: readonly LoadProducer[];
  readonly #consumers: readonly LoadConsumer[];
  readonly #complaints: string[] = [];
  #session: Session;
  #running: readonly Promise<void>[] = [];

  constructor(private readonly options: DisturbedLoadOptions) {
    const { broker, topic, partitions, random, retriable: retries } = options;
    this.#session = new Session(broker.bootstrap);
    this.#producers = [
      { name: `${topic}-idempotent-a`, acks: -1, idempotent: true },
      { name: `${topic}-idempotent-b`, acks: 1, idempotent: true },
      { name: `${topic}-plain`, acks: -1, idempotent: false },
    ].map(
      (each) =>
        new LoadProducer(this.history, { ...each, acks: each.acks as 1 | -1, topic, partitions, random, retries }),
    );
    const all = Array.from({ length: partitions }, (_, partition) => partition);
    this.#consumers = [
      new LoadConsumer(this.history, { name: `${topic}-assigned`, topic, partitions: all, retries }),
      new LoadConsumer(this.history, { name: `${topic}-member`, topic, partitions: all, group: topic, retries }),
    ];
  }

  get acknowledgements(): number {
    return this.#session.acknowledgements;
  }

  /** How often each of the retriable errors was answered. */
  get retries(): ReadonlyMap<string, number> {
    return this.#session.retries;
  }

  /** Makes the topic, and begins. Resolves when every partition has taken something. */
  async begin(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    const { topic, partitions } = this.options;
    await createTopic(await this.#session.connect(), topic, partitions, settings);
    this.#running = [...this.#producers, ...this.#consumers].map((load) => load.run(this.#session));
    await this.progress(10 * partitions);
  }

  /** Resolves when so many more batches were acknowledged. */
  async progress(batches: number, withinMs = PROGRESS_WITHIN_MS): Promise<void> {
    const { acknowledgements } = this.#session;
    await until(`${batches} more batches are acknowledged`, withinMs, () => {
      assert.deepEqual(this.#session.complaints.slice(0, 10), []);
      return this.#session.acknowledgements >= acknowledgements + batches;
    });
  }

  /** The load goes on in a life that begins now: after the broker was stopped and started. */
  async again(): Promise<void> {
    await this.#end();
    this.#session = new Session(this.options.broker.bootstrap);
    this.#running = [...this.#producers, ...this.#consumers].map((load) => load.run(this.#session));
  }

  async #end(): Promise<void> {
    this.#session.end();
    await Promise.all(this.#running);
    this.#complaints.push(...this.#session.complaints);
  }

  /** Ends the load, settles what is in doubt, starts the broker anew, reads everything twice and judges. */
  async endAndJudge(findings: Findings): Promise<void> {
    const { broker, topic, partitions } = this.options;
    await this.#end();
    const settling = new Session(broker.bootstrap);
    for (const producer of this.#producers) {
      await producer.settle(settling);
      producer.tellOpen();
    }
    this.#complaints.push(...settling.complaints);
    settling.end();
    await broker.restart();
    const session = new Session(broker.bootstrap);
    const client = await session.connect();
    await this.#consumers[1].readCommitted(client, topic);
    for (let partition = 0; partition < partitions; partition++) {
      await askOffset(client, this.history, topic, partition, 'earliest');
      await readWhole(client, this.history, topic, partition);
      await readWhole(client, this.history, topic, partition);
    }
    session.end();
    const verdict = checkHistory(this.history.operations);
    if (verdict.anomalies.length > 0 || this.#complaints.length > 0) {
      const path = join(temporaryFolder('history'), 'history.jsonl');
      this.history.write(path);
      process.stderr.write(`${path} (kept by MILLRACE_TEST_KEEP=1)\n`);
    }
    judge(verdict, findings);
    assert.deepEqual(this.#complaints.slice(0, 10), [], `${this.#complaints.length} answers that should not have been`);
    assert.ok(verdict.counts.acknowledged > 0);
  }
}

export async function createTopic(
  client: KafkaClient,
  name: string,
  numPartitions: number,
  settings: Readonly<Record<string, string>> = {},
): Promise<void> {
  const configs = Object.entries(settings).map(([key, value]) => ({ name: key, value }));
  const topics = [{ name, numPartitions, replicationFactor: 1, assignments: [], configs }];
  const { topics: made } = await client.request(createTopics, { topics, timeoutMs: 30_000, validateOnly: false });
  assert.equal(made[0].errorCode, 'NONE', `creating ${name}`);
}

/** Asks again, a moment later each time, until the answer is yes. */
export async function until(what: string, withinMs: number, holds: () => boolean | Promise<boolean>): Promise<void> {
  const endAt = performance.now() + withinMs;
  while (!(await holds())) {
    assert.ok(performance.now() < endAt, `${what} within ${withinMs} ms`);
    await pause(10);
  }
}

/** What `act` takes, one after the other, until `over`. */
export class Waits {
  readonly #tookMs: number[] = [];

  async take(act: () => Promise<unknown>, over: () => boolean): Promise<void> {
    while (!over()) {
      const since = performance.now();
      await act();
      this.#tookMs.push(performance.now() - since);
      await pause(2);
    }
  }

  get count(): number {
    return this.#tookMs.length;
  }

  quantileMs(share: number): number {
    const sorted = this.#tookMs.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  }

  toString(): string {
    const [p50, p99, max] = [0.5, 0.99, 1].map((share) => this.quantileMs(share).toFixed(1));
    return `${this.count} times, p50 ${p50}, p99 ${p99}, longest ${max} ms`;
  }
}

/** Answered by the main thread alone. */
export async function askVersions(client: KafkaClient): Promise<void> {
  await client.request(apiVersions, { clientSoftwareName: 'lab', clientSoftwareVersion: '1' });
}
