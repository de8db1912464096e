/** A registry over a log in memory and partitions without shards, and a way to start it again. */
import type { TimerHandle } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { loadConfig } from '../../src/config/load.js';
import { TopicRegistry } from '../../src/metadata/topic-registry.js';
import { FakeClock } from '../base/fake-clock.js';
import { FakePartitions } from './fake-partitions.js';
import { MemoryLog } from './memory-log.js';

/** What is due at once needs nobody to advance the clock. */
class PromptClock extends FakeClock {
  override after(delayMs: number, action: () => void): TimerHandle {
    const timer = super.after(delayMs, action);
    if (delayMs === 0) queueMicrotask(() => this.advance(0));
    return timer;
  }
}

export interface Fixture {
  readonly log: MemoryLog;
  readonly partitions: FakePartitions;
  readonly clock: FakeClock;
  readonly topics: TopicRegistry;
}

/** `log` from an earlier fixture: what a restart finds. */
export async function startRegistry(
  log: MemoryLog = new MemoryLog(),
  overrides: Readonly<Record<string, string>> = {},
): Promise<Fixture> {
  const partitions = new FakePartitions();
  const clock = new PromptClock();
  const { config } = loadConfig({ overrides });
  const topics = new TopicRegistry({ config, log, partitions, logger: silentLogger, clock });
  await topics.load();
  return { log, partitions, clock, topics };
}
