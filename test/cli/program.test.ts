/** The command line without a broker: help, mistakes, and what is said when nobody listens. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import { suite, test } from 'node:test';
import { offsetsFromCsv, offsetsToCsv } from '../../src/cli/offsets-csv.js';
import { murmur2, partitionOfKey } from '../../src/cli/partitioner.js';
import { parseDuration, parseTime } from '../../src/cli/time.js';
import { freePort } from '../free-port.js';
import { brokerEntry } from '../project-root.js';
import { millrace } from './command-line.js';

const verbs = [
  ['serve'],
  ['topic'],
  ['topic', 'create'],
  ['topic', 'list'],
  ['topic', 'describe'],
  ['topic', 'delete'],
  ['topic', 'alter'],
  ['produce'],
  ['consume'],
  ['group'],
  ['group', 'list'],
  ['group', 'describe'],
  ['group', 'reset'],
  ['group', 'delete'],
  ['group', 'delete-offsets'],
  ['disk'],
  ['dump-log'],
  ['verify'],
  ['repair'],
];

suite('help', () => {
  for (const verb of [[], ...verbs]) {
    test(`millrace ${verb.join(' ')} --help shows three examples within 110 columns`, async () => {
      const { exitCode, stdout } = await millrace([...verb, '--help']);
      assert.equal(exitCode, 0);
      assert.equal(stdout.split('\n').filter((line) => line.startsWith('  $ ')).length, 3);
      const wide = stdout.split('\n').filter((line) => line.length > 110);
      assert.deepEqual(wide, []);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is looked for.
      assert.doesNotMatch(stdout, /\x1b\[/);
    });
  }

  test('the process itself answers, with the version of the package', () => {
    const { stdout, status } = spawnSync(process.execPath, [brokerEntry, '--version'], { encoding: 'utf8' });
    assert.equal(status, 0);
    assert.match(stdout, /^\d+\.\d+\.\d+/);
  });
});

suite('mistakes', () => {
  const mistakes: Record<string, string[]> = {
    'no verb': [],
    'an unknown verb': ['fly'],
    'an unknown flag': ['topic', 'list', '--fast'],
    'a missing name': ['topic', 'create'],
    'no number': ['topic', 'create', 'x', '-p', 'many'],
    'a setting without a value': ['topic', 'create', 'x', '--config', 'retention.ms'],
    'a state that does not exist': ['group', 'list', '--state', 'Stable,Happy'],
    'a group and all groups': ['group', 'delete', 'one', '--all-groups'],
    'nowhere to reset to': ['group', 'reset', 'one', '--all-topics'],
    'two places to reset to': ['group', 'reset', 'one', '--all-topics', '--to-latest', '--shift-by', '-1'],
    'a plan that is to be done': ['group', 'reset', 'one', '--all-topics', '--to-latest', '--dry-run', '--execute'],
    'offsets of no topic': ['group', 'delete-offsets', 'one'],
    'acks that do not exist': ['produce', 'x', '--acks', '2'],
    'a bad setting': ['serve', '-o', 'flush=sometimes'],
    'no such file': ['serve', '-c', '/does/not/exist'],
  };
  for (const [name, args] of Object.entries(mistakes)) {
    test(`${name} ends with exit code 1 and words on stderr`, async () => {
      const { exitCode, stdout, stderr } = await millrace(args);
      assert.equal(exitCode, 1);
      assert.equal(stdout, '');
      assert.notEqual(stderr, '');
      assert.doesNotMatch(stderr, /Nobody listens/);
    });
  }

  test('nobody listens: the sentence says where', async () => {
    const port = await freePort();
    const { exitCode, stderr } = await millrace(['topic', 'list', '-b', `127.0.0.1:${port}`]);
    assert.equal(exitCode, 1);
    assert.match(stderr, new RegExp(`^Nobody listens on 127\\.0\\.0\\.1:${port}\\.`));
  });

  const talksBack = (bytes: Buffer | null): Promise<{ server: Server; port: number }> => {
    return new Promise((resolve) => {
      const server = createServer((socket) => {
        socket.on('error', () => socket.destroy());
        socket.once('data', () => (bytes === null ? socket.destroy() : socket.end(bytes)));
      });
      server.listen(0, '127.0.0.1', () => resolve({ server, port: (server.address() as { port: number }).port }));
    });
  };

  test('somebody else listens: no hang, no stack', async () => {
    for (const bytes of [
      null,
      Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
      Buffer.from([0, 0, 0, 4, 9, 9, 9, 9]),
    ]) {
      const { server, port } = await talksBack(bytes);
      const { exitCode, stderr } = await millrace(['topic', 'list', '-b', `127.0.0.1:${port}`]);
      server.close();
      assert.equal(exitCode, 1);
      assert.match(
        stderr,
        new RegExp(`127\\.0\\.0\\.1:${port} (closed the connection|answers what is not Kafka's protocol)`),
      );
    }
  });
});

test('keys are placed as the Java client places them', () => {
  const known: Record<string, number> = {
    '21': -973_932_308,
    foobar: -790_332_482,
    'a-little-bit-long-string': -985_981_536,
    'a-little-bit-longer-string': -1_486_304_829,
    lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58_897_971,
    abc: 479_470_107,
  };
  for (const [text, hash] of Object.entries(known)) assert.equal(murmur2(Buffer.from(text)), hash, text);
  assert.equal(partitionOfKey(Buffer.from('21'), 7), (-973_932_308 & 0x7fffffff) % 7);
});

test('times are read in three ways, and without a zone they are UTC', () => {
  assert.equal(parseTime('1234', 0), 1234);
  assert.equal(parseTime('1970-01-01T00:00:01Z', 0), 1000);
  assert.equal(parseTime('1970-01-01T00:00:01.500', 0), 1500);
  for (const zone of ['+01:00', '+0100', '+01']) assert.equal(parseTime(`1970-01-01T01:00${zone}`, 0), 0);
  assert.equal(parseTime('1970-01-01 00:00:00.007-02', 0), 7_200_007);
  assert.equal(parseTime('1970-01-02', 0), 86_400_000);
  assert.equal(parseTime('-10m', 1_000_000), 400_000);
  assert.equal(parseTime('-1d', 1000), 0);
  for (const text of ['soon', 'may 1', '1970-13-01', '1970-01-01T25:00', '1970-01-01+01', '01.02.2026', '']) {
    assert.throws(() => parseTime(text, 0), { name: 'CliError' }, text);
  }
});

test('durations are read as ISO 8601 has them, and as numbers with a unit', () => {
  assert.equal(parseDuration('PT0S'), 0);
  assert.equal(parseDuration('P1DT2H3M4.5S'), 93_784_500);
  assert.equal(parseDuration('pt90m'), 5_400_000);
  assert.equal(parseDuration('P2D'), 172_800_000);
  assert.equal(parseDuration('90m'), 5_400_000);
  for (const text of ['', 'P', 'PT', 'P1DT', 'P1Y', '1h30m', '-PT1H', 'PT1H30']) {
    assert.throws(() => parseDuration(text), { name: 'CliError' }, text);
  }
});

test('offsets go into CSV and come back', () => {
  const offsets = [
    { groupId: 'plain', topic: 'logs', partition: 0, offset: 0 },
    { groupId: 'a "quoted", group\nof two lines', topic: 'logs', partition: 11, offset: 2 ** 40 },
  ];
  assert.deepEqual(offsetsFromCsv(offsetsToCsv(offsets)), offsets);
  const ofNobody = offsets.map((offset) => ({ ...offset, groupId: null }));
  assert.equal(offsetsToCsv(ofNobody), `logs,0,0\nlogs,11,${2 ** 40}\n`);
  assert.deepEqual(offsetsFromCsv(offsetsToCsv(ofNobody)), ofNobody);
  assert.deepEqual(offsetsFromCsv('"logs",0,1\r\n\r\nlogs,1,2'), [
    { groupId: null, topic: 'logs', partition: 0, offset: 1 },
    { groupId: null, topic: 'logs', partition: 1, offset: 2 },
  ]);
  for (const text of ['logs,0', 'logs,0,-1', 'logs,x,1', 'g,logs,0,1,2', 'logs,0,', '"logs,0,1', 'lo"gs",0,1']) {
    assert.throws(() => offsetsFromCsv(text), { name: 'CliError' }, text);
  }
});
