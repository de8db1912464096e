/** A registry over a log in memory and partitions without shards, and a way to start it again. */
import { silentLogger } from '../../src/base/logger.js';
import { loadConfig } from '../../src/config/load.js';
import { TopicRegistry } from '../../src/metadata/topic-registry.js';
import { FakePartitions } from './fake-partitions.js';
import { HandClock } from './hand-clock.js';
import { MemoryLog } from './memory-log.js';

export interface Fixture {
  readonly log: MemoryLog;
  readonly partitions: FakePartitions;
  readonly clock: HandClock;
  readonly topics: TopicRegistry;
}

/** `log` from an earlier fixture: what a restart finds. */
export async function startRegistry(
  log: MemoryLog = new MemoryLog(),
  overrides: Readonly<Record<string, string>> = {},
): Promise<Fixture> {
  const partitions = new FakePartitions();
  const clock = new HandClock();
  const { config } = loadConfig({ overrides });
  const topics = new TopicRegistry({ config, log, partitions, logger: silentLogger, clock });
  await topics.load();
  return { log, partitions, clock, topics };
}
