/** rsyslog's omkafka against a live broker: a log daemon tails a file of log lines into a topic. Test process. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { KafkaClient } from '../../src/cli/client.js';
import { createTopics } from '../../src/protocol/messages/19-create-topics.js';
import { CLIENT_TEST_TIMEOUT_MS, startLiveBroker } from '../live-broker.js';
import { hasTool, mustRun } from '../run-tool.js';
import { ServerProcess } from '../server-process.js';
import { temporaryFolder } from '../temp-folder.js';
import { assertSameLines, logLines } from './log-records.js';

const modules = [
  '/usr/lib/x86_64-linux-gnu/rsyslog',
  '/usr/lib/aarch64-linux-gnu/rsyslog',
  '/usr/lib64/rsyslog',
  '/usr/lib/rsyslog',
];

test('rsyslog', { timeout: CLIENT_TEST_TIMEOUT_MS }, async (t) => {
  if (!hasTool('rsyslogd', '-v')) return t.skip('rsyslogd is not installed');
  if (!modules.some((folder) => existsSync(join(folder, 'omkafka.so')))) return t.skip('rsyslog has no omkafka module');
  if (!hasTool('kcat', '-V')) return t.skip('kcat, which reads what rsyslog wrote, is not installed');
  const broker = await startLiveBroker(t);
  if (!broker) return;

  // kcat, which reads at once, would find no topic before rsyslog's first message has made it.
  const topic = { name: 'rsyslog', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  const client = await KafkaClient.connect(broker.bootstrap);
  await client.request(createTopics, { topics: [topic], timeoutMs: 30_000, validateOnly: false });
  client.close();
  const folder = temporaryFolder('rsyslog');
  const lines = logLines(t, 'Linux_2k.log');
  const config = join(folder, 'rsyslog.conf');
  writeFileSync(
    config,
    `global(workDirectory="${folder}")
module(load="imfile")
module(load="omkafka")
template(name="line" type="string" string="%msg%")
input(type="imfile" File="${join(folder, 'input.log')}" Tag="app" ruleset="to-kafka")
ruleset(name="to-kafka") {
  action(type="omkafka" broker=["${broker.bootstrap}"] topic="rsyslog" template="line" key="host-1"
         confParam=["queue.buffering.max.ms=10", "acks=all"] partitions.number="1"
         resubmitOnFailure="on" keepFailedMessages="on" failedMsgFile="${join(folder, 'failed')}")
}
`,
  );
  const daemon = new ServerProcess({
    command: 'rsyslogd',
    args: ['-n', '-d', '-f', config, '-i', join(folder, 'pid')],
    ready: /initialization completed/,
  });
  t.after(() => daemon.kill9());
  const half = lines.length / 2;
  writeFileSync(
    join(folder, 'input.log'),
    lines
      .slice(0, half)
      .map((line) => `${line}\n`)
      .join(''),
  );
  await daemon.start();
  const read = (from: number, count: number) =>
    mustRun('kcat', [
      '-q',
      '-b',
      broker.bootstrap,
      '-C',
      '-t',
      'rsyslog',
      '-o',
      String(from),
      '-c',
      String(count),
      '-K|',
    ]);
  const values = (text: string) =>
    text
      .split('\n')
      .slice(0, -1)
      .map((line) => line.slice(line.indexOf('|') + 1));

  await t.test('the lines of a log file arrive in order, with the key', async () => {
    const text = await read(0, half);
    assert.match(text, /^host-1\|/);
    assertSameLines(values(text), lines.slice(0, half));
  });

  await t.test('the daemon goes on after the broker was restarted', async () => {
    await broker.restart();
    writeFileSync(
      join(folder, 'input.log'),
      lines
        .slice(half)
        .map((line) => `${line}\n`)
        .join(''),
      { flag: 'a' },
    );
    assertSameLines(values(await read(half, lines.length - half)), lines.slice(half));
  });
});
