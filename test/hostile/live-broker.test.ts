/**
 * Hostile and broken input against the real process: it answers or hangs up, stays within its memory, and goes on serving
 * everyone else. Test process.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MiB } from '../../src/base/units.js';
import { KafkaClient } from '../../src/cli/client.js';
import { produce } from '../../src/protocol/messages/00-produce.js';
import { fetch } from '../../src/protocol/messages/01-fetch.js';
import { metadata } from '../../src/protocol/messages/03-metadata.js';
import { createTopics } from '../../src/protocol/messages/19-create-topics.js';
import { encodeBatch } from '../../src/record/record.js';
import { BrokerProcess, brokerIsBuilt, noBroker } from '../broker-process.js';
import { randomOf } from '../history/good-history.js';
import { goldenFrames } from '../wire/golden-frames.js';
import { Attacker, emptyTags, framed, header1, header2, int16, int32, uvarint } from './attacker.js';
import { memoryOf } from './memory-of.js';

const TOPIC = 'hostile';
/** Above what the broker held before the attacks; its peak, not only its end. */
const GROWTH_BYTES_MAX = 256 * MiB;
const FRAME_BYTES_MAX = 100 * MiB;
const METADATA = 3;
const API_VERSIONS = 18;
const SEED = Number(process.env.MILLRACE_SEED ?? Date.now() % 1_000_000);

test('a broker under attack', { timeout: 300_000 }, async (t) => {
  if (!brokerIsBuilt) return t.skip(noBroker);
  t.diagnostic(`seed ${SEED}`);
  const broker = await BrokerProcess.start();
  t.after(() => broker.dispose());
  const { port, pid } = broker;
  const honest = await KafkaClient.connect(broker.bootstrap);
  const topic = { name: TOPIC, numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] };
  await honest.request(createTopics, { topics: [topic], timeoutMs: 30_000, validateOnly: false });
  let written = 0;

  const produceOne = async (client: KafkaClient, records: Buffer, index = 0) => {
    const topicData = [{ name: TOPIC, partitionData: [{ index, records }] }];
    const response = await client.request(
      produce,
      { transactionalId: null, acks: -1, timeoutMs: 30_000, topicData },
      { versionMax: 12 },
    );
    return response.responses[0].partitionResponses[0];
  };
  const batch = () => encodeBatch({ records: [{ value: Buffer.from(`record ${written}`), timestampMs: Date.now() }] });

  /** The connection that was open all along and a new one both write and get the next offset. */
  const everyoneElseIsServed = async () => {
    assert.equal(broker.server.running && broker.pid, pid, `the broker died\n${broker.stderr.slice(-4_000)}`);
    const fresh = await KafkaClient.connect(broker.bootstrap);
    for (const client of [honest, fresh]) {
      const { errorCode, baseOffset } = await produceOne(client, batch());
      assert.deepEqual([errorCode, baseOffset], ['NONE', written]);
      written += 1;
    }
    fresh.close();
  };
  await everyoneElseIsServed();
  const before = memoryOf(pid, 'VmRSS');

  /** Sends bytes on a connection of their own. */
  const attack = async (...bytes: readonly Buffer[]) => {
    const attacker = await Attacker.connect(port);
    for (const part of bytes) attacker.send(part);
    return attacker;
  };
  const mustBeClosed = async (...bytes: readonly Buffer[]) => {
    const attacker = await attack(...bytes);
    await attacker.closed;
    assert.equal(attacker.received.length, 0, 'hung up without an answer');
  };

  await t.test('length prefixes that no frame can have', async () => {
    for (const length of [-1, -(2 ** 31), 2 ** 31 - 1, FRAME_BYTES_MAX + 1]) await mustBeClosed(int32(length));
    for (const length of [0, 1, 3, 7]) await mustBeClosed(int32(length), Buffer.alloc(length));
    await everyoneElseIsServed();
  });

  await t.test('frames cut at every byte', async () => {
    const frames = [
      framed(header2(API_VERSIONS, 3), uvarint(5), Buffer.from('evil'), uvarint(2), Buffer.from('1'), uvarint(0)),
      framed(header1(METADATA, 1), int32(1), int16(TOPIC.length), Buffer.from(TOPIC)),
    ];
    for (const frame of frames) {
      for (let cut = 0; cut < frame.length; cut++) {
        const attacker = await attack(frame.subarray(0, cut));
        attacker.socket.end();
        await attacker.closed;
      }
      const patient = await Attacker.connect(port);
      await patient.sendByteByByte(frame);
      const slow = await patient.answer();
      const quick = await (await attack(frame)).answer();
      assert.deepEqual(slow, quick, 'byte by byte is answered as in one piece');
      for (let cut = 1; cut < frame.length; cut++) {
        const attacker = await attack(frame.subarray(0, cut));
        attacker.send(frame.subarray(cut));
        assert.deepEqual(await attacker.answer(), quick);
        attacker.destroy();
      }
    }
    await everyoneElseIsServed();
  });

  await t.test('frames that are shorter or longer than their content', async () => {
    for (const golden of goldenFrames().filter((frame) => frame.direction === 'request' && frame.from === 'kafkajs')) {
      const bytes = Buffer.from(golden.hex, 'hex');
      const short = await attack(framed(bytes.subarray(0, Math.max(8, bytes.length - 3))));
      short.socket.end();
      await short.closed;
    }
    await everyoneElseIsServed();
  });

  await t.test('unknown APIs and versions', async () => {
    for (const key of [-1, 4, 999, 32_767]) await mustBeClosed(framed(header1(key, 0)));
    for (const version of [-1, 99]) await mustBeClosed(framed(header1(METADATA, version), int32(0)));
    const asking = await attack(framed(header2(API_VERSIONS, 99)));
    const answer = await asking.answer();
    assert.equal(answer.readInt16BE(4), 35, 'ApiVersions says which versions it knows');
    asking.send(framed(header1(API_VERSIONS, 0)));
    assert.equal((await asking.answer()).readInt16BE(4), 0, 'and the connection goes on');
    asking.destroy();
    await everyoneElseIsServed();
  });

  await t.test('arrays and strings that claim more than there is', async () => {
    const claims = [2 ** 31 - 1, 50_000_000, 1_000_001];
    for (const count of claims) {
      await mustBeClosed(framed(header1(METADATA, 1), int32(count)));
      await mustBeClosed(framed(header2(METADATA, 12), uvarint(count + 1)));
      await mustBeClosed(framed(header1(0, 3), int16(-1), int16(1), int32(1_000), int32(count)));
      await mustBeClosed(
        framed(header1(1, 4), int32(-1), int32(0), int32(0), int32(1_000), Buffer.of(0), int32(count)),
      );
      await mustBeClosed(
        framed(header1(8, 2), int16(1), Buffer.from('g'), int32(0), int16(0), Buffer.alloc(8), int32(count)),
      );
    }
    await mustBeClosed(framed(header1(METADATA, 1), int32(1), int16(32_767), Buffer.from('short')));
    await mustBeClosed(framed(header2(METADATA, 12), uvarint(2), Buffer.alloc(16), uvarint(2 ** 31)));
    await everyoneElseIsServed();
  });

  await t.test('millions of elements that are really there', async () => {
    const count = 5_000_000;
    await mustBeClosed(framed(header1(METADATA, 1), int32(count), Buffer.alloc(2 * count)));
    await mustBeClosed(framed(header1(37, 0), int32(count), Buffer.alloc(10 * count)));
    await everyoneElseIsServed();
  });

  await t.test('a million tagged fields in the header and in the body', async () => {
    const tags = emptyTags(1_000_000);
    await mustBeClosed(framed(header2(API_VERSIONS, 3, tags)));
    await mustBeClosed(
      framed(header2(API_VERSIONS, 3), uvarint(2), Buffer.from('a'), uvarint(2), Buffer.from('1'), tags),
    );
    await everyoneElseIsServed();
  });

  await t.test('garbage, other protocols and random bytes', async () => {
    const random = randomOf(SEED);
    const texts = [
      'GET / HTTP/1.1\r\nHost: kafka\r\n\r\n',
      'SSH-2.0-OpenSSH_9.6\r\n',
      '\u0016\u0003\u0001\u0002\u0000\u0001',
      '\r\n\r\n',
    ];
    for (const text of texts) {
      const attacker = await attack(Buffer.from(text, 'latin1'));
      attacker.socket.end();
      await attacker.closed;
    }
    for (let i = 0; i < 500; i++) {
      const bytes = Buffer.from(Array.from({ length: 1 + random(300) }, () => random(256)));
      // Half of them get as far as the header's parser.
      const attacker = await attack(random(2) === 0 ? bytes : framed(bytes));
      attacker.socket.end();
      await attacker.closed;
    }
    await everyoneElseIsServed();
  });

  await t.test('real requests with some of their bytes changed', async () => {
    const random = randomOf(SEED + 1);
    const requests = goldenFrames().filter((frame) => frame.direction === 'request');
    for (let i = 0; i < 3_000; i++) {
      const bytes = Buffer.from(requests[random(requests.length)].hex, 'hex');
      for (let flips = 1 + random(4); flips > 0; flips--) bytes[8 + random(bytes.length - 8)] = random(256);
      const attacker = await attack(framed(bytes));
      attacker.socket.end();
      // Some are answered late (a long poll, a join that waits for others): nobody waits for them.
      if (i % 50 === 0) attacker.destroy();
      else await Promise.race([attacker.answerOrClose(), new Promise((resolve) => setImmediate(resolve))]);
      attacker.destroy();
      if (i % 500 === 0) await everyoneElseIsServed();
    }
    await everyoneElseIsServed();
  });

  await t.test('requests that ask for far too much', async () => {
    const client = await KafkaClient.connect(broker.bootstrap);
    for (const numPartitions of [2 ** 31 - 1, 1_000_000, 0, -2]) {
      const { topics } = await client.request(createTopics, {
        topics: [{ ...topic, name: `too-many${numPartitions}`, numPartitions }],
        timeoutMs: 1_000,
        validateOnly: false,
      });
      // Kafka calls more than it makes at a time a matter of policy.
      const refused = numPartitions > 0 ? 'POLICY_VIOLATION' : 'INVALID_PARTITIONS';
      assert.equal(topics[0].errorCode, refused, `${numPartitions} partitions`);
    }
    const longName = 'x'.repeat(30_000);
    const { topics } = await client.request(createTopics, {
      topics: [{ ...topic, name: longName }],
      timeoutMs: 1_000,
      validateOnly: false,
    });
    assert.equal(topics[0].errorCode, 'INVALID_TOPIC_EXCEPTION');
    const names = Array.from({ length: 20_000 }, (_, i) => ({ name: `nowhere-${i}` }));
    const answer = await client.request(metadata, { topics: names, allowAutoTopicCreation: false });
    assert.ok(answer.topics.every((each) => each.errorCode === 'UNKNOWN_TOPIC_OR_PARTITION'));
    client.close();
    await everyoneElseIsServed();
  });

  await t.test('batches that lie about themselves are refused with a code', async () => {
    const client = await KafkaClient.connect(broker.bootstrap);
    const changed = (change: (bytes: Buffer) => void) => {
      const bytes = Buffer.from(batch());
      change(bytes);
      return bytes;
    };
    const lies = [
      changed((bytes) => bytes.writeUInt8(bytes[bytes.length - 1] ^ 1, bytes.length - 1)),
      changed((bytes) => bytes.writeInt32BE(2 ** 31 - 1, 8)),
      changed((bytes) => bytes.writeInt32BE(-1, 8)),
      changed((bytes) => bytes.writeInt32BE(0, 8)),
      changed((bytes) => bytes.writeInt8(1, 16)),
      changed((bytes) => bytes.writeInt8(99, 16)),
      changed((bytes) => bytes.writeInt32BE(2 ** 31 - 1, 57)),
      batch().subarray(0, 40),
      Buffer.alloc(0),
      Buffer.alloc(1_000),
      Buffer.alloc(2 * MiB),
    ];
    for (const [i, records] of lies.entries()) {
      const { errorCode } = await produceOne(client, records);
      assert.notEqual(errorCode, 'NONE', `lie ${i}`);
      assert.notEqual(errorCode, 'UNKNOWN_SERVER_ERROR', `lie ${i}`);
    }
    client.close();
    await everyoneElseIsServed();
  });

  await t.test('clients that never read what they asked for', async () => {
    const value = Buffer.alloc(900_000, 'x');
    for (let i = 0; i < 20; i++) {
      const { errorCode } = await produceOne(honest, encodeBatch({ records: [{ value, timestampMs: Date.now() }] }), 1);
      assert.equal(errorCode, 'NONE');
    }
    const partitions = [{ partition: 1, fetchOffset: 0, partitionMaxBytes: 50 * MiB }];
    const topics = [{ topic: TOPIC, partitions }];
    const request = { maxWaitMs: 0, minBytes: 1, maxBytes: 50 * MiB, topics, forgottenTopicsData: [] };
    const greedy: Attacker[] = [];
    for (let i = 0; i < 40; i++) {
      const attacker = await Attacker.connect(port);
      attacker.socket.pause();
      // Header 1 and Fetch 4, fifty times: asked, never read.
      const topicBytes = Buffer.concat([int16(TOPIC.length), Buffer.from(TOPIC)]);
      const position = Buffer.concat([int32(1), Buffer.alloc(8), int32(request.maxBytes)]);
      const body = [
        int32(-1),
        int32(0),
        int32(1),
        int32(request.maxBytes),
        Buffer.of(0),
        int32(1),
        topicBytes,
        int32(1),
        position,
      ];
      for (let asked = 0; asked < 50; asked++) attacker.send(framed(header1(1, 4), ...body));
      greedy.push(attacker);
    }
    for (let i = 0; i < 10; i++) await everyoneElseIsServed();
    const answer = await honest.request(fetch, request, { versionMax: 12 });
    assert.ok((answer.responses[0].partitions[0].records?.length ?? 0) > 10 * MiB, 'an honest reader gets its bytes');
    for (const attacker of greedy) attacker.destroy();
    await everyoneElseIsServed();
  });

  await t.test('clients that announce much and send little', async () => {
    const slow: Attacker[] = [];
    for (let i = 0; i < 300; i++) slow.push(await attack(int32(FRAME_BYTES_MAX), header1(0, 3)));
    for (let round = 0; round < 20; round++) {
      for (const attacker of slow) attacker.send(Buffer.of(0));
      await everyoneElseIsServed();
    }
    for (const attacker of slow) attacker.destroy();
    await everyoneElseIsServed();
  });

  await t.test('connections that are reset at once', async () => {
    for (let i = 0; i < 300; i++) {
      const attacker = await attack(framed(header1(METADATA, 1), int32(-1)));
      attacker.socket.resetAndDestroy();
    }
    await everyoneElseIsServed();
  });

  await t.test('memory stayed bounded and nothing was left unhandled', async (t) => {
    assert.doesNotMatch(broker.stderr, /unhandled|uncaught/i);
    assert.match(broker.stderr, /clos/i, 'the log says why connections were closed');
    const peak = memoryOf(pid, 'VmHWM');
    if (before === null || peak === null) return t.skip('no /proc to read memory from');
    t.diagnostic(`resident before ${Math.round(before / MiB)} MiB, at most ${Math.round(peak / MiB)} MiB`);
    assert.ok(peak - before < GROWTH_BYTES_MAX, `grew by ${Math.round((peak - before) / MiB)} MiB`);
  });
  honest.close();
});
