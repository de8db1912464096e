/**
 * What answers requests: coordinators and handlers, wired over the topics and their logs. Main thread. To load them only while
 * the shards' threads start made a start 10 ms shorter, and a thousand records a second cost up to a tenth more CPU.
 */
import type { Clock } from './base/clock.js';
import type { Logger } from './base/logger.js';
import type { TimerWheel } from './base/timer-wheel.js';
import type { BrokerConfig } from './config/load.js';
import { FallenGroups } from './coordinator/group/fallen-groups.js';
import { GroupCoordinator } from './coordinator/group/group-coordinator.js';
import { ShareCoordinator } from './coordinator/share/share-coordinator.js';
import { FetchSessions } from './handlers/fetch-sessions.js';
import type { Services } from './handlers/handler.js';
import { handlers } from './handlers/handlers.js';
import { GroupConfigs } from './metadata/group-configs.js';
import { OFFSETS_TOPIC, SHARE_STATE_TOPIC } from './metadata/internal-topics.js';
import { ProducerIds } from './metadata/producer-ids.js';
import type { TopicRegistry } from './metadata/topic-registry.js';
import type { Metrics } from './metrics/metrics.js';
import { createDispatch, type Dispatch } from './network/dispatch.js';
import type { InternalLog } from './partition/internal-log.js';
import type { PartitionHandle, Partitions } from './partition/partitions.js';
import type { Purgatory } from './partition/purgatory.js';

export interface BrokerServicesParts {
  readonly config: BrokerConfig;
  readonly clusterId: string;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly topics: TopicRegistry;
  readonly partitions: Partitions;
  readonly purgatory: Purgatory;
  readonly internalLog: (handle: PartitionHandle) => InternalLog;
}

export class BrokerServices {
  readonly dispatch: Dispatch;
  private readonly groups: GroupCoordinator;
  private readonly shares: ShareCoordinator;
  private readonly fallenGroups: FallenGroups;

  constructor(private readonly parts: BrokerServicesParts) {
    const { config, clusterId, clock, wheel, logger, metrics, topics, partitions, purgatory, internalLog } = parts;
    const groupConfigs = new GroupConfigs(topics.catalogue, () => topics.config, logger);
    const common = { config, groupConfigs, clock, wheel, logger, topics };
    const shareState = async (partition: number) =>
      (topics.get(SHARE_STATE_TOPIC) ?? (await topics.ensure(SHARE_STATE_TOPIC))).partitions[partition];
    const shares = new ShareCoordinator({
      ...common,
      partitions,
      purgatory,
      openLog: async (partition) => internalLog(await shareState(partition)),
      deleteBefore: async (partition, offset) => {
        await partitions.deleteRecords(await shareState(partition), offset);
      },
    });
    const groups = new GroupCoordinator({
      ...common,
      openLog: async (partition) => {
        const topic = topics.get(OFFSETS_TOPIC) ?? (await topics.ensure(OFFSETS_TOPIC));
        return internalLog(topic.partitions[partition]);
      },
      offsetsPartitions: topics.get(OFFSETS_TOPIC)?.partitions.length ?? config.get('offsets.topic.num.partitions'),
      shareStates: shares,
    });
    const services: Services = {
      get config() {
        return topics.config;
      },
      clusterId,
      clock,
      logger,
      topics,
      partitions,
      groups,
      shares,
      groupConfigs,
      producerIds: new ProducerIds(topics.catalogue),
      fetchSessions: new FetchSessions(config.get('max.incremental.fetch.session.cache.slots')),
      purgatory,
    };
    this.groups = groups;
    this.shares = shares;
    this.fallenGroups = new FallenGroups({ wheel, logger, topics, partitions, groups: () => groups.allGroups() });
    this.dispatch = createDispatch({ handlers, services, logger, metrics });
  }

  /** Resolves when every coordinator has read what it keeps, or is known not to be able to. */
  async load(): Promise<void> {
    await Promise.all([this.groups.load(), this.shares.load()]);
  }

  /** What they do by themselves, from when requests are answered on. */
  begin(): void {
    this.parts.metrics.collect(this.fallenGroups.collect);
    this.fallenGroups.begin();
  }

  /** Resolves when nothing of theirs is under way any more. */
  async close(): Promise<void> {
    this.fallenGroups.close();
    await this.groups.close();
    await this.shares.close();
  }
}
