/** Dispatch: from a request's bytes to its reply, and what happens to requests that nobody can answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KafkaError } from '../../src/base/kafka-error.js';
import { Metrics } from '../../src/metrics/metrics.js';
import { createDispatch, type RequestHandler } from '../../src/network/dispatch.js';
import type { RequestContext } from '../../src/network/request-context.js';
import { decodeResponse } from '../../src/protocol/compile.js';
import { encodeRequestFrame } from '../../src/protocol/frame.js';
import { decodeResponseHeader } from '../../src/protocol/header.js';
import { produce } from '../../src/protocol/messages/00-produce.js';
import { heartbeat } from '../../src/protocol/messages/12-heartbeat.js';
import { apiVersions } from '../../src/protocol/messages/18-api-versions.js';
import { Writer } from '../../src/protocol/wire.js';
import { frame, LineLogger, TestNode } from './node.js';

interface Services {
  readonly name: string;
}

const contexts: RequestContext[] = [];

const heartbeatHandler: RequestHandler<Services> = {
  api: heartbeat,
  handle(request: { memberId: string }, context: RequestContext) {
    contexts.push(context);
    if (request.memberId === 'throws') throw new TypeError('a bug');
    if (request.memberId === 'rejects') return Promise.reject(new TypeError('a bug, later'));
    const response = { errorCode: 'REBALANCE_IN_PROGRESS' as const };
    return request.memberId === 'later' ? Promise.resolve(response) : response;
  },
};
const produceHandler: RequestHandler<Services> = {
  api: produce,
  handle(request: { topicData: unknown[] }) {
    if (request.topicData.length > 0) throw new KafkaError('NOT_LEADER_OR_FOLLOWER', 'nobody to tell');
    return null;
  },
};
const apiVersionsHandler: RequestHandler<Services> = {
  api: apiVersions,
  handle: () => ({ errorCode: 'NONE' as const, apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }] }),
};

function run(logger: LineLogger, work: (node: TestNode) => Promise<void>): Promise<void> {
  const handlers = new Map([heartbeatHandler, produceHandler, apiVersionsHandler].map((one) => [one.api.key, one]));
  return TestNode.run(
    createDispatch({ handlers, services: { name: 'services' }, logger, metrics: new Metrics() }),
    {},
    work,
  );
}

function heartbeatFrame(
  version: number,
  memberId: string,
  correlationId = 7,
  clientId: string | null = 'tester',
): Buffer {
  const request = { groupId: 'g', generationId: 1, memberId };
  return Buffer.concat(
    encodeRequestFrame(heartbeat, version, correlationId, clientId, request, new Writer()) as Buffer[],
  );
}

test('every version is answered in its own, at once or later', async () => {
  await run(new LineLogger(), async (node) => {
    const client = await node.client();
    for (let version = 0; version <= heartbeat.versions.max; version++) {
      for (const memberId of ['m', 'later']) {
        client.socket.write(heartbeatFrame(version, memberId, version * 2));
        const bytes = (await client.frame()) as Buffer;
        const { correlationId, bodyStart } = decodeResponseHeader(heartbeat, version, bytes, 0, bytes.length);
        assert.equal(correlationId, version * 2);
        assert.equal(decodeResponse(heartbeat, version, bytes, bodyStart).errorCode, 'REBALANCE_IN_PROGRESS');
      }
    }
  });
});

test('a handler is told who asks', async () => {
  await run(new LineLogger(), async (node) => {
    const client = await node.client();
    contexts.length = 0;
    for (const [version, clientId] of [
      [4, 'a'],
      [4, 'a'],
      [3, 'b'],
      [4, null],
    ] as const) {
      client.socket.write(heartbeatFrame(version, 'm', 1, clientId));
      await client.frame();
    }
    assert.deepEqual(
      contexts.map(({ apiVersion, clientId }) => [apiVersion, clientId]),
      [
        [4, 'a'],
        [4, 'a'],
        [3, 'b'],
        [4, null],
      ],
    );
    assert.equal(contexts[0], contexts[1]);
    const [context] = contexts;
    assert.equal(context.clientHost, '127.0.0.1');
    assert.equal(context.localHost, '127.0.0.1');
    assert.equal(context.localPort, node.port);
    assert.equal(context.listener, 'PLAINTEXT');
    assert.equal(context.closed.aborted, false);
    client.socket.destroy();
    await new Promise((resolve) => context.closed.addEventListener('abort', resolve));
  });
});

test('ApiVersions in a version of the future is answered with our range, in version 0', async () => {
  await run(new LineLogger(), async (node) => {
    const client = await node.client();
    for (const version of [5, 9, 32767]) {
      const request = Buffer.from('0012000000000063000674657374657200 0268690268690 0'.replaceAll(' ', ''), 'hex');
      request.writeInt16BE(version, 2);
      client.socket.write(frame(request));
      const bytes = (await client.frame()) as Buffer;
      assert.equal(bytes.readInt32BE(0), 0x63);
      const response = decodeResponse(apiVersions, 0, bytes, 4);
      assert.equal(response.errorCode, 'UNSUPPORTED_VERSION');
      assert.deepEqual(response.apiKeys, [{ apiKey: 18, minVersion: 0, maxVersion: 4 }]);
    }
  });
});

for (const [what, hex, sentence] of [
  ['an unknown API', '7fff00000000000100026162', /unknown API key 32767 \(v0\)/],
  ['a negative API', 'ffff00000000000100026162', /unknown API key -1/],
  ['a version too new', '000c0063000000010002616200', /Heartbeat v99 is not spoken, only v0 to v4/],
  [
    'a version that is advertised and never answered',
    '0000000200000001ffff',
    /Produce v2 is not spoken, only v3 to v13/,
  ],
  ['a negative version', '000cffff0000000100026162', /Heartbeat v-1 is not spoken/],
  ['an empty request', '', /ends at byte/],
  ['half a header', '000c0000', /ends at byte/],
  ['a client id that is not there', '000c0000000000010fff6162', /ends at byte/],
  ['half a body', '000c00000000000100026162000167', /a malformed Heartbeat v0/],
] as const) {
  test(`${what} closes the connection with a line in the log`, async () => {
    await run(new LineLogger(), async (node) => {
      const client = await node.client();
      client.socket.write(frame(Buffer.from(hex, 'hex')));
      assert.equal(await client.frame(), null);
      const line = node.logger.said(sentence);
      assert.equal(line.level, 'warn');
      assert.match(String(line.fields.client), /^127\.0\.0\.1:\d+$/);
    });
  });
}

for (const [what, protocol, opening] of [
  ['an HTTP GET', 'HTTP', 'GET / HTTP/1.1\r\nHost: example.org\r\n\r\n'],
  ['an HTTP POST', 'HTTP', 'POST /topics/logs HTTP/1.1\r\n\r\n'],
  ["a TLS client's first record", 'TLS', Buffer.from('16030100c8010000c40303', 'hex')],
  ["an SSH client's first line", 'SSH', 'SSH-2.0-OpenSSH_9.6\r\n'],
] as const) {
  test(`${what} is cut off at its first four bytes, and the log says what it speaks`, async () => {
    await run(new LineLogger(), async (node) => {
      const client = await node.client();
      client.socket.write(opening);
      assert.equal(await client.frame(), null);
      node.logger.said(new RegExp(`the client speaks ${protocol}`));
    });
  });
}

test('a million tagged fields in a header or a body are refused before they cost anything', async () => {
  await run(new LineLogger(), async (node) => {
    const header = Buffer.from('000c00040000000100026162', 'hex');
    const count = Buffer.of(0xc0, 0x84, 0x3d); // 1,000,000
    const tags = Buffer.alloc(2_000_000);
    const bodyStart = Buffer.concat([header, Buffer.of(0), Buffer.from('0267000000000267', 'hex'), Buffer.of(0)]);
    for (const bytes of [Buffer.concat([header, count, tags]), Buffer.concat([bodyStart, count, tags])]) {
      const client = await node.client();
      client.socket.write(frame(bytes));
      assert.equal(await client.frame(), null);
    }
    node.logger.said(/at most 64 are read/);
  });
});

test('acks=0 is not answered, and its failure closes the connection', async () => {
  await run(new LineLogger(), async (node) => {
    const client = await node.client();
    const send = (topicData: { name: string; partitionData: [] }[]) => {
      const request = { acks: 0, timeoutMs: 1000, topicData };
      client.socket.write(Buffer.concat(encodeRequestFrame(produce, 9, 1, null, request, new Writer()) as Buffer[]));
    };
    send([]);
    client.socket.write(heartbeatFrame(0, 'm', 2));
    assert.equal((await client.frame())?.readInt32BE(0), 2);
    send([{ name: 't', partitionData: [] }]);
    assert.equal(await client.frame(), null);
    node.logger.said(/Produce v9 failed with NOT_LEADER_OR_FOLLOWER: nobody to tell/);
  });
});

test('a handler that fails loses its connection, and the log says which API it was', async () => {
  for (const memberId of ['throws', 'rejects']) {
    const logger = new LineLogger();
    await run(logger, async (node) => {
      const [client, other] = [await node.client(), await node.client()];
      client.socket.write(heartbeatFrame(0, memberId));
      assert.equal(await client.frame(), null);
      const line = logger.said(/failed unexpectedly/);
      assert.equal(line.level, 'error');
      assert.equal(line.fields.api, 'Heartbeat');
      other.socket.write(heartbeatFrame(0, 'm'));
      assert.ok(await other.frame());
    });
  }
});

test('garbage of every kind harms nobody', async () => {
  await run(new LineLogger(), async (node) => {
    const other = await node.client();
    let seed = 12345;
    const random = () => {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff;
      return seed >>> 8;
    };
    for (let i = 0; i < 100; i++) {
      const client = await node.client();
      const bytes = Buffer.from(Array.from({ length: 1 + (random() % 300) }, () => random() & 0xff));
      client.socket.end(i % 2 === 0 ? bytes : frame(bytes));
      await client.closed();
    }
    other.socket.write(heartbeatFrame(0, 'm'));
    assert.ok(await other.frame());
    assert.deepEqual(
      node.logger.lines.filter(({ level }) => level === 'error'),
      [],
    );
  });
});
