/** The command line without a broker: help, mistakes, and what is said when nobody listens. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import { suite, test } from 'node:test';
import { parseTime } from '../../src/cli/consume.js';
import { murmur2, partitionOfKey } from '../../src/cli/partitioner.js';
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
  ['dump-log'],
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

test('times are read in three ways', () => {
  assert.equal(parseTime('1234', 0), 1234);
  assert.equal(parseTime('1970-01-01T00:00:01Z', 0), 1000);
  assert.equal(parseTime('-10m', 1_000_000), 400_000);
  assert.equal(parseTime('-1d', 1000), 0);
  assert.throws(() => parseTime('soon', 0), { name: 'CliError' });
});
