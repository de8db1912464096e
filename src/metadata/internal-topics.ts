/** How topics are made that nobody but the broker creates, and how the broker's own logs are kept. Main thread. */
import type { BrokerConfig } from '../config/broker-config.js';
import type { LogConfig } from '../config/log-config.js';
import type { TopicCreation } from './topic.js';

export const OFFSETS_TOPIC = '__consumer_offsets';
export const SHARE_STATE_TOPIC = '__share_group_state';

/** The broker's own logs are on disk before anybody hears of a change, whatever the node's flush mode. */
export function internalLogConfig(config: BrokerConfig, configs: ReadonlyMap<string, string>): LogConfig {
  return { ...config.logConfig(configs), flush: 'ack', evictable: false };
}

const CATALOGUE_SEGMENT_BYTES = 4 * 1024 * 1024;

/**
 * The catalogue is all that is known of the topics: retention must never come near it. Each of its records replaces the one
 * with the same key, so it is compacted, whatever topics are told, and by rules that nobody needs to change.
 */
export function catalogueLogConfig(config: BrokerConfig): LogConfig {
  return {
    ...internalLogConfig(config, new Map()),
    messageBytesMax: config.batchBytesMax,
    segmentBytesMax: CATALOGUE_SEGMENT_BYTES,
    deleted: false,
    compacted: true,
    minDirtyRatio: 0.5,
    minCompactionLagMs: 0,
    maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
    // Who is reading while it is compacted has to find the tombstone of what he found before.
    deleteRetentionMs: 24 * 60 * 60 * 1000,
  };
}

/** What to create when `name` is wanted and not there: an internal topic's own shape, else the broker's defaults. */
export function creationOnDemand(name: string, config: BrokerConfig): TopicCreation {
  switch (name) {
    case OFFSETS_TOPIC:
      return {
        name,
        internal: true,
        partitions: config.get('offsets.topic.num.partitions'),
        configs: new Map([
          ['cleanup.policy', 'compact'],
          ['segment.bytes', String(config.get('offsets.topic.segment.bytes'))],
        ]),
      };
    case SHARE_STATE_TOPIC:
      return {
        name,
        internal: true,
        partitions: config.get('share.coordinator.state.topic.num.partitions'),
        // A change says only what is different, so what was written last under a key is not all of it: never compacted.
        configs: new Map([
          ['cleanup.policy', 'delete'],
          ['retention.ms', '-1'],
          ['retention.bytes', '-1'],
          ['segment.bytes', String(config.get('share.coordinator.state.topic.segment.bytes'))],
        ]),
      };
    default:
      return { name, partitions: config.get('num.partitions') };
  }
}
