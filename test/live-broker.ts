/** The broker that client tests run against: ours, or Apache Kafka (MILLRACE_TEST_BROKER=apache-kafka) to prove a test itself. Test process. */
import type { TestContext } from 'node:test';
import { BrokerProcess, brokerIsBuilt, noBroker, type Overrides } from './broker-process.js';
import { ApacheKafka, noApacheKafka } from './peers/apache-kafka.js';

export type LiveBroker = BrokerProcess | ApacheKafka;

/** For a whole file of client tests: a client that waits for ever fails, and its broker is disposed of. */
export const CLIENT_TEST_TIMEOUT_MS = 240_000;

const provingAgainstKafka = process.env.MILLRACE_TEST_BROKER === 'apache-kafka';

/** Starts the broker and disposes of it after the test; null when the test was skipped because it cannot run here. */
export async function startLiveBroker(t: TestContext, overrides: Overrides = {}): Promise<LiveBroker | null> {
  const missing = provingAgainstKafka ? noApacheKafka() : brokerIsBuilt ? null : noBroker;
  if (missing) {
    t.skip(missing);
    return null;
  }
  const broker = provingAgainstKafka
    ? await ApacheKafka.start({ overrides })
    : await BrokerProcess.start({ overrides: { 'group.initial.rebalance.delay.ms': 0, ...overrides } });
  t.after(() => broker.dispose());
  return broker;
}
