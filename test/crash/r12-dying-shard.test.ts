/**
 * R12: a shard's thread dies, in front of a write or behind a flush: it throws, leaves, or runs out of memory. Its partitions
 * are back within a second, the others serve throughout, nothing acknowledged is lost and nothing is doubled. Test process.
 *
 * A native crash takes the whole process with it, which is R1.
 */
import assert from 'node:assert/strict';
import { BrokerProcess, brokerIsBuilt, noBroker } from '../broker-process.js';
import { DisturbedLoad, RETRIABLE, until } from './lab/disturbed-load.js';
import { experiment } from './lab/experiment.js';
import { ThreadFaults } from './lab/thread-fault.js';

const TOPIC = 'dying';
const PARTITIONS = 6;
const MODES = ['ack', 'never', 'interval', 'ack'] as const;
const ENDS = ['throw', 'exit', 'heap', 'throw', 'exit'] as const;
/** The third death within a minute is meant to end the broker. */
const DEATHS_PER_BROKER = 2;
/** Of the whole broker's threads, so that the death of one for want of memory takes a moment and not the machine's memory. */
const HEAP_MiB = 192;
const BACK_WITHIN_MS = 10_000;

experiment({
  id: 'R12',
  title: 'a shard dies of an exception, of process.exit or for want of memory, while others serve',
  unit: 'deaths',
  ci: 6,
  long: 200,
  ciSeed: 1,
  unitsPerTrial: DEATHS_PER_BROKER,
  unable: () => (brokerIsBuilt ? null : noBroker),
  trial: async ({ seed, random, findings, say }, deaths) => {
    const faults = new ThreadFaults();
    const broker = await BrokerProcess.start({
      overrides: { flush: MODES[seed % MODES.length], shards: 2, 'log.segment.bytes': 1024 * 1024 },
      env: faults.environment(HEAP_MiB),
    });
    try {
      const load = new DisturbedLoad({ broker, topic: TOPIC, partitions: PARTITIONS, random, retriable: RETRIABLE });
      await load.begin();
      for (let death = 1; death <= deaths; death++) {
        const kind = ENDS[random(ENDS.length)];
        // With flush=never nobody asks for a flush.
        const when = seed % MODES.length !== 1 && random(2) === 0 ? 'after the flush' : 'before the write';
        const diedAt = performance.now();
        faults.begin({ path: `/${TOPIC}-${random(PARTITIONS)}/`, kind, when });
        await until('a shard dies', BACK_WITHIN_MS, () => count(broker, /dead shard: /g) === death);
        const isBack = () => count(broker, /the shard serves again/g) === death;
        await until('and is back', BACK_WITHIN_MS, isBack);
        say(`R12: ${kind}, ${when}: ${Math.round(performance.now() - diedAt)} ms until all was back`);
        await load.progress(5 * PARTITIONS);
      }
      await load.endAndJudge(findings);
      assert.ok(broker.server.running);
    } catch (error) {
      process.stderr.write(`${broker.stdout.slice(-4000)}\n${broker.stderr.slice(-4000)}\n`);
      throw error;
    } finally {
      await broker.dispose();
    }
  },
});

function count(broker: BrokerProcess, line: RegExp): number {
  return [...(broker.stdout + broker.stderr).matchAll(line)].length;
}
