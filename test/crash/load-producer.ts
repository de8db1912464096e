/** A producer that goes on through kills of its broker and tells the history what it did. Test process. */
import { setTimeout as pause } from 'node:timers/promises';
import type { KafkaClient } from '../../src/cli/client.js';
import { produce } from '../../src/protocol/messages/00-produce.js';
import { initProducerId } from '../../src/protocol/messages/22-init-producer-id.js';
import { encodeBatch, type NewRecord } from '../../src/record/record.js';
import type { History, Outcome, SentRecord } from '../history/history.js';
import { makeRecord } from './contents.js';
import { type Session, untilKilled } from './session.js';

export interface ProducerOptions {
  readonly name: string;
  readonly topic: string;
  readonly partitions: number;
  readonly acks: 1 | -1;
  readonly idempotent: boolean;
  /**
   * Errors after which a batch may be stored or not, and is sent again as clients do where it has sequences. As clients that
   * meet them do, it has one batch in flight to a partition until the first one is there.
   */
  readonly retries?: readonly string[];
  /** Numbers below a bound. */
  readonly random: (bound: number) => number;
}

interface Batch {
  readonly partition: number;
  readonly invoked: number;
  readonly sent: readonly SentRecord[];
  readonly records: readonly NewRecord[];
  readonly baseSequence: number;
  /** Among the batches of its partition. */
  readonly ordinal: number;
}

const REQUESTS_IN_FLIGHT = 4;
/** Of one partition, as many as brokers remember of an idempotent producer. */
const BATCHES_IN_FLIGHT = 5;
const TIMEOUT_MS = 30_000;
const RETRY_MS = 20;

export class LoadProducer {
  #producerId = -1;
  #producerEpoch = -1;
  #made = 0;
  readonly #sequences: number[];
  readonly #ordinals: number[];
  /** Of an idempotent producer, by partition: sent and not yet acknowledged, oldest first. */
  readonly #unacknowledged: Batch[][];
  /** Partitions that have taken a batch. */
  readonly #known = new Set<number>();

  constructor(
    private readonly history: History,
    private readonly options: ProducerOptions,
  ) {
    this.#sequences = new Array<number>(options.partitions).fill(0);
    this.#ordinals = new Array<number>(options.partitions).fill(0);
    this.#unacknowledged = Array.from({ length: options.partitions }, () => []);
  }

  /** Sends until the broker dies, first again what was left open by the life before. */
  run(session: Session): Promise<void> {
    return untilKilled(session, this.options.name, async (client) => {
      await this.#begin(client, session);
      await Promise.all(Array.from({ length: REQUESTS_IN_FLIGHT }, () => this.#sendUntilOver(client, session)));
    });
  }

  /** Settles what the last life left open, and sends nothing new. */
  settle(session: Session): Promise<void> {
    return untilKilled(session, this.options.name, (client) => this.#begin(client, session));
  }

  async #begin(client: KafkaClient, session: Session): Promise<void> {
    if (!this.options.idempotent) return;
    if (this.#producerId === -1) {
      const answer = await client.request(initProducerId, { transactionalId: null, transactionTimeoutMs: TIMEOUT_MS });
      if (answer.errorCode !== 'NONE') throw new Error(`InitProducerId: ${answer.errorCode}`);
      this.#producerId = answer.producerId;
      this.#producerEpoch = answer.producerEpoch;
    }
    // Partition by partition in the old order, all at once as a real client's in-flight requests would be.
    const again = this.#unacknowledged.flatMap((batches) => batches.slice());
    await Promise.all(again.map((batch) => this.#send(client, session, [batch])));
  }

  async #sendUntilOver(client: KafkaClient, session: Session): Promise<void> {
    while (!session.over) {
      const batches = this.#makeBatches();
      if (batches.length === 0) {
        // Every partition is full; the other requests in flight will make room.
        await pause(RETRY_MS);
        continue;
      }
      await this.#send(client, session, batches);
    }
  }

  #makeBatches(): Batch[] {
    const { random, partitions } = this.options;
    const first = random(partitions);
    return Array.from({ length: 1 + random(3) }, (_, i) => (first + i) % partitions)
      .filter((partition, i, all) => all.indexOf(partition) === i && this.#hasRoom(partition))
      .map((partition) => this.#makeBatch(partition));
  }

  /** Counted from the oldest one that is open: what is further behind than that, no broker would know again. */
  #hasRoom(partition: number): boolean {
    const [oldest] = this.#unacknowledged[partition];
    if (oldest === undefined) return true;
    const atOnce = this.options.retries === undefined || this.#known.has(partition) ? BATCHES_IN_FLIGHT : 1;
    return this.#ordinals[partition] - oldest.ordinal < atOnce;
  }

  #makeBatch(partition: number): Batch {
    const { name, idempotent, random } = this.options;
    const made = Array.from({ length: 1 + random(4) }, () => {
      this.#made += 1;
      return makeRecord(`${name}#${this.#made}`, this.#made, Date.now());
    });
    const batch: Batch = {
      partition,
      invoked: this.history.invoke(),
      sent: made.map(({ sent }) => sent),
      records: made.map(({ record }) => record),
      baseSequence: this.#sequences[partition],
      ordinal: this.#ordinals[partition]++,
    };
    this.#sequences[partition] += made.length;
    if (idempotent) this.#unacknowledged[partition].push(batch);
    return batch;
  }

  async #send(client: KafkaClient, session: Session, batches: readonly Batch[]): Promise<void> {
    const { topic, acks, name, idempotent } = this.options;
    const partitionData = batches.map((batch) => ({ index: batch.partition, records: this.#encode(batch) }));
    const request = { transactionalId: null, acks, timeoutMs: TIMEOUT_MS, topicData: [{ name: topic, partitionData }] };
    let answers: readonly { index: number; errorCode: string; errorMessage?: string | null; baseOffset: number }[];
    try {
      const response = await client.request(produce, request, { versionMax: 12 });
      answers = response.responses[0].partitionResponses;
    } catch (error) {
      for (const batch of batches) this.#undecided(batch);
      throw error;
    }
    const refused: Batch[] = [];
    let failed = false;
    for (const batch of batches) {
      const answer = answers.find(({ index }) => index === batch.partition);
      if (answer?.errorCode === 'NONE') {
        session.acknowledged();
        this.#acknowledged(batch, answer.baseOffset);
      } else if (answer?.errorCode === 'DUPLICATE_SEQUENCE_NUMBER' && idempotent) {
        this.#acknowledged(batch, -1);
      } else if (answer?.errorCode === 'NOT_ENOUGH_REPLICAS') {
        session.refusals++;
        failed = true;
        // Nothing of it was stored. Sent again without sequences, it would overtake what is in flight.
        if (idempotent) refused.push(batch);
        else this.#tell(batch, 'fail', null);
      } else if (answer !== undefined && this.options.retries?.includes(answer.errorCode)) {
        session.retried(answer.errorCode);
        failed = true;
        if (idempotent) refused.push(batch);
        else this.#undecided(batch);
      } else {
        const place = `partition ${batch.partition}, sequence ${batch.baseSequence}`;
        session.complain(`${name}: ${place}: ${answer?.errorCode} ${answer?.errorMessage ?? ''}`);
        this.#undecided(batch);
      }
    }
    if (!failed) return;
    await pause(RETRY_MS);
    if (refused.length === 0 || session.over) return;
    await this.#send(client, session, refused);
  }

  #encode(batch: Batch): Buffer {
    const { records, baseSequence } = batch;
    if (!this.options.idempotent) return encodeBatch({ records });
    return encodeBatch({ records, producerId: this.#producerId, producerEpoch: this.#producerEpoch, baseSequence });
  }

  #acknowledged(batch: Batch, baseOffset: number): void {
    this.#known.add(batch.partition);
    if (this.options.idempotent) {
      const open = this.#unacknowledged[batch.partition];
      open.splice(open.indexOf(batch), 1);
    }
    this.#tell(batch, 'ok', baseOffset < 0 ? null : baseOffset);
  }

  /** An idempotent producer sends it again in the next life; nobody else may. */
  #undecided(batch: Batch): void {
    if (!this.options.idempotent) this.#tell(batch, 'info', null);
  }

  #tell(batch: Batch, outcome: Outcome, baseOffset: number | null): void {
    const { name, topic, idempotent } = this.options;
    this.history.complete(batch.invoked, {
      f: 'send',
      process: name,
      partition: `${topic}-${batch.partition}`,
      idempotent,
      records: batch.sent,
      outcome,
      baseOffset,
    });
  }

  /** Batches of which the history does not know yet; told as undecided at the end. */
  tellOpen(): void {
    for (const batch of this.#unacknowledged.flat()) this.#tell(batch, 'info', null);
  }
}
