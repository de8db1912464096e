/** The verbs against a live broker: what they print, and that they fail loudly. */
import assert from 'node:assert/strict';
import { readdirSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { BrokerProcess, brokerIsBuilt, noBroker } from '../broker-process.js';
import { millrace } from './command-line.js';

suite('verbs', { skip: brokerIsBuilt ? false : noBroker }, () => {
  let broker: BrokerProcess;

  before(async () => {
    broker = await BrokerProcess.start();
  });
  after(() => broker.stop());

  const run = (args: readonly string[], input?: string | readonly Buffer[]) => {
    return millrace([...args, '-b', broker.bootstrap], input);
  };
  const done = async (args: readonly string[], input?: string | readonly Buffer[]) => {
    const outcome = await run(args, input);
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    return outcome.stdout;
  };

  test('a topic is created, described, altered and deleted', async () => {
    assert.equal(
      await done(['topic', 'create', 'life', '-p', '2', '--config', 'retention.ms=5000']),
      'Created topic life.\n',
    );
    const again = await run(['topic', 'create', 'life']);
    assert.equal(again.exitCode, 1);
    assert.match(again.stderr, /TOPIC_ALREADY_EXISTS/);
    await done(['topic', 'create', 'life', '--if-not-exists']);
    await done([
      'topic',
      'alter',
      'life',
      '-p',
      '3',
      '--config',
      'retention.bytes=9',
      '--delete-config',
      'retention.ms',
    ]);
    const [described] = JSON.parse(await done(['topic', 'describe', 'life', '--json']));
    assert.deepEqual(described.configs, { 'retention.bytes': '9' });
    assert.equal(described.partitions.length, 3);
    assert.match(await done(['topic', 'describe', 'life']), /^life {2}id \S+ {2}retention\.bytes=9\n/);
    await done(['topic', 'delete', 'life']);
    assert.ok(!(await done(['topic', 'list'])).includes('life'));
    assert.equal((await run(['topic', 'delete', 'life'])).exitCode, 1);
    await done(['topic', 'delete', 'life', '--if-exists']);
    assert.equal((await run(['topic', 'describe', 'life'])).exitCode, 1);
    assert.equal((await run(['topic', 'alter', 'life'])).exitCode, 1);
  });

  test('the disk, and what topics take of it, can be seen', async () => {
    const bound = ['--config', 'retention.bytes=5000000', '--config', 'retention.ms=7200000'];
    await done(['topic', 'create', 'heavy', '-p', '2', ...bound]);
    await done(['produce', 'heavy', '-p', '0'], `${'x'.repeat(9000)}\n`);
    const { state, freeBytes, totalBytes, topics } = JSON.parse(await done(['disk', '--json']));
    assert.ok(['ok', 'low', 'unwatched'].includes(state));
    assert.ok(freeBytes <= totalBytes);
    const heavy = topics.find(({ name }: { name: string }) => name === 'heavy');
    const [listed] = JSON.parse(await done(['topic', 'list', '--json'])).filter(
      ({ name }: { name: string }) => name === 'heavy',
    );
    const [described] = JSON.parse(await done(['topic', 'describe', 'heavy', '--json']));
    for (const { bytes, segments, boundBytes, boundBy, oldestMs, nextDeletionInMs } of [
      heavy,
      listed.disk,
      described.disk,
    ]) {
      assert.ok(bytes > 9000 && bytes < 10_000);
      assert.deepEqual([segments, boundBytes, boundBy], [1, 10_000_000, 'retention.bytes']);
      assert.ok(Math.abs(Date.now() - oldestMs) < 60_000);
      assert.ok(nextDeletionInMs <= 7_200_000);
    }
    assert.match(
      await done(['topic', 'list']),
      /^heavy +2 +9\.\d KB +1 +\d.* ago +10 MB \(retention\.bytes\) +in about /m,
    );
    assert.match(await done(['topic', 'describe', 'heavy']), /^ {2}BYTES +SEGMENTS +OLDEST +BOUND +NEXT DELETION$/m);
    assert.match(await done(['disk']), /^heavy +9\.\d KB +1 /m);
    await done(['topic', 'delete', 'heavy']);
  });

  test('a bad setting is refused with its bound', async () => {
    const { exitCode, stderr } = await run(['topic', 'create', 'bad', '--config', 'segment.bytes=1']);
    assert.equal(exitCode, 1);
    assert.match(stderr, /segment\.bytes must be a whole number of at least 1048576/);
  });

  test('lines go in and come out, byte for byte, whatever the chunks', async () => {
    const text = 'first\n\ndritte Zeile ÄÖ\nlast without end';
    const bytes = Buffer.from(text);
    const chunks = Array.from({ length: bytes.length }, (_, at) => bytes.subarray(at, at + 1));
    await done(['produce', 'lines'], chunks);
    assert.equal(await done(['consume', 'lines', '--from-beginning', '--exit']), `${text}\n`);
    assert.equal(await done(['consume', 'lines', '--from-beginning', '-c', '1']), 'first\n');
  });

  test('keys, headers and times travel', async () => {
    await done(['produce', 'keyed', '-k', ':', '-H', 'from=test'], 'a:1\nb:2\nno key\n');
    const printed = await done(['consume', 'keyed', '--from-beginning', '-e', '-k', ' => ', '-H']);
    assert.equal(printed, 'from=test\ta => 1\nfrom=test\tb => 2\nfrom=test\t => no key\n');
  });

  test('JSON out is JSON in', async () => {
    const line = { headers: ['h', 'ü', 'none', null], key: 'k', payload: null, ts: 1234 };
    const binary = { keyBase64: Buffer.from([0xff, 0]).toString('base64'), payload: '', ts: 1235 };
    await done(['produce', 'json-a', '--json'], `${JSON.stringify(line)}\n\n${JSON.stringify(binary)}\n`);
    const first = await done(['consume', 'json-a', '--from-beginning', '-e', '--json']);
    await done(['produce', 'json-b', '--json', '--compression', 'gzip', '--acks', '1'], first);
    const second = await done(['consume', 'json-b', '--from-beginning', '-e', '--json']);
    assert.equal(second, first.replaceAll('json-a', 'json-b'));
    const records = first
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text));
    assert.deepEqual(records, [
      { topic: 'json-a', partition: 0, offset: 0, tstype: 'create', ...line },
      { topic: 'json-a', partition: 0, offset: 1, tstype: 'create', ...binary },
    ]);
    const broken = await run(['produce', 'json-a', '--json'], 'no json\n');
    assert.equal(broken.exitCode, 1);
    assert.match(broken.stderr, /A line is no JSON/);
  });

  for (const codec of ['gzip', 'snappy', 'lz4', 'zstd']) {
    test(`batches of ${codec} are written, read, found by time and dumped`, async () => {
      const topic = `packed-${codec}`;
      const lines = Array.from({ length: 200 }, (_, i) =>
        JSON.stringify({ payload: `line number ${i}`, ts: 1000 + i }),
      );
      await done(['produce', topic, '--json', '-z', codec], `${lines.join('\n')}\n`);
      const read = (await done(['consume', topic, '--from-beginning', '-e'])).trimEnd().split('\n');
      assert.deepEqual(
        read,
        lines.map((_, i) => `line number ${i}`),
      );
      assert.equal(await done(['consume', topic, '--from-time', '1123', '-c', '1']), 'line number 123\n');
      const folder = join(broker.dataDirectory, `${topic}-0`);
      const log = join(folder, readdirSync(folder).find((name) => name.endsWith('.log')) ?? '');
      const dumped = await millrace(['dump-log', '--records', log]);
      assert.equal(dumped.exitCode, 0, dumped.stderr);
      assert.match(dumped.stdout, new RegExp(` ${codec}\\n`));
      assert.match(dumped.stdout, /"payload":"line number 199"/);
    });
  }

  test('a key leads to the same partition every time, and --partition to the one it names', async () => {
    await done(['topic', 'create', 'spread', '-p', '4']);
    const keys = Array.from({ length: 40 }, (_, index) => `key${index % 10}:${index}`);
    await done(['produce', 'spread', '-k', ':'], `${keys.join('\n')}\n`);
    const lines = (await done(['consume', 'spread', '--from-beginning', '-e', '--json'])).trim().split('\n');
    const homes = new Map<string, Set<number>>();
    for (const text of lines) {
      const { key, partition } = JSON.parse(text);
      homes.set(key, (homes.get(key) ?? new Set()).add(partition));
    }
    assert.equal(homes.size, 10);
    for (const partitions of homes.values()) assert.equal(partitions.size, 1);
    await done(['produce', 'spread', '-p', '3'], 'here\n');
    const there = await done(['consume', 'spread', '-p', '3', '--from-beginning', '-e']);
    assert.ok(there.endsWith('here\n'));
    assert.equal((await run(['produce', 'spread', '-p', '4'], 'x\n')).exitCode, 1);
    assert.equal((await run(['consume', 'spread', '-p', '4', '-e'])).exitCode, 1);
  });

  test('reading starts at a time', async () => {
    const at = (ts: number) => JSON.stringify({ payload: `at ${ts}`, ts });
    await done(['produce', 'timed', '--json'], [1000, 2000, 3000].map((ts) => `${at(ts)}\n`).join(''));
    assert.equal(await done(['consume', 'timed', '--from-time', '1500', '-e']), 'at 2000\nat 3000\n');
    assert.equal(await done(['consume', 'timed', '--from-time', '1970-01-01T00:00:02Z', '-c', '1']), 'at 2000\n');
    assert.equal(await done(['consume', 'timed', '--from-time', '2099-01-01', '-e']), '');
    assert.equal((await run(['consume', 'timed', '--from-time', 'soon', '-e'])).exitCode, 1);
    assert.equal((await run(['consume', 'timed', '--from-time', '-1h', '--from-beginning'])).exitCode, 1);
  });

  test('what is not there is an error', async () => {
    assert.match((await run(['consume', 'nowhere', '-e'])).stderr, /Topic nowhere: There is no such topic/);
    assert.equal((await run(['group', 'describe', 'nobody'])).exitCode, 1);
    assert.deepEqual(JSON.parse(await done(['group', 'list', '--json'])), []);
  });

  test('segments are printed, and damage ends with exit code 1', async () => {
    await done(['produce', 'dumped', '-k', ':'], 'k:v\n');
    const folder = join(broker.dataDirectory, 'dumped-0');
    const log = join(folder, readdirSync(folder).find((name) => name.endsWith('.log')) ?? '');
    const whole = await millrace(['dump-log', '--json', log]);
    assert.equal(whole.exitCode, 0, whole.stderr);
    const { baseOffset, lastOffset, bytes, valid } = JSON.parse(whole.stdout);
    assert.deepEqual([baseOffset, lastOffset, valid], [0, 0, true]);
    const deep = await millrace(['dump-log', '--records', log]);
    assert.match(deep.stdout, /"key":"k","payload":"v"/);
    await broker.stop();
    truncateSync(log, bytes - 1);
    const cut = await millrace(['dump-log', log]);
    assert.equal(cut.exitCode, 1);
    assert.match(cut.stderr, /cut off by the end of the file/);
    assert.equal((await millrace(['dump-log', join(folder, 'absent.log')])).exitCode, 1);
  });
});
