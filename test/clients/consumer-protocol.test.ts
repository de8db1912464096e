/** Clients with group.protocol=consumer (KIP-848) against a live broker: Java's console consumer and Python's librdkafka. Test process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BrokerProcess, brokerIsBuilt, noBroker } from '../broker-process.js';
import { CLIENT_TEST_TIMEOUT_MS, startLiveBroker } from '../live-broker.js';
import { kafkaClassPath, noApacheKafka } from '../peers/apache-kafka.js';
import { noPython, pythonClient, pythonWithKafka } from '../peers/python.js';
import { mustRun, runTool } from '../run-tool.js';
import { fromJsonLines, toJsonLines } from './log-records.js';

const TOOLS = 'org.apache.kafka.tools';
const QUICK = {
  'group.consumer.min.session.timeout.ms': 1_000,
  'group.consumer.session.timeout.ms': 6_000,
  'group.consumer.min.heartbeat.interval.ms': 100,
  'group.consumer.heartbeat.interval.ms': 300,
};

function numbered(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => `line ${from + i}`);
}

test('Java with group.protocol=consumer', { timeout: CLIENT_TEST_TIMEOUT_MS }, async (t) => {
  const missing = noApacheKafka() ?? (brokerIsBuilt ? null : noBroker);
  if (missing) return t.skip(missing);
  const broker = await BrokerProcess.start({ overrides: QUICK });
  t.after(() => broker.dispose());
  const command = (tool: string, args: readonly string[]) => [
    '-XX:TieredStopAtLevel=1',
    '-cp',
    kafkaClassPath(),
    tool,
    '--bootstrap-server',
    broker.bootstrap,
    ...args,
  ];
  const java = (tool: string, args: readonly string[], input?: string) =>
    mustRun('java', command(tool, args), { input });
  const groups = (...args: string[]) => java(`${TOOLS}.consumer.group.ConsumerGroupCommand`, args);
  const produce = (lines: readonly string[]) =>
    java(`${TOOLS}.ConsoleProducer`, ['--topic', 'java-848'], lines.map((line) => `${line}\n`).join(''));
  const consume = (protocol: string, until: (stdout: string) => boolean) =>
    runTool(
      'java',
      command(`${TOOLS}.consumer.ConsoleConsumer`, [
        ...['--topic', 'java-848', '--from-beginning', '--group', 'group-848'],
        ...['--command-property', `group.protocol=${protocol}`],
        ...['--command-property', 'auto.commit.interval.ms=200'],
      ]),
      { until },
    );
  await java(`${TOOLS}.TopicCommand`, ['--create', '--topic', 'java-848', '--partitions', '4']);

  await t.test('two consumers share a topic, also across kill -9 of the broker', async () => {
    const seen = new Set<string>();
    let whenHalf: () => void = () => undefined;
    const half = new Promise<void>((resolve) => {
      whenHalf = resolve;
    });
    const watch = (stdout: string) => {
      for (const line of stdout.split('\n').slice(0, -1)) seen.add(line);
      if (seen.size >= 500) whenHalf();
      return seen.size >= 1_000;
    };
    const consumers = [consume('consumer', watch), consume('consumer', watch)];
    await produce(numbered(0, 500));
    await half;
    assert.match(await groups('--list', '--state', '--type'), /group-848\s+Consumer\s+\w+/);
    await broker.kill9();
    await broker.start();
    const state = await groups('--describe', '--group', 'group-848', '--state');
    assert.match(state, /group-848\s.*\s(uniform)\s+(Stable|Reconciling|Assigning)\s+\d+/);
    await produce(numbered(500, 1_000));
    // Whoever sees the last line leaves; the other then has every partition, and leaves at its next line.
    await Promise.race(consumers);
    await produce(['one more']);
    await Promise.all(consumers);
    assert.deepEqual([...seen].filter((line) => line.startsWith('line')).sort(), numbered(0, 1_000).sort());
  });

  await t.test('the empty group is taken over by a classic consumer where it had committed', async () => {
    await broker.restart();
    await produce(['for the classic one']);
    const { stdout } = await consume('classic', (out) => out.includes('for the classic one'));
    assert.ok(!stdout.includes('line 0\n'));
    assert.match(await groups('--list', '--type'), /group-848\s+Classic/);
  });
});

test('librdkafka with group.protocol=consumer', { timeout: CLIENT_TEST_TIMEOUT_MS }, async (t) => {
  const python = pythonWithKafka();
  if (!python) return t.skip(noPython);
  const broker = await startLiveBroker(t, QUICK);
  if (!broker) return;
  const run = (args: readonly (string | number)[], input?: string) =>
    mustRun(python, [pythonClient, ...args.map(String)], { input });
  const sent = numbered(0, 400).map((value, i) => ({
    partition: 0,
    key: `k${i}`,
    value,
    headers: [] as [string, string][],
    timestampMs: 1_700_000_000_000 + i,
  }));
  await run(['produce', broker.bootstrap, 'python-848', 'idempotent', 'none'], toJsonLines(sent));
  const read = async (topic: string, group: string, ...more: string[]) =>
    fromJsonLines(await run(['group', broker.bootstrap, topic, group, 200, 'consumer', ...more])).map(
      ({ value }) => value,
    );

  await t.test('by name and by regular expression, one after the other', async () => {
    assert.deepEqual(await read('python-848', 'py-848'), numbered(0, 200));
    assert.deepEqual(await read('^python-84.$', 'py-848'), numbered(200, 400));
  });

  await t.test('a static member comes back in its own name', async () => {
    assert.deepEqual(await read('python-848', 'py-848-static', 'one'), numbered(0, 200));
    assert.deepEqual(await read('python-848', 'py-848-static', 'one'), numbered(200, 400));
  });
});
