/** Makes and deletes topics and sends single batches: the bench's requests outside of the clock. Process of `millrace bench`. */
import { connect, type Socket } from 'node:net';
import type { ErrorName } from '../../src/base/error-code.js';
import { decodeResponse } from '../../src/protocol/compile.js';
import { encodeRequestFrame } from '../../src/protocol/frame.js';
import { decodeResponseHeader } from '../../src/protocol/header.js';
import { produce } from '../../src/protocol/messages/00-produce.js';
import { metadata } from '../../src/protocol/messages/03-metadata.js';
import { createTopics } from '../../src/protocol/messages/19-create-topics.js';
import { deleteTopics } from '../../src/protocol/messages/20-delete-topics.js';
import type { Api, DecodedResponseOf, EncodableRequestOf } from '../../src/protocol/schema.js';
import { Writer } from '../../src/protocol/wire.js';
import { seconds } from './closed-loop.js';
import { FrameCutter } from './frame-cutter.js';

const timeoutMs = 30_000;

export class Admin {
  private readonly writer = new Writer();
  private nextCorrelationId = 0;
  private onReply: ((reply: Buffer) => void) | null = null;
  private onFailure: ((error: Error) => void) | null = null;

  private constructor(private readonly socket: Socket) {
    const cutter = new FrameCutter((buffer, start, end) => this.onReply?.(Buffer.from(buffer.subarray(start, end))));
    socket.on('data', (chunk: Buffer) => cutter.push(chunk, chunk.length));
    socket.on('error', (error) => this.onFailure?.(error));
    socket.on('close', () => this.onFailure?.(new Error('the broker closed the connection')));
  }

  static open(host: string, port: number): Promise<Admin> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, noDelay: true }, () => {
        socket.off('error', reject);
        resolve(new Admin(socket));
      });
      socket.once('error', reject);
    });
  }

  close(): void {
    this.socket.destroy();
  }

  /** One at a time. */
  async ask<A extends Api>(api: A, version: number, request: EncodableRequestOf<A>): Promise<DecodedResponseOf<A>> {
    const pieces = encodeRequestFrame(api, version, this.nextCorrelationId++, 'millrace-bench', request, this.writer);
    const reply = await new Promise<Buffer>((resolve, reject) => {
      this.onReply = resolve;
      this.onFailure = reject;
      for (const piece of pieces) this.socket.write(piece as Buffer);
    });
    const { bodyStart } = decodeResponseHeader(api, version, reply, 4, reply.length);
    return decodeResponse(api, version, reply, bodyStart, reply.length);
  }

  /** Creates it and waits until every partition can be written. */
  async createTopic(name: string, partitions: number, configs: { name: string; value: string }[]): Promise<void> {
    const topic = { name, numPartitions: partitions, replicationFactor: 1, assignments: [], configs };
    const { topics } = await this.ask(createTopics, 4, { topics: [topic], timeoutMs, validateOnly: false });
    const { errorCode, errorMessage } = topics[0];
    if (errorCode !== 'NONE') throw new Error(`CreateTopics ${name}: ${errorCode} ${errorMessage ?? ''}`);
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      const answer = await this.ask(metadata, 8, { topics: [{ name }], allowAutoTopicCreation: false });
      const parts = answer.topics[0].partitions;
      if (parts.length === partitions && parts.every((part) => part.errorCode === 'NONE')) return;
      if (performance.now() > deadlineMs) throw new Error(`${name} has no leaders after ${timeoutMs} ms`);
      await seconds(0.02);
    }
  }

  async deleteTopic(name: string): Promise<void> {
    const { responses } = await this.ask(deleteTopics, 3, { topicNames: [name], timeoutMs });
    if (responses[0].errorCode !== 'NONE') throw new Error(`DeleteTopics ${name}: ${responses[0].errorCode}`);
  }

  /** Sends one batch to partition 0 with acks 1. */
  async produce(topic: string, batch: Buffer): Promise<ErrorName> {
    const { responses } = await this.ask(produce, 7, {
      transactionalId: null,
      acks: 1,
      timeoutMs,
      topicData: [{ name: topic, partitionData: [{ index: 0, records: batch }] }],
    });
    return responses[0].partitionResponses[0].errorCode;
  }
}

/** Connects as soon as somebody listens; `check` throws where that will never be. */
export async function openWhenUp(host: string, port: number, check: () => void): Promise<Admin> {
  const deadlineMs = performance.now() + 60_000;
  for (;;) {
    try {
      return await Admin.open(host, port);
    } catch (error) {
      // Nobody listens yet: this is asked again until the deadline.
      if (performance.now() > deadlineMs) throw error;
    }
    check();
    await seconds(0.002);
  }
}

/** Waits until a batch sent to a new topic is acknowledged. */
export async function firstAck(host: string, port: number, batch: Buffer, check: () => void): Promise<void> {
  const admin = await openWhenUp(host, port, check);
  await admin.createTopic('first', 1, []);
  await untilAcknowledged(admin, 'first', batch, check);
}

/** Waits until a batch sent to a topic that is there already is acknowledged. */
export async function firstAckOf(
  topic: string,
  host: string,
  port: number,
  batch: Buffer,
  check: () => void,
): Promise<void> {
  await untilAcknowledged(await openWhenUp(host, port, check), topic, batch, check);
}

async function untilAcknowledged(admin: Admin, topic: string, batch: Buffer, check: () => void): Promise<void> {
  while ((await admin.produce(topic, batch)) !== 'NONE') {
    check();
    await seconds(0.002);
  }
  admin.close();
}
