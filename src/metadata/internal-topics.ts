/** How topics are made that nobody but the broker creates. Main thread. */
import type { BrokerConfig } from '../config/broker-config.js';
import type { TopicCreation } from './topic.js';

export const OFFSETS_TOPIC = '__consumer_offsets';

/** What to create when `name` is wanted and not there: an internal topic's own shape, else the broker's defaults. */
export function creationOnDemand(name: string, config: BrokerConfig): TopicCreation {
  if (name !== OFFSETS_TOPIC) return { name, partitions: config.get('num.partitions') };
  return {
    name,
    internal: true,
    partitions: config.get('offsets.topic.num.partitions'),
    configs: new Map([
      ['cleanup.policy', 'compact'],
      ['segment.bytes', String(config.get('offsets.topic.segment.bytes'))],
    ]),
  };
}
