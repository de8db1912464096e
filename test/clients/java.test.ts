/** Apache Kafka's own command line tools, and with them the Java client, against a live broker. Test process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLIENT_TEST_TIMEOUT_MS, startLiveBroker } from '../live-broker.js';
import { kafkaClassPath, noApacheKafka } from '../peers/apache-kafka.js';
import { mustRun, runTool } from '../run-tool.js';
import { assertSameLines, logLines } from './log-records.js';

const TOOLS = 'org.apache.kafka.tools';

test('Java console tools', { timeout: CLIENT_TEST_TIMEOUT_MS }, async (t) => {
  const missing = noApacheKafka();
  if (missing) return t.skip(missing);
  const broker = await startLiveBroker(t);
  if (!broker) return;
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
  const topics = (...args: string[]) => java(`${TOOLS}.TopicCommand`, args);
  const consume = async (topic: string, count: number, ...args: string[]) => {
    const options = [
      '--topic',
      topic,
      '--from-beginning',
      '--max-messages',
      String(count),
      '--timeout-ms',
      '30000',
      ...args,
    ];
    return (await java(`${TOOLS}.consumer.ConsoleConsumer`, options)).split('\n').slice(0, -1);
  };
  const produce = (topic: string, lines: readonly string[], ...args: string[]) =>
    java(`${TOOLS}.ConsoleProducer`, ['--topic', topic, ...args], lines.map((line) => `${line}\n`).join(''));

  await t.test('topics are created, shown, grown, configured and deleted', async () => {
    await topics('--create', '--topic', 'java-admin', '--partitions', '2', '--config', 'retention.ms=3600000');
    const again = await runTool(
      'java',
      command(`${TOOLS}.TopicCommand`, ['--create', '--topic', 'java-admin', '--partitions', '2']),
    );
    assert.match(again.stdout + again.stderr, /already exists/);
    await topics('--alter', '--topic', 'java-admin', '--partitions', '3');
    const described = await topics('--describe', '--topic', 'java-admin');
    assert.match(described, /PartitionCount: 3\s+ReplicationFactor: 1/);
    assert.match(described, /retention\.ms=3600000/);
    const config = ['--entity-type', 'topics', '--entity-name', 'java-admin'];
    await java('kafka.admin.ConfigCommand', ['--alter', ...config, '--add-config', 'retention.ms=7200000']);
    assert.match(await java('kafka.admin.ConfigCommand', ['--describe', ...config]), /retention\.ms=7200000/);
    await java('kafka.admin.ConfigCommand', ['--alter', ...config, '--delete-config', 'retention.ms']);
    assert.doesNotMatch(await java('kafka.admin.ConfigCommand', ['--describe', ...config]), /retention\.ms=7200000/);
    await topics('--delete', '--topic', 'java-admin');
    assert.doesNotMatch(await topics('--list'), /java-admin/);
  });

  for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
    await t.test(`log lines come back as sent, codec ${codec}`, async (t) => {
      const lines = logLines(t, 'Windows_2k.log');
      const topic = `java-${codec}`;
      await topics('--create', '--topic', topic, '--partitions', '1');
      await produce(
        topic,
        lines.map((line, i) => `key ${i}|${line}`),
        '--compression-codec',
        codec,
        '--reader-property',
        'parse.key=true',
        '--reader-property',
        'key.separator=|',
      );
      const read = await consume(
        topic,
        lines.length,
        '--formatter-property',
        'print.key=true',
        '--formatter-property',
        'key.separator=|',
      );
      assertSameLines(
        read,
        lines.map((line, i) => `key ${i}|${line}`),
      );
    });
  }

  await t.test('a group continues after a restart where it had committed', async (t) => {
    const lines = logLines(t, 'Thunderbird_2k.log');
    await produce('java-restart', lines.slice(0, 1_000));
    assertSameLines(await consume('java-restart', 1_000, '--group', 'java-group'), lines.slice(0, 1_000));
    await broker.restart();
    await produce('java-restart', lines.slice(1_000));
    assertSameLines(await consume('java-restart', 1_000, '--group', 'java-group'), lines.slice(1_000));
  });

  await t.test('offsets, records and log folders', async () => {
    assert.equal(await java(`${TOOLS}.GetOffsetShell`, ['--topic', 'java-restart']), 'java-restart:0:2000\n');
    assert.equal(
      await java(`${TOOLS}.GetOffsetShell`, ['--topic', 'java-restart', '--time', 'earliest']),
      'java-restart:0:0\n',
    );
    assert.match(
      await java(`${TOOLS}.LogDirsCommand`, ['--describe', '--topic-list', 'java-restart']),
      /"partition":"java-restart-0"/,
    );
    assert.match(
      await java(`${TOOLS}.LeaderElectionCommand`, ['--election-type', 'preferred', '--all-topic-partitions']),
      /Valid replica already elected|^\s*$/,
    );
    assert.match(
      await java(`${TOOLS}.reassign.ReassignPartitionsCommand`, ['--list']),
      /No partition reassignments found/,
    );
    assert.match(await java(`${TOOLS}.MetadataQuorumCommand`, ['describe', '--status']), /LeaderId:\s+1/);
  });

  await t.test('the performance tools run through', async () => {
    const producing = ['--topic', 'java-perf', '--num-records', '20000', '--record-size', '100', '--throughput', '-1'];
    assert.match(await java(`${TOOLS}.ProducerPerformance`, producing), /20000 records sent/);
    const consuming = ['--topic', 'java-perf', '--num-records', '20000', '--timeout', '30000'];
    assert.match(await java(`${TOOLS}.ConsumerPerformance`, consuming), /, 20000, /);
  });
});
