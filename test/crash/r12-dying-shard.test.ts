/**
 * R12: a shard's thread dies, in front of a write or behind a flush: it throws, leaves, or runs out of memory. Its partitions
 * are back within a second, the others serve throughout, nothing acknowledged is lost and nothing is doubled. Test process.
 *
 * A native crash takes the whole process with it, which is R1.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { KafkaClient } from '../../src/cli/client.js';
import { listOffsets } from '../../src/protocol/messages/02-list-offsets.js';
import { BrokerProcess, brokerIsBuilt, noBroker } from '../broker-process.js';
import { DisturbedLoad, RETRIABLE, until } from './lab/disturbed-load.js';
import { experiment } from './lab/experiment.js';
import { ThreadFaults } from './lab/thread-fault.js';
import { Session } from './session.js';

const TOPIC = 'dying';
const PARTITIONS = 6;
const MODES = ['ack', 'never', 'interval', 'ack'] as const;
const ENDS = ['throw', 'exit', 'heap', 'throw', 'exit'] as const;
/** The third death within a minute is meant to end the broker. */
const DEATHS_PER_BROKER = 2;
/** Of the whole broker's threads, so that the death of one for want of memory takes a moment and not the machine's memory. */
const HEAP_MiB = 192;
/** Until the thread has met what is to kill it, and has died of it. */
const DIES_WITHIN_MS = 10_000;
const BACK_WITHIN_MS = 1000;
/** On a machine so busy that a thread that does nothing takes longer than a tenth of that, so many times as long as it. */
const BARE_STARTS_MAX = 10;

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
      const session = new Session(broker.bootstrap);
      const client = await session.connect();
      for (let death = 1; death <= deaths; death++) {
        const kind = ENDS[random(ENDS.length)];
        // With flush=never nobody asks for a flush.
        const when = seed % MODES.length !== 1 && random(2) === 0 ? 'after the flush' : 'before the write';
        const outage = new Outage(client, TOPIC, PARTITIONS);
        faults.begin({ path: `/${TOPIC}-${random(PARTITIONS)}/`, kind, when });
        await outage.watch(DIES_WITHIN_MS);
        await until('it is told', DIES_WITHIN_MS, () => toldAtMs(broker, 'the shard serves again').length === death);
        const [deadMs, backMs] = ['dead shard: ', 'the shard serves again'].map(
          (message) => toldAtMs(broker, message).at(-1) ?? Number.NaN,
        );
        // Who runs out of memory is busy with it for a while, and alive.
        const diedMs = kind === 'heap' ? deadMs : faults.diedAtMs;
        const [noticed, back] = [deadMs - diedMs, backMs - diedMs];
        say(
          `R12: ${kind}, ${when}: noticed after ${noticed} ms, back ${back} ms after its death; a client was refused for ${Math.round(outage.lastedMs)} ms`,
        );
        const withinMs = Math.max(BACK_WITHIN_MS, BARE_STARTS_MAX * (await bareStartMs()));
        assert.ok(back <= withinMs, `all partitions are back ${back} ms after the death, not within ${withinMs}`);
        assert.ok(outage.lastedMs <= withinMs, `and serve: a client was refused for ${outage.lastedMs} ms`);
        await load.progress(5 * PARTITIONS);
      }
      session.end();
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

/** How long a client that only asks is refused: it does not wait for a write that would have to come again. */
class Outage {
  lastedMs = 0;

  constructor(
    private readonly client: KafkaClient,
    private readonly topic: string,
    private readonly partitions: number,
  ) {}

  /** Resolves when there was one and it is over. */
  async watch(beginsWithinMs: number): Promise<void> {
    let servedAt = performance.now();
    await until('a shard dies', beginsWithinMs, async () => {
      const askedAt = performance.now();
      if (!(await this.serves())) return true;
      servedAt = askedAt;
      return false;
    });
    await until('and is back', 10 * BACK_WITHIN_MS, () => this.serves());
    this.lastedMs = performance.now() - servedAt;
  }

  private async serves(): Promise<boolean> {
    const partitions = Array.from({ length: this.partitions }, (_, partitionIndex) => ({
      partitionIndex,
      timestamp: -1,
    }));
    const topics = [{ name: this.topic, partitions }];
    const request = { replicaId: -1, isolationLevel: 0, timeoutMs: 1000, topics };
    const [answer] = (await this.client.request(listOffsets, request)).topics;
    return answer.partitions.every(({ errorCode }) => errorCode === 'NONE');
  }
}

/** How long this machine takes at this moment for a thread that does nothing. */
async function bareStartMs(): Promise<number> {
  const since = performance.now();
  await once(new Worker('', { eval: true }), 'exit');
  return performance.now() - since;
}

/** When the broker said so, each time, in milliseconds since 1970. */
function toldAtMs(broker: BrokerProcess, message: string): number[] {
  const lines = (broker.stdout + broker.stderr).split('\n').filter((line) => line.includes(message));
  return lines.map((line) => Number((JSON.parse(line) as { time: number }).time));
}
