/** All settings of one broker, resolved and frozen, with where each came from. Main thread; embedders may hold several. */

import type { CompactionMemory } from '../base/compaction-plan.js';
import {
  type BrokerSettingName,
  type BrokerSettingValue,
  brokerSettingNames,
  brokerSettings,
  isBrokerSetting,
} from './broker-settings.js';
import { ConfigError } from './config-error.js';
import {
  type GroupSetting,
  type GroupSettingName,
  type GroupSettingValue,
  groupSettingNames,
  groupSettings,
  isGroupSetting,
} from './group-settings.js';
import { type Listener, parseAddress, parseListener } from './listeners.js';
import type { FlushMode, LogConfig } from './log-config.js';
import { nearestName } from './nearest-name.js';
import { BadValueError, formatValue, type Setting, type SettingValue } from './setting.js';
import {
  isTopicSetting,
  type TopicSetting,
  type TopicSettingName,
  type TopicSettingValue,
  topicSettingNames,
  topicSettings,
} from './topic-settings.js';

/** Weakest first. `dynamic` is what AlterConfigs set while running. */
export type OriginKind = 'default' | 'file' | 'environment' | 'override' | 'dynamic';

export interface Origin {
  readonly kind: OriginKind;
  /** For people: `server.properties:12`, `KAFKA_NUM_PARTITIONS`, `--override`; empty for a default. */
  readonly place: string;
}

export interface Assignment extends Origin {
  readonly text: string;
  readonly value: SettingValue;
}

const DEFAULT_ORIGIN: Origin = { kind: 'default', place: '' };
/** Where a node or topic flushes by interval and does not say how often. */
const FLUSH_INTERVAL_RECORDS = 10_000;
const FLUSH_INTERVAL_MS = 1000;

/** How logs are compacted, as `log.cleaner.*` says. */
export interface CompactionSettings {
  readonly threads: number;
  /** How often logs are looked at; a log that could not be compacted rests for twice as long each time. */
  readonly backoffMs: number;
  /** Of each thread. */
  readonly memory: CompactionMemory;
  /** Of each thread; Infinity for no bound. */
  readonly bytesPerSecondMax: number;
}

export class BrokerConfig {
  readonly #assigned: ReadonlyMap<BrokerSettingName, Assignment>;
  readonly #dynamic: ReadonlyMap<BrokerSettingName, Assignment>;
  /** Where to listen; listeners that only a Kafka controller would use are left out. */
  readonly listeners: readonly Listener[];
  /** What Metadata tells clients; null: the address that each client dialled. */
  readonly advertisedListeners: readonly Listener[] | null;
  /** Where HTTP is answered; null: nowhere. */
  readonly httpListener: Omit<Listener, 'name'> | null;
  readonly dataDirectories: readonly string[];
  readonly nodeId: number;
  /** Largest batch that fits into a ring. */
  readonly batchBytesMax: number;

  constructor(
    assigned: ReadonlyMap<BrokerSettingName, Assignment>,
    dynamic: ReadonlyMap<BrokerSettingName, Assignment> = new Map(),
  ) {
    this.#assigned = assigned;
    this.#dynamic = dynamic;
    const controllers = new Set(this.get('controller.listener.names').map((name) => name.toUpperCase()));
    const read = (name: 'listeners' | 'advertised.listeners') =>
      this.get(name)
        ?.map((entry) => this.#explain(name, () => parseListener(entry)))
        .filter((listener) => !controllers.has(listener.name)) ?? null;
    this.listeners = read('listeners') ?? [];
    this.advertisedListeners = read('advertised.listeners');
    const http = this.get('http.listener');
    this.httpListener = http === null ? null : this.#explain('http.listener', () => parseAddress(http));
    this.dataDirectories = this.get('log.dirs') ?? [this.get('log.dir')];
    const brokerId = this.get('broker.id');
    this.nodeId = this.isSet('node.id') || brokerId === null || brokerId < 0 ? this.get('node.id') : brokerId;
    this.batchBytesMax = this.get('ring.bytes') / 2;
    Object.freeze(this);
  }

  get<Name extends BrokerSettingName>(name: Name): BrokerSettingValue<Name> {
    const assignment = this.assignment(name);
    return (assignment ? assignment.value : brokerSettings[name].default) as BrokerSettingValue<Name>;
  }

  /** Whether anybody set `name`, as against its default. */
  isSet(name: BrokerSettingName): boolean {
    return this.assignment(name) !== undefined;
  }

  origin(name: BrokerSettingName): Origin {
    return this.assignment(name) ?? DEFAULT_ORIGIN;
  }

  /** The strongest assignment of `name`, or the one beneath what was set while running. */
  assignment(name: BrokerSettingName, layer: 'strongest' | 'static' | 'dynamic' = 'strongest'): Assignment | undefined {
    if (layer === 'static') return this.#assigned.get(name);
    return this.#dynamic.get(name) ?? (layer === 'dynamic' ? undefined : this.#assigned.get(name));
  }

  /** A copy in which exactly `settings` are set above file, environment and command line. Throws {@link ConfigError}. */
  withDynamic(settings: ReadonlyMap<string, string>): BrokerConfig {
    const dynamic = new Map<BrokerSettingName, Assignment>();
    for (const [name, text] of settings) {
      const complaint = this.checkDynamicConfig(name, text);
      if (complaint) throw new ConfigError(complaint);
      const setting = name as BrokerSettingName;
      dynamic.set(setting, { kind: 'dynamic', place: '', text, value: brokerSettings[setting].parse(text) });
    }
    return new BrokerConfig(this.#assigned, dynamic);
  }

  /** What is wrong with setting a broker setting to `text` while running, as a sentence; null where nothing is. */
  checkDynamicConfig(name: string, text: string | null): string | null {
    if (!isBrokerSetting(name)) return unknownName(name, brokerSettingNames);
    const setting: Setting = brokerSettings[name];
    if (!setting.dynamic) return `${name} cannot be changed while the broker runs.`;
    if (text === null) return null;
    const complaint = complaintOf(name, setting, text);
    if (complaint) return complaint;
    return name === 'message.max.bytes' ? this.#tooLargeForRing(name, Number(text)) : null;
  }

  /** What is wrong with one setting of a topic, as a sentence; null where nothing is. */
  checkTopicConfig(name: string, text: string | null): string | null {
    const complaint = checkTopicConfig(name, text);
    if (complaint || name !== 'max.message.bytes' || text === null) return complaint;
    return this.#tooLargeForRing(name, Number(text));
  }

  /** What is wrong with all settings of a topic taken together; null where nothing is. */
  checkTopicConfigs(settings: ReadonlyMap<string, string>): string | null {
    for (const [name, text] of settings) {
      const complaint = this.checkTopicConfig(name, text);
      if (complaint) return complaint;
    }
    const minLagMs = this.topicValue('min.compaction.lag.ms', settings);
    const maxLagMs = this.topicValue('max.compaction.lag.ms', settings);
    if (minLagMs > maxLagMs) {
      return `min.compaction.lag.ms (${formatValue(minLagMs)}) must not be above max.compaction.lag.ms (${formatValue(maxLagMs)}).`;
    }
    return null;
  }

  /** What is wrong with one setting of a group, as a sentence; null where nothing is. */
  checkGroupConfig(name: string, text: string): string | null {
    if (!isGroupSetting(name)) return unknownName(name, groupSettingNames);
    const setting: GroupSetting = groupSettings[name];
    const complaint = complaintOf(name, setting, text);
    if (complaint || setting.between === null) return complaint;
    const value = Number(text);
    const [least, most] = setting.between;
    const [min, max] = [Number(this.get(least)), Number(this.get(most))];
    if (value >= min && value <= max) return null;
    return `${name} (${value}) must lie between ${least} (${min}) and ${most} (${max}).`;
  }

  /** What is wrong with all settings of a group taken together; null where nothing is. */
  checkGroupConfigs(settings: ReadonlyMap<string, string>): string | null {
    for (const [name, text] of settings) {
      const complaint = this.checkGroupConfig(name, text);
      if (complaint) return complaint;
    }
    for (const kind of ['consumer', 'share'] as const) {
      const intervalMs = this.groupValue(`${kind}.heartbeat.interval.ms`, settings);
      const sessionMs = this.groupValue(`${kind}.session.timeout.ms`, settings);
      if (intervalMs < sessionMs) continue;
      return `${kind}.heartbeat.interval.ms (${intervalMs}) must be below ${kind}.session.timeout.ms (${sessionMs}).`;
    }
    return null;
  }

  /** The value that holds for a topic with these settings of its own: its own, else the broker's, else the default. */
  topicValue<Name extends TopicSettingName>(
    name: Name,
    settings: ReadonlyMap<string, string>,
  ): TopicSettingValue<Name> {
    return this.#valueWith(name, topicSettings[name], settings) as TopicSettingValue<Name>;
  }

  /** The value that holds for a group with these settings of its own, as {@link topicValue} says it of a topic. */
  groupValue<Name extends GroupSettingName>(
    name: Name,
    settings: ReadonlyMap<string, string>,
  ): GroupSettingValue<Name> {
    return this.#valueWith(name, groupSettings[name], settings) as GroupSettingValue<Name>;
  }

  #valueWith(name: string, row: TopicSetting | GroupSetting, settings: ReadonlyMap<string, string>): SettingValue {
    const own = settings.get(name);
    if (own !== undefined) return this.#explain(name, () => row.parse(own));
    for (const synonym of row.synonyms) {
      const value = this.assignment(synonym.name)?.value;
      if (value === undefined || value === null) continue;
      return typeof value === 'number' && value > 0 ? value * synonym.unit : value;
    }
    return row.default;
  }

  /** All that the log of a topic with these settings of its own must know. Throws {@link ConfigError} on a bad value. */
  logConfig(settings: ReadonlyMap<string, string>): LogConfig {
    const value = <Name extends TopicSettingName>(name: Name) => this.topicValue(name, settings);
    const policy = value('cleanup.policy');
    return {
      ...this.#flushOf(settings),
      segmentBytesMax: value('segment.bytes'),
      segmentBytesIsDefault: !settings.has('segment.bytes') && !this.isSet('log.segment.bytes'),
      segmentMs: value('segment.ms'),
      segmentJitterMs: value('segment.jitter.ms'),
      indexBytesMax: value('segment.index.bytes'),
      indexIntervalBytes: value('index.interval.bytes'),
      preparedBytesMax: this.get('log.prepared.bytes'),
      messageBytesMax: Math.min(value('max.message.bytes'), this.batchBytesMax),
      timestampType: value('message.timestamp.type'),
      timestampBeforeMaxMs: value('message.timestamp.before.max.ms'),
      timestampAfterMaxMs: value('message.timestamp.after.max.ms'),
      validation: value('millrace.record.validation'),
      ...this.#compressionOf(settings),
      compacted: policy.includes('compact'),
      deleted: policy.includes('delete'),
      minDirtyRatio: value('min.cleanable.dirty.ratio'),
      maxCompactionLagMs: value('max.compaction.lag.ms'),
      minCompactionLagMs: value('min.compaction.lag.ms'),
      deleteRetentionMs: value('delete.retention.ms'),
      retentionMs: value('retention.ms'),
      retentionBytes: value('retention.bytes'),
      retentionTime: value('millrace.retention.time'),
      fileDeleteDelayMs: value('file.delete.delay.ms'),
      evictable: policy.includes('delete') && !policy.includes('compact') && !keepsForEver(settings),
      budgetFloorBytes: value('millrace.budget.floor.bytes'),
      budgetPriority: value('millrace.budget.priority'),
      producerIdExpirationMs: this.get('producer.id.expiration.ms'),
    };
  }

  #compressionOf(settings: ReadonlyMap<string, string>): Pick<LogConfig, 'compression' | 'compressionLevel'> {
    const type = this.topicValue('compression.type', settings);
    if (type === 'gzip' || type === 'lz4' || type === 'zstd') {
      return { compression: type, compressionLevel: this.topicValue(`compression.${type}.level`, settings) };
    }
    return { compression: type === 'uncompressed' ? 'none' : type, compressionLevel: 0 };
  }

  /** null: nothing is compacted. */
  get compaction(): CompactionSettings | null {
    if (!this.get('log.cleaner.enable')) return null;
    const threads = this.get('log.cleaner.threads');
    return {
      threads,
      backoffMs: this.get('log.cleaner.backoff.ms'),
      memory: {
        bytesMax: Math.floor(this.get('log.cleaner.dedupe.buffer.size') / threads),
        loadFactor: this.get('log.cleaner.io.buffer.load.factor'),
      },
      bytesPerSecondMax: this.get('log.cleaner.io.max.bytes.per.second') / threads,
    };
  }

  /** A topic that names a number of its own is flushed by interval, whatever the node does. */
  #flushOf(settings: ReadonlyMap<string, string>): {
    flush: FlushMode;
    flushIntervalRecords: number;
    flushIntervalMs: number;
  } {
    const own = settings.has('flush.messages') || settings.has('flush.ms');
    const either = (name: 'flush.messages' | 'flush.ms', fallback: number) => {
      const set = settings.has(name) || topicSettings[name].synonyms.some((synonym) => this.isSet(synonym.name));
      return set ? this.topicValue(name, settings) : fallback;
    };
    return {
      flush: own ? 'interval' : this.get('flush'),
      flushIntervalRecords: either('flush.messages', FLUSH_INTERVAL_RECORDS),
      flushIntervalMs: either('flush.ms', FLUSH_INTERVAL_MS),
    };
  }

  #tooLargeForRing(name: string, bytes: number): string | null {
    if (bytes <= this.batchBytesMax) return null;
    return `${name} must be at most ${this.batchBytesMax}, half of ring.bytes, but is ${bytes}.`;
  }

  #explain<Result>(name: string, parse: () => Result): Result {
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof BadValueError)) throw error;
      const place = isBrokerSetting(name) ? this.origin(name).place : '';
      throw new ConfigError(`${place ? `${place}: ` : ''}${name} ${error.message}`);
    }
  }
}

function complaintOf(name: string, setting: Setting, text: string): string | null {
  try {
    setting.parse(text);
    return null;
  } catch (error) {
    if (!(error instanceof BadValueError)) throw error;
    return `${name} ${error.message}.`;
  }
}

function unknownName(name: string, known: Iterable<string>): string {
  const nearest = nearestName(name, known);
  return `${name} is not a known setting${nearest ? `; did you mean ${nearest}?` : '.'}`;
}

/** What is wrong with one setting of a topic, whatever the broker's; a null value goes back to the default. */
export function checkTopicConfig(name: string, text: string | null): string | null {
  if (!isTopicSetting(name)) return unknownName(name, topicSettingNames);
  return text === null ? null : complaintOf(name, topicSettings[name], text);
}

/** Somebody has said of this very topic that nothing of it is to be deleted, ever. */
function keepsForEver(settings: ReadonlyMap<string, string>): boolean {
  return settings.get('retention.ms') === '-1' && settings.get('retention.bytes') === '-1';
}
