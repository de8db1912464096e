/** Connections: requests cut wherever reads end, replies in the order of the requests, bounds that hold, closing for a reason. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import { test } from 'node:test';
import { available, missing } from '../../src/base/libc.js';
import type { Reply } from '../../src/network/dispatch.js';
import { fc } from '../property.js';
import { echo, frame, TestNode, turns } from './node.js';

test('pipelined requests are answered in order', async () => {
  await TestNode.run(echo, {}, async (node) => {
    const client = await node.client();
    const sent = Array.from({ length: 1000 }, (_, i) => frame(`request ${i}`));
    client.socket.write(Buffer.concat(sent));
    for (let i = 0; i < sent.length; i++) assert.equal((await client.frame())?.toString(), `request ${i}`);
  });
});

test('what is sent to an address of this machine is not paced, whatever the machine is set to', async (t) => {
  if (!available.setsockopt) return t.skip(missing());
  await TestNode.run(echo, {}, async (node) => {
    const client = await node.client();
    client.socket.write(frame('hello'));
    await client.frame();
    const { stdout } = spawnSync('ss', ['-tinH', `dport = :${client.socket.localPort}`], { encoding: 'utf8' });
    if (!stdout) return t.skip('ss, which tells what a socket is set to, is not there');
    assert.match(stdout, /\breno\b/);
  });
});

test('replies leave in the order of the requests, whatever order they are made in', async () => {
  const asked: ((reply: Reply | null) => void)[] = [];
  const dispatch = (buffer: Buffer, start: number, end: number) => {
    const body = buffer.toString('latin1', start, end);
    if (body === 'now') return [frame('now')];
    if (body === 'never') return null;
    return new Promise<Reply | null>((resolve) => asked.push((reply) => resolve(reply && [frame(body)])));
  };
  await TestNode.run(dispatch, {}, async (node) => {
    const client = await node.client();
    client.socket.write(Buffer.concat(['a', 'now', 'never', 'b', 'c', 'now', 'd'].map(frame)));
    while (asked.length < 4) await turns(1);
    asked[3]([]);
    asked[1]([]);
    await turns();
    asked[0]([]);
    assert.equal(String(await client.frame()), 'a');
    assert.equal(String(await client.frame()), 'now');
    assert.equal(String(await client.frame()), 'b');
    asked[2](null);
    assert.equal(String(await client.frame()), 'now');
    assert.equal(String(await client.frame()), 'd');
  });
});

test('requests cut at every byte arrive whole', async () => {
  await TestNode.run(echo, {}, async (node) => {
    const bytes = Buffer.concat([frame('one'), frame('two, longer'), frame('x')]);
    for (let cut = 1; cut < bytes.length; cut++) {
      const client = await node.client();
      client.socket.write(bytes.subarray(0, cut));
      await turns(3);
      client.socket.write(bytes.subarray(cut));
      assert.equal(String(await client.frame()), 'one');
      assert.equal(String(await client.frame()), 'two, longer');
      assert.equal(String(await client.frame()), 'x');
      client.socket.destroy();
    }
  });
});

test('a request that comes byte by byte is answered', async () => {
  await TestNode.run(echo, {}, async (node) => {
    const client = await node.client();
    for (const byte of frame('slowly does it')) {
      client.socket.write(Buffer.of(byte));
      await turns(1);
    }
    assert.equal(String(await client.frame()), 'slowly does it');
  });
});

test('bytes are not read again after they were handed on, however reads and requests fall', async () => {
  const poison = (buffer: Buffer, start: number, end: number) => {
    const reply = [frame(Buffer.from(buffer.subarray(start, end)))];
    // As the next read would: whatever still looks at these bytes sees it.
    buffer.fill(0xdb, start - 4, end);
    return start % 2 === 0 ? reply : Promise.resolve(reply);
  };
  await TestNode.run(poison, {}, async (node) => {
    const run = fc.asyncProperty(
      fc.array(fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 10_000, max: 600_000 })), {
        minLength: 1,
        maxLength: 12,
      }),
      fc.array(fc.integer({ min: 1, max: 300_000 }), { minLength: 1, maxLength: 10 }),
      fc.nat(255),
      async (sizes, cuts, seed) => {
        const client = await node.client();
        const bodies = sizes.map((size, i) => {
          const body = Buffer.alloc(size);
          for (let at = 0; at < size; at++) body[at] = (at * 31 + seed + i) & 0xff;
          return body;
        });
        const bytes = Buffer.concat(bodies.map(frame));
        const writing = (async () => {
          let at = 0;
          for (let i = 0; at < bytes.length; i++) {
            const stop = at + cuts[i % cuts.length];
            if (!client.socket.write(bytes.subarray(at, stop))) await turns(1);
            at = stop;
            if (i % 3 === 0) await turns(1);
          }
        })();
        for (const body of bodies) assert.ok((await client.frame())?.equals(body));
        await writing;
        client.socket.destroy();
      },
    );
    await fc.assert(run, { numRuns: 40 });
  });
});

for (const [length, sentence] of [
  [-1, /announces -1 bytes/],
  [-(2 ** 31), /announces -2147483648 bytes/],
  [2 ** 31 - 1, /announces 2147483647 bytes, and at most 1000 are read/],
  [1001, /announces 1001 bytes, and at most 1000 are read/],
] as const) {
  test(`a length of ${length} closes that connection, with a line in the log, and no other`, async () => {
    await TestNode.run(echo, { frameBytesMax: 1000 }, async (node) => {
      const other = await node.client();
      const client = await node.client();
      const prefix = Buffer.alloc(4);
      prefix.writeInt32BE(length);
      client.socket.write(Buffer.concat([frame('before'), prefix]));
      assert.equal(await client.frame(), null);
      assert.equal((await node.logger.line(sentence)).level, 'warn');
      other.socket.write(frame('still here'));
      assert.equal(String(await other.frame()), 'still here');
    });
  });
}

for (const length of [0, 1, 3, 1000]) {
  test(`a length of ${length} is a request like any other`, async () => {
    await TestNode.run(echo, { frameBytesMax: 1000 }, async (node) => {
      const client = await node.client();
      client.socket.write(frame(Buffer.alloc(length, 1)));
      assert.equal((await client.frame())?.length, length);
    });
  });
}

test('what is announced is not allocated: memory grows with what arrives', async () => {
  await TestNode.run(echo, {}, async (node) => {
    const before = process.memoryUsage();
    for (let i = 0; i < 200; i++) {
      const client = await node.client();
      const start = Buffer.alloc(100);
      start.writeInt32BE(100 * 1024 * 1024);
      client.socket.write(start);
    }
    await turns(50);
    const after = process.memoryUsage();
    assert.equal(node.server.connectionCount, 200);
    assert.ok(
      after.arrayBuffers - before.arrayBuffers < 32 * 1024 * 1024,
      `${after.arrayBuffers - before.arrayBuffers}`,
    );
  });
});

test('a client that closes its side is still sent what it asked for', async () => {
  const answers: (() => void)[] = [];
  const dispatch = () => new Promise<Reply>((resolve) => answers.push(() => resolve([frame('late')])));
  await TestNode.run(dispatch, {}, async (node) => {
    const client = await node.client();
    client.socket.end(frame('?'));
    while (answers.length === 0) await turns(1);
    await turns();
    answers[0]();
    assert.equal(String(await client.frame()), 'late');
    assert.equal(await client.frame(), null);
    await node.logger.line(/the client closed it/);
    assert.equal(node.server.connectionCount, 0);
  });
});

test('a client that closes its side and waits for ever is let go', async () => {
  await TestNode.run(
    () => new Promise(() => {}),
    {},
    async (node) => {
      const client = await node.client();
      client.socket.end(frame('?'));
      await turns(50);
      node.clock.advance(40_000);
      await node.logger.line(/had closed its side/);
      await client.closed();
    },
  );
});

test('resets with requests open, half arrived or unread harm nobody, and abort what was parked', async () => {
  let aborted = 0;
  await TestNode.run(
    (_buffer, _start, _end, asker) => {
      asker.contextFor(1, null).closed.addEventListener('abort', () => aborted++);
      return new Promise(() => {});
    },
    {},
    async (node) => {
      for (const bytes of [
        frame('open'),
        frame('half').subarray(0, 6),
        Buffer.concat([frame('a'), frame('b').subarray(0, 2)]),
      ]) {
        const client = await node.client();
        client.socket.write(bytes);
        await turns();
        client.socket.resetAndDestroy();
      }
      while (node.server.connectionCount > 0) await turns(1);
      assert.equal(aborted, 2);
    },
  );
});

test('a rejected answer closes its connection and no other', async () => {
  const dispatch = (buffer: Buffer, start: number, end: number) =>
    buffer.toString('latin1', start, end) === 'bad'
      ? Promise.reject(new Error('boom'))
      : echo(buffer, start, end, null as never);
  await TestNode.run(dispatch, {}, async (node) => {
    const [good, bad] = [await node.client(), await node.client()];
    bad.socket.write(frame('bad'));
    assert.equal(await bad.frame(), null);
    assert.equal((await node.logger.line(/fault of ours/)).level, 'error');
    good.socket.write(frame('good'));
    assert.equal(String(await good.frame()), 'good');
  });
});

test('when the way behind is full nobody is read, and everything arrives once it is not', async () => {
  await TestNode.run(echo, {}, async (node) => {
    const clients = await Promise.all([node.client(), node.client(), node.client()]);
    node.backpressure.congested = true;
    for (const client of clients) for (let i = 0; i < 50; i++) client.socket.write(frame(Buffer.alloc(10_000 + i, i)));
    await turns(50);
    assert.equal(node.backpressure.waiting, 1);
    node.backpressure.relieve();
    for (const client of clients) for (let i = 0; i < 50; i++) assert.equal((await client.frame())?.length, 10_000 + i);
    // And again, with memory of its own still in use.
    for (const client of clients) {
      client.socket.write(frame('after'));
      assert.equal(String(await client.frame()), 'after');
    }
  });
});

test('who sent more than there was room for is not read until there is; everybody else is', async () => {
  await TestNode.run(echo, {}, async (node) => {
    const [flooding, other] = await Promise.all([node.client(), node.client()]);
    const relieve: (() => void)[] = [];
    node.backpressure.filled = { onRelieved: (listener) => relieve.push(listener) };
    for (let i = 0; i < 3; i++) flooding.socket.write(frame(`flood ${i}`));
    assert.equal(String(await flooding.frame()), 'flood 0');
    for (let i = 0; i < 20; i++) {
      other.socket.write(frame(`other ${i}`));
      assert.equal(String(await other.frame()), `other ${i}`);
    }
    assert.equal(flooding.arrived, 0, 'nothing more of it was handed on');
    for (const listener of relieve) listener();
    for (let i = 1; i < 3; i++) assert.equal(String(await flooding.frame()), `flood ${i}`);
  });
});

test('a connection on hold is not read, and goes on where it was', async () => {
  let held: { pause(): void; resume(): void } | null = null;
  let seen = 0;
  await TestNode.run(
    (buffer, start, end, asker) => {
      seen++;
      if (seen === 1) {
        held = asker as unknown as typeof held;
        held?.pause();
      }
      return echo(buffer, start, end, asker);
    },
    {},
    async (node) => {
      const client = await node.client();
      client.socket.write(Buffer.concat([frame('1'), frame('2'), frame('3').subarray(0, 3)]));
      assert.equal(String(await client.frame()), '1');
      await turns();
      assert.equal(seen, 1);
      (held as unknown as { resume(): void }).resume();
      assert.equal(String(await client.frame()), '2');
      client.socket.write(frame('3').subarray(3));
      assert.equal(String(await client.frame()), '3');
    },
  );
});

test('requests without an answer are bounded for each connection', async () => {
  const asked: ((reply: Reply) => void)[] = [];
  await TestNode.run(
    () => new Promise<Reply>((resolve) => asked.push(resolve)),
    {},
    async (node) => {
      const client = await node.client();
      for (let i = 0; i < 2000; i++) client.socket.write(frame(`${i}`));
      await turns(100);
      assert.equal(asked.length, 512);
      for (let i = 0; i < 2000; i++) {
        while (asked.length <= i) await turns(1);
        asked[i]([frame(`reply ${i}`)]);
      }
      for (let i = 0; i < 2000; i++) assert.equal(String(await client.frame()), `reply ${i}`);
    },
  );
});

test('a client that never reads does not make replies pile up', async () => {
  let answered = 0;
  const reply = Buffer.alloc(64 * 1024, 7);
  const dispatch = () => {
    answered++;
    return [frame(reply)];
  };
  await TestNode.run(dispatch, {}, async (node) => {
    const client = await node.client();
    client.socket.pause();
    for (let i = 0; i < 2000; i++) client.socket.write(frame('more'));
    await turns(100);
    // 8 MiB, and what the kernels of both sides hold.
    assert.ok(answered < 400, `${answered} answered`);
    client.socket.resume();
    for (let i = 0; i < 2000; i++) assert.equal((await client.frame())?.length, reply.length);
  });
});

test('idle connections are closed in time, those that wait for an answer are not', async () => {
  const dispatch = (buffer: Buffer, start: number, end: number) =>
    buffer.toString('latin1', start, end) === 'wait' ? new Promise<Reply>(() => {}) : [frame('ok')];
  await TestNode.run(dispatch, { idleMs: 60_000 }, async (node) => {
    const [idle, waiting, busy] = [await node.client(), await node.client(), await node.client()];
    waiting.socket.write(frame('wait'));
    await turns();
    node.clock.advance(40_000);
    busy.socket.write(frame('hello'));
    assert.equal(String(await busy.frame()), 'ok');
    node.clock.advance(30_000);
    await idle.closed();
    assert.equal((await node.logger.line(/connections\.max\.idle\.ms/)).level, 'info');
    assert.equal(node.server.connectionCount, 2);
  });
});

test('a request that trickles in is given up, one that comes slowly but surely is not', async () => {
  await TestNode.run(echo, {}, async (node) => {
    const [trickle, steady] = [await node.client(), await node.client()];
    const body = Buffer.alloc(200_000, 1);
    const bytes = frame(body);
    trickle.socket.write(bytes.subarray(0, 10));
    for (let i = 0; i < 10; i++) {
      steady.socket.write(bytes.subarray(i * 20_000, (i + 1) * 20_000));
      trickle.socket.write(Buffer.of(1));
      await turns();
      node.clock.advance(10_000);
    }
    await trickle.closed();
    await node.logger.line(/made no progress in 30000 ms/);
    steady.socket.write(bytes.subarray(200_000));
    assert.equal((await steady.frame())?.length, body.length);
  });
});

test('connections are bounded, in all and from one address', async () => {
  for (const [limits, sentence] of [
    [{ connectionsMax: 2 }, /max\.connections\)/],
    [{ connectionsPerAddressMax: 2 }, /127\.0\.0\.1 has 2 connections open \(max\.connections\.per\.ip\)/],
  ] as const) {
    await TestNode.run(echo, limits, async (node) => {
      const first = await node.client();
      await node.client();
      await (await node.client()).closed();
      await (await node.client()).closed();
      await node.logger.line(sentence);
      first.socket.destroy();
      while (node.server.connectionCount > 1) await turns(1);
      const again = await node.client();
      again.socket.write(frame('in'));
      assert.equal(String(await again.frame()), 'in');
      node.clock.advance(10_000);
      await node.logger.line(/more connections were refused/);
    });
  }
});

test('closing answers what was asked for and then closes; without connections no timer is left', async () => {
  const asked: ((reply: Reply) => void)[] = [];
  const node = new TestNode(() => new Promise<Reply>((resolve) => asked.push(resolve)));
  await node.server.start();
  const [busy, idle] = [await node.client(), await node.client()];
  busy.socket.write(frame('?'));
  while (asked.length === 0) await turns(1);
  const closing = node.server.close();
  await idle.closed();
  asked[0]([frame('last words')]);
  assert.equal(String(await busy.frame()), 'last words');
  assert.equal(await busy.frame(), null);
  await closing;
  assert.equal(node.clock.pending, 0);
  const late = connect({ port: node.port, host: '127.0.0.1' });
  await new Promise((resolve) => late.once('error', resolve));
});

test('a port that is taken is a sentence', async () => {
  await TestNode.run(echo, {}, async (node) => {
    const { Server } = await import('../../src/network/server.js');
    const { clock, logger, files, backpressure } = node;
    const listeners = [
      { name: 'A', host: '127.0.0.1', port: 0 },
      { name: 'B', host: '127.0.0.1', port: node.port },
    ];
    const second = new Server({ listeners, dispatch: echo, files, backpressure, clock, logger });
    await assert.rejects(second.start(), /127\.0\.0\.1, port \d+: another program listens there already/);
    assert.deepEqual(second.addresses, []);
  });
});
