/** Opens, reconfigures and removes the partitions of a topic together, however many. Main thread. */
import type { Clock } from '../base/clock.js';
import { KafkaError } from '../base/kafka-error.js';
import type { Logger } from '../base/logger.js';
import type { Uuid } from '../base/uuid.js';
import type { LogConfig } from '../config/log-config.js';
import type { PartitionHandle, Partitions } from '../partition/partitions.js';
import type { Topic } from './topic.js';

/** Partitions dealt to shards before the event loop has its turn: about a millisecond. */
const PARTITIONS_PER_SLICE = 128;

export class TopicPartitions {
  readonly #partitions: Partitions;
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor(partitions: Partitions, clock: Clock, logger: Logger) {
    this.#partitions = partitions;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** The folders for so many new partitions. */
  deal(count: number): readonly (Uuid | null)[] {
    return this.#partitions.deal(count);
  }

  /** The folders in which the partitions were found. */
  foundIn(handles: readonly PartitionHandle[]): readonly (Uuid | null)[] {
    return handles.map((handle) => this.#partitions.foundIn(handle));
  }

  /** The topic's handles and new ones up to as many as there are `homes`, the folders that they live in; opened a slice at a time so that thousands do not hold up everyone else. */
  async grownTo(
    { name, id, logConfig, partitions }: Topic,
    homes: readonly (Uuid | null)[],
  ): Promise<readonly PartitionHandle[]> {
    const handles = [...partitions];
    const total = homes.length;
    while (handles.length < total) {
      const sliceEnd = Math.min(total, handles.length + PARTITIONS_PER_SLICE);
      for (let index = handles.length; index < sliceEnd; index++) {
        const spec = { topic: name, topicId: id, index, config: logConfig, directoryId: homes[index] };
        handles.push(this.#partitions.open(spec));
      }
      if (sliceEnd < total) await this.#nextTurn();
    }
    return handles;
  }

  #nextTurn(): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(0, resolve);
    });
  }

  /** Waits for new partitions. One that cannot open does not undo a creation that is already durable: it is offline. */
  async whenOpened(handles: readonly PartitionHandle[]): Promise<void> {
    const results = await Promise.allSettled(handles.map((handle) => this.#partitions.opened(handle)));
    results.forEach((result, at) => {
      if (result.status === 'fulfilled') return;
      const { topic, index } = handles[at];
      this.#logger.error({ err: result.reason, topic, partition: index }, 'a new partition could not be opened');
    });
  }

  reconfigure(handles: readonly PartitionHandle[], config: LogConfig): void {
    for (const handle of handles) this.#partitions.reconfigure(handle, config);
  }

  /** Resolves when the name is free. Rejects with a retriable KafkaError where some files are still in the way; it may be called again. */
  async remove(topic: string, handles: readonly PartitionHandle[]): Promise<void> {
    const results = await Promise.allSettled(handles.map((handle) => this.#partitions.remove(handle)));
    const failure = results.find((result) => result.status === 'rejected');
    if (failure === undefined) return;
    this.#logger.error({ err: failure.reason, topic }, 'files of a deleted topic could not be removed');
    throw new KafkaError(
      'KAFKA_STORAGE_ERROR',
      `Files of the deleted topic '${topic}' could not be removed; try again.`,
    );
  }
}
