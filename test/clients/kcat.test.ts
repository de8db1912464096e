/** kcat, and with it librdkafka, against a live broker. Test process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLIENT_TEST_TIMEOUT_MS, startLiveBroker } from '../live-broker.js';
import { hasTool, mustRun } from '../run-tool.js';
import { logLines } from './log-records.js';

interface KcatRecord {
  readonly partition: number;
  readonly offset: number;
  readonly ts: number;
  readonly headers?: readonly string[];
  readonly key: string | null;
  readonly payload: string | null;
}

const parse = (output: string) =>
  output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as KcatRecord);

test('kcat', { timeout: CLIENT_TEST_TIMEOUT_MS }, async (t) => {
  if (!hasTool('kcat', '-V')) return t.skip('kcat is not installed');
  const broker = await startLiveBroker(t);
  if (!broker) return;
  const kcat = (args: readonly string[], input?: string) =>
    mustRun('kcat', ['-q', '-b', broker.bootstrap, ...args], { input });

  for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
    await t.test(`log lines come back as sent, codec ${codec}`, async (t) => {
      const lines = logLines(t, 'OpenSSH_2k.log');
      const topic = `kcat-${codec}`;
      const input = lines.map((line, i) => `key ${i}|${line}\n`).join('');
      await kcat(['-P', '-t', topic, '-p', '0', '-K|', '-H', 'file=OpenSSH', '-z', codec], input);
      const read = parse(await kcat(['-C', '-t', topic, '-e', '-J', '-D', '\n']));
      assert.deepEqual(
        read.map((record) => record.payload),
        lines,
      );
      assert.deepEqual(
        read.map((record) => [record.offset, record.key, record.headers?.join('=')]),
        lines.map((_, i) => [i, `key ${i}`, 'file=OpenSSH']),
      );
    });
  }

  for (const [name, settings] of Object.entries({
    'acks=0': ['-X', 'acks=0'],
    'acks=1': ['-X', 'acks=1'],
    'idempotent producer': ['-X', 'enable.idempotence=true'],
    'message per batch': ['-X', 'batch.num.messages=1'],
  })) {
    await t.test(`${name}: everything arrives once and in order`, async (t) => {
      const lines = logLines(t, 'HPC_2k.log');
      const topic = `kcat-${name.replace(/[^a-z0-9]/g, '-')}`;
      await kcat(['-P', '-t', topic, '-p', '0', ...settings], lines.map((line) => `${line}\n`).join(''));
      const read = await kcat(['-C', '-t', topic, '-p', '0', '-o', 'beginning', '-c', String(lines.length)]);
      assert.equal(read, lines.map((line) => `${line}\n`).join(''));
    });
  }

  await t.test('reads from the end, from an offset and from a time', async () => {
    await kcat(['-P', '-t', 'kcat-offsets', '-p', '0'], 'a\nb\nc\nd\n');
    assert.equal(await kcat(['-C', '-t', 'kcat-offsets', '-p', '0', '-o', '-2', '-e']), 'c\nd\n');
    assert.equal(await kcat(['-C', '-t', 'kcat-offsets', '-p', '0', '-o', '1', '-e']), 'b\nc\nd\n');
    const [, second] = parse(await kcat(['-C', '-t', 'kcat-offsets', '-e', '-J']));
    assert.match(await kcat(['-Q', '-t', `kcat-offsets:0:${second.ts}`]), /kcat-offsets \[0\] offset \d/);
    assert.match(await kcat(['-Q', '-t', 'kcat-offsets:0:-1']), /offset 4/);
  });

  await t.test('a group continues after a restart where it had committed', async (t) => {
    const lines = logLines(t, 'Zookeeper_2k.log');
    const half = lines.length / 2;
    const group = (count: number) =>
      kcat(['-G', 'kcat-group', '-c', String(count), '-X', 'auto.offset.reset=earliest', 'kcat-restart']);
    const text = (part: readonly string[]) => part.map((line) => `${line}\n`).join('');
    await kcat(['-P', '-t', 'kcat-restart', '-p', '0'], text(lines.slice(0, half)));
    assert.equal(await group(half), text(lines.slice(0, half)));
    await broker.restart();
    await kcat(['-P', '-t', 'kcat-restart', '-p', '0'], text(lines.slice(half)));
    assert.equal(await group(lines.length - half), text(lines.slice(half)));
  });

  await t.test('lists brokers and topics', async () => {
    const metadata = JSON.parse(await kcat(['-L', '-J']));
    assert.deepEqual(
      metadata.brokers.map((node: { name: string }) => node.name),
      [broker.bootstrap],
    );
    assert.ok(metadata.topics.some((topic: { topic: string }) => topic.topic === 'kcat-none'));
  });
});
