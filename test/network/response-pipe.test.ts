/** Replies with file ranges: the same bytes by sendfile and by copying, in order, and slow readers that hold ranges, not memory. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { available, missing } from '../../src/base/libc.js';
import type { Reply } from '../../src/network/dispatch.js';
import type { ReplyPiece } from '../../src/protocol/wire.js';
import { fc } from '../property.js';
import { frame, TestNode, turns } from './node.js';

const MiB = 1024 * 1024;
const FILE_BYTES = 8 * MiB;
let folder: string;
let path: string;
let content: Buffer;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'pipe-'));
  path = join(folder, '00000000000000000000.log');
  content = Buffer.allocUnsafe(FILE_BYTES);
  randomFillSync(content);
  writeFileSync(path, content);
});
after(() => rmSync(folder, { recursive: true }));

function reply(pieces: readonly ReplyPiece[]): Reply {
  const prefix = Buffer.alloc(4);
  prefix.writeInt32BE(pieces.reduce((sum, piece) => sum + piece.length, 0));
  return [prefix, ...pieces];
}

function bytesOf(pieces: readonly ReplyPiece[]): Buffer {
  return Buffer.concat(
    pieces.map((piece) =>
      !('path' in piece) ? piece : content.subarray(piece.position, piece.position + piece.length),
    ),
  );
}

const piece = fc.oneof(
  fc.integer({ min: 0, max: 500 }).map((length) => Buffer.alloc(length, length)),
  fc.integer({ min: 10_000, max: 100_000 }).map((length) => Buffer.alloc(length, length)),
  fc
    .tuple(fc.nat(FILE_BYTES - 100), fc.oneof(fc.nat(300), fc.nat(20_000), fc.nat(3 * MiB)))
    .map(([position, length]) => ({ path, position, length: Math.min(length, FILE_BYTES - position) })),
);

test('whatever a reply is made of, its bytes arrive in order', async () => {
  let replies: Reply[] = [];
  let inTurn = false;
  const dispatch = () => {
    const next = replies.shift() as Reply;
    return inTurn ? Promise.resolve(next) : next;
  };
  await TestNode.run(dispatch, {}, async (node) => {
    const run = fc.asyncProperty(
      fc.array(fc.array(piece, { maxLength: 8 }), { minLength: 1, maxLength: 6 }),
      fc.boolean(),
      fc.boolean(),
      async (given, asynchronously, slowly) => {
        replies = given.map(reply);
        inTurn = asynchronously;
        const client = await node.client();
        if (slowly) client.socket.pause();
        client.socket.write(Buffer.concat(given.map(() => frame('next'))));
        if (slowly) {
          await turns(5);
          client.socket.resume();
        }
        for (const pieces of given) assert.ok((await client.frame())?.equals(bytesOf(pieces)));
        client.socket.destroy();
      },
    );
    await fc.assert(run, { numRuns: 60 });
    while (node.server.connectionCount > 0) await turns(1);
    assert.equal(node.files.open, 0);
  });
});

test('a slow reader of 50 MiB holds ranges, not memory', async () => {
  const range = { path, position: 0, length: FILE_BYTES };
  const dispatch = () => reply(Array.from({ length: 7 }, () => range));
  await TestNode.run(dispatch, {}, async (node) => {
    const client = await node.client();
    client.socket.pause();
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 100; i++) client.socket.write(frame('all of it'));
    await turns(100);
    const held = process.memoryUsage().arrayBuffers - before;
    assert.ok(held < 4 * MiB, `${held} bytes held for a client that does not read`);
    assert.equal(node.files.open, 1);
    client.socket.resume();
    const got = createHash('sha1')
      .update((await client.frame()) as Buffer)
      .digest('hex');
    const expected = createHash('sha1');
    for (let i = 0; i < 7; i++) expected.update(content);
    assert.equal(got, expected.digest('hex'));
    client.socket.destroy();
    while (node.server.connectionCount > 0) await turns(1);
    assert.equal(node.files.open, 0);
  });
});

test('many readers at once get what they asked for', async () => {
  const range = { path, position: 1, length: 5 * MiB };
  await TestNode.run(
    () => reply([range]),
    {},
    async (node) => {
      const clients = await Promise.all(Array.from({ length: 12 }, () => node.client()));
      for (const client of clients) client.socket.write(frame('go'));
      for (const client of clients) assert.ok((await client.frame())?.equals(bytesOf([range])));
    },
  );
});

test('a file that is gone, or too short, closes the connection with a line in the log', async () => {
  const short = join(folder, 'short.log');
  writeFileSync(short, Buffer.alloc(100_000));
  truncateSync(short, 60_000);
  for (const [range, sentence] of [
    [{ path: join(folder, 'gone.log'), position: 0, length: 100_000 }, /ENOENT.*gone\.log/],
    [
      { path: short, position: 0, length: 100_000 },
      /short\.log ends at byte 60000, before the reply that ends at 100000/,
    ],
    [{ path: short, position: 59_990, length: 100 }, /short\.log ends at byte 60000/],
  ] as const) {
    await TestNode.run(
      () => reply([range]),
      {},
      async (node) => {
        const client = await node.client();
        client.socket.write(frame('go'));
        assert.equal(await client.frame(), null);
        assert.equal((await node.logger.line(sentence)).level, 'warn');
        assert.equal(node.files.open, 0);
      },
    );
  }
});

test('a client that goes away in the middle of a range gives its file back', async () => {
  const range = { path, position: 0, length: FILE_BYTES };
  await TestNode.run(
    () => reply(Array.from({ length: 10 }, () => range)),
    {},
    async (node) => {
      for (let i = 0; i < 10; i++) {
        const client = await node.client();
        client.socket.once('data', () => client.socket.resetAndDestroy());
        client.socket.write(frame('go'));
        await client.closed();
      }
      while (node.server.connectionCount > 0) await turns(1);
      assert.equal(node.files.open, 0);
      assert.deepEqual(
        node.logger.lines.filter(({ level }) => level === 'error'),
        [],
      );
    },
  );
});

test('the copy path passes the same tests', (t) => {
  if (!available.sendfile) return t.skip(`it is the only path here: ${missing()}`);
  const run = spawnSync(process.execPath, ['--test-reporter=tap', fileURLToPath(import.meta.url)], {
    encoding: 'utf8',
    env: { ...process.env, MILLRACE_NO_KOFFI: '1', NODE_TEST_CONTEXT: undefined },
  });
  assert.equal(run.status, 0, run.stdout);
  assert.match(run.stdout, /# pass 6/);
});

test('a range that waits keeps its file, whatever comes to stand under its name', async () => {
  const log = join(folder, 'replaced.log');
  writeFileSync(log, Buffer.alloc(400_000, 'old'));
  const large = { path, position: 0, length: FILE_BYTES };
  const replies = [reply([large]), reply([{ path: log, position: 0, length: 400_000 }])];
  await TestNode.run(
    () => replies.shift() ?? reply([]),
    {},
    async (node) => {
      const client = await node.client();
      client.socket.pause();
      client.socket.write(frame('first'));
      client.socket.write(frame('second'));
      await turns(50);
      renameSync(log, `${log}.gone`);
      writeFileSync(log, Buffer.alloc(400_000, 'new'));
      client.socket.resume();
      assert.equal((await client.frame())?.length, FILE_BYTES);
      assert.ok((await client.frame())?.equals(Buffer.alloc(400_000, 'old')));
    },
  );
});
