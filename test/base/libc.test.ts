/** The system calls behind base/libc: each does what it says, in worker threads too, and says plainly when it cannot. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, fdatasyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import * as libc from '../../src/base/libc.js';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'libc-'));
});
after(() => rmSync(folder, { recursive: true }));

function lacks(t: { skip(reason: string): void }, call: keyof libc.Available): boolean {
  if (libc.available[call]) return false;
  t.skip(libc.missing());
  return true;
}

test('what is missing is a sentence, and on an ordinary Linux with koffi nothing is', () => {
  const everything = Object.values(libc.available).every(Boolean);
  assert.equal(libc.missing() === '', everything);
  if (process.platform === 'linux' && process.arch === 'x64' && koffiIsInstalled()) assert.equal(libc.missing(), '');
});

function koffiIsInstalled(): boolean {
  try {
    createRequire(import.meta.url)('koffi');
    return true;
  } catch {
    return false; // an optional dependency may be left out
  }
}

test('send and sendfile move bytes to a socket, and answer 0 at the end and an errno on a bad descriptor', async (t) => {
  if (lacks(t, 'sendfile') || lacks(t, 'send')) return;
  const path = join(folder, 'sent');
  writeFileSync(path, 'the quick brown fox');
  const fd = openSync(path, 'r');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const socket = await new Promise<import('node:net').Socket>((resolve) => server.once('connection', resolve));
  const socketFd = (socket as unknown as { _handle: { fd: number } })._handle.fd;
  assert.equal(libc.sendfile(socketFd, fd, 4, 11), 11);
  assert.equal(libc.sendfile(socketFd, fd, 19, 5), 0);
  assert.equal(libc.sendfile(socketFd, fd, 2 ** 33 + 5, 5), 0);
  assert.ok(libc.sendfile(socketFd, -1, 0, 5) < 0);
  assert.equal(libc.send(socketFd, Buffer.from('xx jumps').subarray(2), 3), 3);
  assert.equal(libc.send(fd, Buffer.from('x'), 1), -88); // ENOTSOCK
  assert.equal(libc.setSendBuffer(socketFd, 102_400), 0);
  assert.equal(libc.setSendBuffer(fd, 102_400), -88); // ENOTSOCK
  assert.equal(libc.setCongestionControl(socketFd, 'reno'), 0);
  assert.equal(libc.setCongestionControl(fd, 'reno'), -88); // ENOTSOCK
  socket.end();
  const received: Buffer[] = [];
  for await (const chunk of client) received.push(chunk as Buffer);
  assert.equal(Buffer.concat(received).toString(), 'quick brown ju');
  closeSync(fd);
  await new Promise((resolve) => server.close(resolve));
});

test('syncfs answers 0 for a folder and an errno for nothing', (t) => {
  if (lacks(t, 'syncfs')) return;
  const fd = openSync(folder, 'r');
  assert.equal(libc.syncfs(fd), 0);
  closeSync(fd);
  assert.equal(libc.syncfs(-1), -9); // EBADF
});

test('a range is cached after it was written, and dropping it from the cache is answered', (t) => {
  if (lacks(t, 'preadNoWait') || lacks(t, 'fadvise')) return;
  const path = join(folder, 'cached');
  writeFileSync(path, Buffer.alloc(1 << 20, 7));
  const fd = openSync(path, 'r+');
  assert.equal(libc.isCached(fd, 0, 1 << 20), true);
  assert.equal(libc.isCached(fd, 5 << 20, 10), true);
  assert.equal(libc.isCached(fd, 0, 0), true);
  fdatasyncSync(fd);
  assert.equal(libc.fadviseDontNeed(fd, 0, 0), 0);
  // A file system in memory keeps its pages whatever is asked, so only the disk ones are asked about.
  const inMemory = readFileSync('/proc/mounts', 'utf8').includes(` ${tmpdir()} tmpfs`);
  if (!inMemory) assert.equal(libc.isCached(fd, 0, 1 << 20), false);
  assert.equal(libc.fadviseWillNeed(fd, 0, 1 << 20), 0);
  readFileSync(path);
  assert.equal(libc.isCached(fd, 0, 1 << 20), true);
  closeSync(fd);
});

test('a locked file is busy for another process', (t) => {
  if (lacks(t, 'lock')) return;
  const path = join(folder, '.lock');
  const fd = openSync(path, 'a+');
  assert.equal(libc.lockFile(fd), 'locked');
  const module = new URL('../../src/base/libc.js', import.meta.url).href;
  const script = `import { openSync } from 'node:fs'; import { lockFile } from ${JSON.stringify(module)};
    console.log(lockFile(openSync(${JSON.stringify(path)}, 'a+')));`;
  const ask = () =>
    spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }).stdout.trim();
  assert.equal(ask(), 'busy');
  closeSync(fd);
  assert.equal(ask(), 'locked');
});

test('works in a worker thread', async (t) => {
  if (lacks(t, 'syncfs')) return;
  const module = new URL('../../src/base/libc.js', import.meta.url).href;
  const script = `const { parentPort } = require('node:worker_threads'); const fs = require('node:fs');
    import(${JSON.stringify(module)}).then((libc) => {
      const fd = fs.openSync(${JSON.stringify(folder)}, 'r');
      parentPort.postMessage([{ ...libc.available }, libc.syncfs(fd), libc.syncfs(-1)]);
    });`;
  const workers = [new Worker(script, { eval: true }), new Worker(script, { eval: true })];
  // Both are listened to from the start: an answer that nobody hears is lost.
  const answers = workers.map(
    (worker) => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject)),
  );
  for (const answer of await Promise.all(answers)) assert.deepEqual(answer, [{ ...libc.available }, 0, -9]);
});

test('without koffi everything is unavailable and said so', () => {
  const module = new URL('../../src/base/libc.js', import.meta.url).href;
  const script = `import * as libc from ${JSON.stringify(module)};
    console.log(JSON.stringify([libc.available, libc.missing(), libc.lockFile(0)]));`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    env: { ...process.env, MILLRACE_NO_KOFFI: '1' },
  });
  const [available, missing, lock] = JSON.parse(run.stdout) as [Record<string, boolean>, string, string];
  assert.ok(Object.values(available).every((is) => !is));
  assert.match(missing, /MILLRACE_NO_KOFFI|Linux only|only, this is/);
  assert.equal(lock, 'unavailable');
});
