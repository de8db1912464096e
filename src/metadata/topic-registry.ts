/** Which topics there are: names, ids, partitions and settings, kept in the catalogue. Main thread. */
import { assert } from '../base/assert.js';
import type { Clock } from '../base/clock.js';
import { KafkaError } from '../base/kafka-error.js';
import type { Logger } from '../base/logger.js';
import { randomUuid, type Uuid, ZERO_UUID } from '../base/uuid.js';
import { type BrokerConfig, checkTopicConfig } from '../config/broker-config.js';
import { ConfigError } from '../config/config-error.js';
import type { LogConfig } from '../config/log-config.js';
import type { InternalLog } from '../partition/internal-log.js';
import type { PartitionHandle, Partitions } from '../partition/partitions.js';
import { Catalogue } from './catalogue.js';
import {
  type BrokerConfigsRecord,
  type CatalogueRecord,
  homesOf,
  type TopicRecord,
  topicKey,
  withHomes,
} from './catalogue-record.js';
import { creationOnDemand, internalLogConfig } from './internal-topics.js';
import { type ConfigChanges, type ConfigEdit, merged, type Topic, type TopicCreation } from './topic.js';
import { checkCreation, checkGrowth, checkTopicConfigs } from './topic-creation.js';
import { collisionKey } from './topic-name.js';
import { TopicPartitions } from './topic-partitions.js';

/** Topic that the registry may still change. */
interface LiveTopic extends Topic {
  partitions: readonly PartitionHandle[];
  configs: ReadonlyMap<string, string>;
  logConfig: LogConfig;
}

export interface TopicRegistryOptions {
  readonly config: BrokerConfig;
  readonly log: InternalLog;
  readonly partitions: Partitions;
  readonly logger: Logger;
  readonly clock: Clock;
}

export class TopicRegistry {
  /** Also keeps producer-id blocks and the node's epoch. */
  readonly catalogue: Catalogue;
  readonly #partitions: TopicPartitions;
  readonly #logger: Logger;
  /** Settings from the command line, the environment and the file. */
  readonly #staticConfig: BrokerConfig;
  #config: BrokerConfig;
  readonly #byName = new Map<string, LiveTopic>();
  readonly #byId = new Map<Uuid, LiveTopic>();
  /** Names taken, as {@link collisionKey} sees them. */
  readonly #byCollisionKey = new Map<string, string>();
  /** Partitions of deleted topics whose files are not out of the way yet: their names cannot be used again before. */
  readonly #leftovers = new Map<string, { id: Uuid; handles: readonly PartitionHandle[] }>();
  readonly #ensuring = new Map<string, Promise<Topic>>();
  readonly #createdListeners: ((topic: Topic) => void)[] = [];
  readonly #grownListeners: ((topic: Topic) => void)[] = [];
  readonly #deletedListeners: ((topic: Topic) => void)[] = [];
  readonly #configListeners: ((config: BrokerConfig) => void)[] = [];
  /** False until the partitions may be opened: until then records are only kept. */
  #opened = false;

  constructor({ config, log, partitions, logger, clock }: TopicRegistryOptions) {
    this.#staticConfig = config;
    this.#config = config;
    this.#partitions = new TopicPartitions(partitions, clock, logger);
    this.#logger = logger;
    this.catalogue = new Catalogue({ log, clock, logger, apply: (key, record) => this.#apply(key, record) });
  }

  /** The start: {@link replay}, then {@link open}. */
  async load(): Promise<void> {
    await this.replay();
    await this.open();
  }

  /** Reads the catalogue, so that the node epoch is known (and may be raised) before partitions are opened. */
  async replay(): Promise<void> {
    await this.catalogue.replay();
  }

  /** Makes every topic of the catalogue known and has its partitions opened; does not wait for their recovery. */
  async open(): Promise<void> {
    this.#opened = true;
    const records = [...this.catalogue.records()];
    for (const record of records) if (record.type === 'broker-configs') await this.#apply(record.type, record);
    for (const record of records) if (record.type === 'topic') await this.#apply(topicKey(record.id), record);
    for (const record of records) {
      if (record.type !== 'topic') continue;
      if (record.deleting) this.#finishDeletionLater(record);
      else this.#noteMoved(record);
    }
  }

  /** The data folders that partitions live in, by id, and where they were last; without the catalogue's own. */
  get knownLogDirs(): ReadonlyMap<Uuid, string> {
    const record = this.catalogue.get('log-dirs');
    const paths = record?.type === 'log-dirs' ? record.paths : {};
    const known = new Map<Uuid, string>();
    for (const one of this.catalogue.records()) {
      if (one.type !== 'topic' || one.elsewhere === undefined) continue;
      for (const id of Object.keys(one.elsewhere)) known.set(id, paths[id] ?? '');
    }
    return known;
  }

  /** Keeps where the data folders are, by id, and where those were that are missing. */
  async rememberLogDirs(found: ReadonlyMap<Uuid, string>): Promise<void> {
    await this.catalogue.exclusive('log-dirs', async () => {
      const paths = Object.fromEntries([...this.knownLogDirs, ...found]);
      const before = this.catalogue.get('log-dirs');
      if (before?.type === 'log-dirs' && JSON.stringify(before.paths) === JSON.stringify(paths)) return;
      await this.catalogue.write('log-dirs', { type: 'log-dirs', version: 1, paths });
    });
  }

  /** The broker's settings with those that were changed while it ran. */
  get config(): BrokerConfig {
    return this.#config;
  }

  /** Broker settings that were changed while it ran, by name. */
  get brokerConfigs(): ReadonlyMap<string, string> {
    const record = this.catalogue.get('broker-configs');
    return new Map(record?.type === 'broker-configs' ? Object.entries(record.configs) : []);
  }

  /** Raised once per unclean start; every partition leads with it. */
  get nodeEpoch(): number {
    return this.catalogue.nodeEpoch;
  }

  async raiseNodeEpoch(): Promise<void> {
    await this.catalogue.exclusive('node-epoch', () =>
      this.catalogue.write('node-epoch', { type: 'node-epoch', version: 1, epoch: this.nodeEpoch + 1 }),
    );
  }

  get(name: string): Topic | undefined {
    return this.#byName.get(name);
  }

  byId(id: Uuid): Topic | undefined {
    return this.#byId.get(id);
  }

  /** Every topic, internal ones too, in the order of their creation. */
  all(): IterableIterator<Topic> {
    return this.#byName.values();
  }

  get size(): number {
    return this.#byName.size;
  }

  /**
   * Resolves when the topic is durable, visible and writable. Rejects with KafkaError: INVALID_TOPIC_EXCEPTION,
   * TOPIC_ALREADY_EXISTS, INVALID_PARTITIONS, POLICY_VIOLATION, INVALID_CONFIG, or a storage error.
   */
  async create(creation: TopicCreation): Promise<Topic> {
    const { name } = creation;
    return this.catalogue.exclusive(topicLock(name), async () => {
      const configs = creation.configs ?? new Map<string, string>();
      checkCreation(creation, this.#byCollisionKey.get(collisionKey(name)), this.#config);
      const internal = creation.internal ?? false;
      if (creation.validateOnly) {
        return {
          name,
          id: ZERO_UUID,
          internal,
          partitions: [],
          configs,
          logConfig: this.#logConfigOf(internal, configs),
        };
      }
      await this.#clearLeftovers(name);
      const id = randomUuid();
      const partitions = creation.partitions;
      const record = {
        ...({ type: 'topic', version: 1, name, id, partitions, internal, deleting: false } as const),
        configs: Object.fromEntries(configs),
      };
      // What the broker keeps for itself lies beside the catalogue: without that folder it cannot do its work anyway.
      const homes = internal ? homesOf(record) : this.#partitions.deal(partitions);
      await this.catalogue.write(topicKey(id), withHomes(record, homes));
      const topic = this.#byId.get(id);
      assert(topic !== undefined, `topic ${name} was applied but is not registered`);
      await this.#partitions.whenOpened(topic.partitions);
      return topic;
    });
  }

  /** The topic of that name, created where there is none: with the broker's defaults, or an internal topic as its owner needs it. Simultaneous callers share one creation. */
  ensure(name: string): Promise<Topic> {
    const topic = this.#byName.get(name);
    if (topic !== undefined) return Promise.resolve(topic);
    let creation = this.#ensuring.get(name);
    if (creation === undefined) {
      creation = this.#ensure(name).finally(() => this.#ensuring.delete(name));
      this.#ensuring.set(name, creation);
    }
    return creation;
  }

  async #ensure(name: string): Promise<Topic> {
    try {
      return await this.create(creationOnDemand(name, this.#config));
    } catch (error) {
      // Somebody's CreateTopics was in line before us: theirs is the topic that was asked for.
      const topic = this.#byName.get(name);
      if (topic !== undefined) return topic;
      throw error;
    }
  }

  /** Resolves when the topic is gone for good and its name is free. Rejects with UNKNOWN_TOPIC_OR_PARTITION or a storage error. */
  async delete(name: string): Promise<void> {
    await this.catalogue.exclusive(topicLock(name), async () => {
      // Without the topic but with leftovers, an earlier attempt got half way: this one goes on from there.
      if (!this.#leftovers.has(name) || this.#byName.has(name)) {
        const topic = this.#require(name);
        await this.catalogue.write(topicKey(topic.id), { ...this.#record(topic), deleting: true });
      }
      await this.#clearLeftovers(name);
    });
  }

  /** Grows the topic to `total` partitions; resolves when they are writable. Rejects with INVALID_PARTITIONS and the like. */
  async addPartitions(name: string, total: number, validateOnly = false): Promise<void> {
    await this.catalogue.exclusive(topicLock(name), async () => {
      const topic = this.#require(name);
      const count = topic.partitions.length;
      checkGrowth(name, count, total);
      if (validateOnly) return;
      const record = this.#record(topic);
      const added = new Array<Uuid | null>(total - count).fill(null);
      const homes = [...homesOf(record), ...(topic.internal ? added : this.#partitions.deal(total - count))];
      await this.catalogue.write(topicKey(topic.id), withHomes(record, homes));
      await this.#partitions.whenOpened(topic.partitions.slice(count));
    });
  }

  /** Changes settings of a topic. Rejects with UNKNOWN_TOPIC_OR_PARTITION or INVALID_CONFIG. */
  async alterTopicConfigs(name: string, changes: ConfigChanges | ConfigEdit, validateOnly = false): Promise<void> {
    await this.catalogue.exclusive(topicLock(name), async () => {
      const topic = this.#require(name);
      const configs = merged(topic.configs, typeof changes === 'function' ? changes(topic.configs) : changes);
      checkTopicConfigs(configs, this.#config);
      if (validateOnly) return;
      await this.catalogue.write(topicKey(topic.id), { ...this.#record(topic), configs: Object.fromEntries(configs) });
    });
  }

  /** Changes broker settings while the broker runs. Rejects with INVALID_CONFIG, also for those that only a restart can change. */
  async alterBrokerConfigs(changes: ConfigChanges | ConfigEdit, validateOnly = false): Promise<void> {
    await this.catalogue.exclusive('broker-configs', async () => {
      const current = this.brokerConfigs;
      const configs = merged(current, typeof changes === 'function' ? changes(current) : changes);
      this.#withDynamic(configs);
      if (validateOnly) return;
      await this.catalogue.write('broker-configs', {
        type: 'broker-configs',
        version: 1,
        configs: Object.fromEntries(configs),
      });
    });
  }

  /** `listener` hears of each topic that has become visible, at start and later. */
  onCreated(listener: (topic: Topic) => void): void {
    this.#createdListeners.push(listener);
  }

  /** `listener` hears of each topic that has got more partitions. */
  onGrown(listener: (topic: Topic) => void): void {
    this.#grownListeners.push(listener);
  }

  /** `listener` hears of each topic that is no longer visible, before its partitions are removed. */
  onDeleted(listener: (topic: Topic) => void): void {
    this.#deletedListeners.push(listener);
  }

  /** `listener` hears of the broker's settings whenever some were changed while it runs. */
  onBrokerConfig(listener: (config: BrokerConfig) => void): void {
    this.#configListeners.push(listener);
  }

  // ---- Checks

  #require(name: string): LiveTopic {
    const topic = this.#byName.get(name);
    if (topic === undefined) throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `There is no topic '${name}'.`);
    return topic;
  }

  #withDynamic(configs: ReadonlyMap<string, string>): BrokerConfig {
    try {
      return this.#staticConfig.withDynamic(configs);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      throw new KafkaError('INVALID_CONFIG', error.message);
    }
  }

  // ---- Replay: the only code that changes what exists

  async #apply(_key: string, record: CatalogueRecord | null): Promise<void> {
    if (!this.#opened || record === null) return;
    if (record.type === 'broker-configs') this.#applyBrokerConfigs(record);
    if (record.type !== 'topic') return;
    const topic = this.#byId.get(record.id);
    if (record.deleting) {
      if (topic !== undefined) this.#applyDeletion(topic);
    } else if (topic === undefined) await this.#applyCreation(record);
    else await this.#applyChange(topic, record);
  }

  #applyBrokerConfigs(record: BrokerConfigsRecord): void {
    this.#config = this.#withDynamic(
      this.#usable('broker', record.configs, (name, value) => this.#staticConfig.checkDynamicConfig(name, value)),
    );
    for (const topic of this.#byName.values()) this.#reconfigure(topic);
    for (const listener of this.#configListeners) listener(this.#config);
  }

  async #applyCreation(record: TopicRecord): Promise<void> {
    const { name, id, internal } = record;
    const configs = this.#usable(name, record.configs, checkTopicConfig);
    const logConfig = this.#logConfigOf(internal, configs);
    const topic: LiveTopic = { name, id, internal, partitions: [], configs, logConfig };
    // Taken before partitions are opened, which may take several turns of the event loop.
    this.#byCollisionKey.set(collisionKey(name), name);
    topic.partitions = await this.#partitions.grownTo(topic, homesOf(record));
    this.#byName.set(name, topic);
    this.#byId.set(id, topic);
    for (const listener of this.#createdListeners) listener(topic);
  }

  async #applyChange(topic: LiveTopic, record: TopicRecord): Promise<void> {
    topic.configs = this.#usable(topic.name, record.configs, checkTopicConfig);
    this.#reconfigure(topic);
    if (record.partitions > topic.partitions.length) {
      topic.partitions = await this.#partitions.grownTo(topic, homesOf(record));
      for (const listener of this.#grownListeners) listener(topic);
    }
  }

  #applyDeletion(topic: LiveTopic): void {
    this.#byName.delete(topic.name);
    this.#byId.delete(topic.id);
    this.#byCollisionKey.delete(collisionKey(topic.name));
    this.#leftovers.set(topic.name, { id: topic.id, handles: topic.partitions });
    for (const listener of this.#deletedListeners) listener(topic);
    // Whoever deletes clears at once and leaves nothing to do here; a deletion that only came to light
    // when the log was read again has nobody else.
    this.#inBackground(topic.name, () => this.#clearLeftovers(topic.name));
  }

  /** What was fine when it was set may not be known to, or allowed by, the release and settings of this run. */
  #usable(
    owner: string,
    configs: Readonly<Record<string, string>>,
    check: (name: string, value: string) => string | null,
  ): Map<string, string> {
    const usable = new Map<string, string>();
    for (const [name, value] of Object.entries(configs)) {
      const problem = check(name, value);
      if (problem === null) usable.set(name, value);
      else
        this.#logger.warn(
          { owner, setting: name, value, problem },
          'a stored setting cannot be used and is left aside',
        );
    }
    return usable;
  }

  #logConfigOf(internal: boolean, configs: ReadonlyMap<string, string>): LogConfig {
    return internal ? internalLogConfig(this.#config, configs) : this.#config.logConfig(configs);
  }

  #reconfigure(topic: LiveTopic): void {
    const logConfig = this.#logConfigOf(topic.internal, topic.configs);
    if (JSON.stringify(logConfig) === JSON.stringify(topic.logConfig)) return;
    topic.logConfig = logConfig;
    this.#partitions.reconfigure(topic.partitions, logConfig);
  }

  // ---- Deletion

  /** Removes what a deleted topic of that name left, then forgets it. Rejects with a retriable KafkaError where that fails. */
  async #clearLeftovers(name: string): Promise<void> {
    const leftovers = this.#leftovers.get(name);
    if (leftovers === undefined) return;
    await this.#partitions.remove(name, leftovers.handles);
    this.#leftovers.delete(name);
    try {
      await this.catalogue.write(topicKey(leftovers.id), null);
    } catch (error) {
      // The topic is gone all the same: its record says so, and the next start forgets it.
      this.#logger.warn({ err: error, topic: name }, 'a deleted topic is still in the catalogue');
    }
  }

  /** For a deletion that the last run did not finish. */
  #finishDeletionLater(record: TopicRecord): void {
    const { name, id } = record;
    this.#inBackground(name, async () => {
      if (this.#byName.has(name)) {
        // The name is in use again, so the old files were out of the way: only the tombstone was missing.
        await this.catalogue.write(topicKey(id), null);
        return;
      }
      const configs = this.#usable(name, record.configs, checkTopicConfig);
      const logConfig = this.#logConfigOf(record.internal, configs);
      const topic = { name, id, internal: record.internal, partitions: [], configs, logConfig };
      this.#leftovers.set(name, { id, handles: await this.#partitions.grownTo(topic, homesOf(record)) });
      await this.#clearLeftovers(name);
    });
  }

  #inBackground(
    name: string,
    change: () => Promise<void>,
    failed = 'a deletion is not finished; the next start, or the next use of the name, goes on',
  ): void {
    this.catalogue.exclusive(topicLock(name), change).catch((error: unknown) => {
      this.#logger.error({ err: error, topic: name }, failed);
    });
  }

  /** Partitions that were found in another data folder than the catalogue knew live there from now on, also where it is missing. */
  #noteMoved({ name, id }: TopicRecord): void {
    const homesNow = (topic: LiveTopic) => withHomes(this.#record(topic), this.#partitions.foundIn(topic.partitions));
    const moved = (topic: LiveTopic) => JSON.stringify(homesNow(topic)) !== JSON.stringify(this.#record(topic));
    const topic = this.#byId.get(id);
    if (topic === undefined || !moved(topic)) return;
    this.#inBackground(
      name,
      async () => {
        if (this.#byId.get(id) === topic) await this.catalogue.write(topicKey(id), homesNow(topic));
      },
      'it could not be noted to which data folder partitions were moved; the next start tries again',
    );
  }

  /** The durable record of a topic that is registered. */
  #record(topic: LiveTopic): TopicRecord {
    const record = this.catalogue.get(topicKey(topic.id));
    assert(record?.type === 'topic', `topic ${topic.name} is registered without a record`);
    return record;
  }
}

/** Names that collide are changed one after the other, too: the second of them must see the first. */
function topicLock(name: string): string {
  return `topic/${collisionKey(name)}`;
}
