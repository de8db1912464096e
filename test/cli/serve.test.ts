/** `serve` as a process: what it says when it starts, why it does not, and how it ends. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, suite, test } from 'node:test';
import { BrokerProcess, brokerIsBuilt, noBroker } from '../broker-process.js';
import { freePort } from '../free-port.js';
import { brokerEntry } from '../project-root.js';
import { removeTemporaryFolder, temporaryFolder } from '../temp-folder.js';

suite('serve', { skip: brokerIsBuilt ? false : noBroker }, () => {
  let folder: string;
  beforeEach(() => {
    folder = temporaryFolder('serve');
  });
  afterEach(() => removeTemporaryFolder(folder));

  const serve = (...args: readonly string[]) => {
    const flags = args.flatMap((arg) => (arg.includes('=') ? ['--override', arg] : [arg]));
    return spawnSync(process.execPath, [brokerEntry, 'serve', ...flags], { encoding: 'utf8', cwd: folder });
  };
  const refused = (outcome: ReturnType<typeof serve>, sentence: RegExp) => {
    assert.equal(outcome.status, 1, outcome.stderr);
    assert.equal(outcome.stdout, '');
    assert.match(outcome.stderr, sentence);
    assert.equal(outcome.stderr.trim().split('\n').length, 1, outcome.stderr);
  };

  test('says address, folder, shards, durability and a line to copy; ends cleanly at SIGTERM', async () => {
    const broker = await BrokerProcess.start({ dataDirectory: join(folder), overrides: { flush: 'never', shards: 2 } });
    const lines = broker.stdout.split('\n');
    assert.equal(lines[0], `Millrace is listening on ${broker.bootstrap}`);
    assert.ok(lines[1].endsWith(folder));
    assert.match(lines[2], /shards +2$/);
    assert.match(lines[3], /flush=never/);
    const copied = /try +(.*)$/.exec(lines[4])?.[1] ?? '';
    const sent = spawnSync('sh', ['-c', copied], { cwd: folder, encoding: 'utf8' });
    assert.equal(sent.status, 0, sent.stderr);
    await broker.stop();
    assert.ok(existsSync(join(folder, '.kafka_cleanshutdown')));
    assert.ok(existsSync(join(folder, 'hello-0')));
  });

  test('a taken port: one sentence, nothing touched', async () => {
    const other = createServer();
    const port = await new Promise<number>((resolve) => {
      other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port));
    });
    refused(serve(`listeners=PLAINTEXT://127.0.0.1:${port}`, `log.dirs=${folder}/data`), /another program listens/);
    other.close();
    assert.deepEqual(readdirSync(folder), []);
  });

  test('a folder that another broker holds', async () => {
    const broker = await BrokerProcess.start();
    const listener = `listeners=PLAINTEXT://127.0.0.1:${await freePort()}`;
    refused(serve(listener, `log.dirs=${broker.dataDirectory}`), /is in use by process \d+/);
    await broker.stop();
  });

  test('a folder that is none, or is of a newer version, or of Kafka', async () => {
    const listener = `listeners=PLAINTEXT://127.0.0.1:${await freePort()}`;
    writeFileSync(join(folder, 'file'), '');
    refused(serve(listener, `log.dirs=${folder}/file`), /is not a folder/);
    const broker = await BrokerProcess.start({ dataDirectory: folder });
    await broker.stop();
    writeFileSync(join(folder, 'millrace.properties'), 'version=999\n');
    const before = readdirSync(folder);
    assert.equal(serve(listener, `log.dirs=${folder}`).status, 1);
    assert.deepEqual(readdirSync(folder), before);
  });

  test('a bad setting names file, line and bound', () => {
    const file = join(folder, 'server.properties');
    writeFileSync(file, '# mine\nnum.partitions=none\n');
    refused(serve('--config', file), /server\.properties:2: num\.partitions must be a whole number of at least 1/);
  });
});
