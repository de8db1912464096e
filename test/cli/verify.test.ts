/** `verify` tells what the power took from what has rotted, and misses a list of damaged ranges that is gone; on folders of real brokers. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { KafkaClient } from '../../src/cli/client.js';
import { fetch } from '../../src/protocol/messages/01-fetch.js';
import { iterateBatches } from '../../src/record/record.js';
import { baseOffsetOf } from '../../src/record/record-batch.js';
import { BrokerProcess, brokerIsBuilt, noBroker, type Overrides } from '../broker-process.js';
import { removeTemporaryFolder, temporaryFolder } from '../temp-folder.js';
import { millrace } from './command-line.js';

const SECTOR_BYTES = 512;
const VALUE_BYTES = 4 * SECTOR_BYTES;
const BATCHES = 6;
/** Of a batch: where its length lies, and what in front of it does not count. */
const LENGTH_AT = 8;
const LENGTH_FROM = 12;

async function done(args: readonly string[], input?: string): Promise<string> {
  const { exitCode, stdout, stderr } = await millrace(args, input);
  assert.equal(exitCode, 0, `${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

const textAt = (offset: number): string => `${offset}`.padEnd(VALUE_BYTES, 'v');

async function started(t: TestContext, dataDirectory: string, overrides: Overrides): Promise<BrokerProcess> {
  const broker = await BrokerProcess.start({ dataDirectory, overrides });
  t.after(() => broker.dispose());
  return broker;
}

/** A broker that was killed, with a batch of one record at each offset: its folder, and the log's only file. */
async function killed(t: TestContext, overrides: Overrides): Promise<{ folder: string; path: string }> {
  const folder = temporaryFolder('verify');
  t.after(() => removeTemporaryFolder(folder));
  const broker = await started(t, folder, overrides);
  await done(['topic', 'create', 'logs', '-b', broker.bootstrap]);
  for (let offset = 0; offset < BATCHES; offset++) {
    await done(['produce', 'logs', '-b', broker.bootstrap], `${textAt(offset)}\n`);
  }
  await broker.kill9();
  return { folder, path: join(folder, 'logs-0', '00000000000000000000.log') };
}

/** Where the batch at `offset` begins, and where the next one does. */
function batchAt(bytes: Buffer, offset: number): [number, number] {
  let from = 0;
  for (let i = 0; i < offset; i++) from += LENGTH_FROM + bytes.readInt32BE(from + LENGTH_AT);
  return [from, from + LENGTH_FROM + bytes.readInt32BE(from + LENGTH_AT)];
}

function change(path: string, how: (bytes: Buffer) => void): void {
  const bytes = readFileSync(path);
  how(bytes);
  writeFileSync(path, bytes);
}

/** Of what was written there, two whole sectors never came to the disk. */
function makeHole(path: string, offset: number): void {
  change(path, (bytes) => {
    const from = Math.ceil(batchAt(bytes, offset)[0] / SECTOR_BYTES) * SECTOR_BYTES;
    bytes.fill(0, from, from + 2 * SECTOR_BYTES);
  });
}

function rot(path: string, offset: number): void {
  change(path, (bytes) => {
    bytes[batchAt(bytes, offset)[1] - 3] ^= 8;
  });
}

/** The base offsets of the batches that a large fetch is answered with, or its error. */
async function readAt(broker: BrokerProcess, fetchOffset: number): Promise<readonly number[] | string> {
  const client = await KafkaClient.connect(broker.bootstrap);
  const bytesMax = 1024 * 1024;
  const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: bytesMax }];
  const topics = [{ topic: 'logs', partitions }];
  const request = { replicaId: -1, maxWaitMs: 0, minBytes: 0, maxBytes: bytesMax, isolationLevel: 0, sessionId: 0 };
  const { responses } = await client.request(
    fetch,
    { ...request, sessionEpoch: -1, topics, forgottenTopicsData: [] },
    { versionMax: 12 },
  );
  client.close();
  const [{ errorCode, records }] = responses[0].partitions;
  if (errorCode !== 'NONE') return errorCode;
  return [...iterateBatches(records ?? Buffer.alloc(0))].map((batch) => baseOffsetOf(batch, 0));
}

suite('verify', { skip: brokerIsBuilt ? false : noBroker }, () => {
  for (const flush of ['never', 'interval']) {
    test(`a hole that the power left with flush=${flush} is told as that, and is what the start says`, async (t) => {
      const { folder, path } = await killed(t, { flush });
      makeHole(path, 3);
      const { exitCode, stdout } = await millrace(['verify', folder]);
      assert.equal(exitCode, 3, stdout);
      assert.match(
        stdout,
        /logs-0\/0+\.log: bytes \d+ to \d+ were never written.*not all of offsets 3 to 5 .*ends the log at offset 3/,
      );
      assert.match(stdout, /nothing that was flushed is lost\n$/);
      const [inJson] = JSON.parse((await millrace(['verify', folder, '--json'])).stdout).folders;
      assert.deepEqual([inJson.lost, inJson.unflushed.length, inJson.unflushed[0].startOffset], [[], 1, 3]);
      assert.match(await done(['repair', folder, '--accept-loss']), /nothing that was flushed is lost/);

      const broker = await started(t, folder, { flush });
      assert.match(broker.stdout + broker.stderr, /The power went before this was written/);
      const read = await done(['consume', 'logs', '--from-beginning', '--exit', '-b', broker.bootstrap]);
      assert.equal(read, [0, 1, 2].map((offset) => `${textAt(offset)}\n`).join(''));
      await broker.stop();
      assert.match(await done(['verify', folder]), /: nothing is lost\n$/);
    });
  }

  test('bytes that are not zeros, and what was flushed, are lost all the same', async (t) => {
    const { folder, path } = await killed(t, { flush: 'never' });
    rot(path, 3);
    const unflushed = await millrace(['verify', folder]);
    assert.equal(unflushed.exitCode, 2, unflushed.stdout);
    assert.match(unflushed.stdout, /are damaged: offsets 3 to 3 /);
    rot(path, 3);
    const broker = await started(t, folder, { flush: 'never' });
    await broker.stop();
    makeHole(path, 3);
    const flushed = await millrace(['verify', folder]);
    assert.equal(flushed.exitCode, 2, flushed.stdout);
    assert.match(flushed.stdout, /are damaged: offsets 3 to 3 .*\n(.*\n)*.*: 1 range is lost/);
  });

  test('a list of damaged ranges that is gone is missed by verify and by the start: nothing wrong is served', async (t) => {
    const { folder, path } = await killed(t, { flush: 'never' });
    // Its header is sound: whoever does not know hands it on.
    rot(path, 3);
    const first = await started(t, folder, {});
    await first.stop();
    const list = join(folder, 'logs-0', 'damaged-ranges');
    const written = readFileSync(list, 'utf8');
    rmSync(list);
    const { exitCode, stdout } = await millrace(['verify', folder]);
    assert.equal(exitCode, 2, stdout);
    assert.match(stdout, /logs-0\/damaged-ranges: is gone or cannot be read: all of the log is checked/);

    const broker = await started(t, folder, {});
    assert.match(broker.stdout + broker.stderr, /list of damaged ranges is gone/);
    assert.ok(existsSync(list));
    assert.equal(readFileSync(list, 'utf8'), written);
    const asked = [0, 1, 2, 3, 4, 5].map((offset) => readAt(broker, offset));
    assert.deepEqual(await Promise.all(asked), [[0, 1, 2], [1, 2], [2], 'CORRUPT_MESSAGE', [4, 5], [5]]);
    await broker.stop();
  });
});
