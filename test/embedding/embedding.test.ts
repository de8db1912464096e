/** The broker inside the process that uses it. Test process. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { type Broker, createBroker } from '../../src/index.js';
import { temporaryFolder } from '../temp-folder.js';
import { produceValues, readValues } from './kafkajs-session.js';

const OPEN_DESCRIPTORS = '/proc/self/fd';

function settingsFor(folder: string): Record<string, string> {
  return { 'log.dirs': folder, listeners: 'PLAINTEXT://127.0.0.1:0', 'group.initial.rebalance.delay.ms': '0' };
}

function brokerOn(folder: string, settings: Record<string, string> = {}): Promise<Broker> {
  return createBroker({ settings: { ...settingsFor(folder), ...settings } });
}

async function startedOn(folder: string): Promise<Broker> {
  const broker = await brokerOn(folder);
  await broker.start();
  return broker;
}

/** Whether somebody listens there. */
function answers(address: string): Promise<boolean> {
  const [host, port] = address.split(':');
  return new Promise((resolve) => {
    const socket = connect(Number(port), host, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

suite('a broker in the process that uses it', () => {
  test('has no address before it starts, and the real port afterwards', async (t) => {
    const broker = await brokerOn(temporaryFolder('embedding'));
    t.after(() => broker.close());
    assert.equal(broker.bootstrapServers, '');
    await broker.start();
    assert.match(broker.bootstrapServers, /^127\.0\.0\.1:[1-9]\d+$/);
    assert.ok(await answers(broker.bootstrapServers));
  });

  test('a group continues on the same folder with the next broker', async () => {
    const folder = temporaryFolder('embedding');
    let clusterId = '';
    for (const [round, values] of [['a', 'b', 'c'], ['d'], ['e', 'f']].entries()) {
      await using broker = await startedOn(folder);
      if (round > 0) assert.equal(broker.clusterId, clusterId, 'the folder keeps its cluster id');
      clusterId = broker.clusterId;
      await produceValues(broker.bootstrapServers, 'letters', values);
      assert.deepEqual(await readValues(broker.bootstrapServers, 'letters', 'readers', values.length), values);
    }
    assert.ok(existsSync(join(folder, '.kafka_cleanshutdown')));
  });

  test('may be closed twice, at once and again later', async () => {
    const broker = await startedOn(temporaryFolder('embedding'));
    const { bootstrapServers } = broker;
    await Promise.all([broker.close(), broker.close()]);
    await broker.close();
    assert.ok(!(await answers(bootstrapServers)));
  });

  test('is closed at the end of the block that uses it', async () => {
    const folder = temporaryFolder('embedding');
    let address = '';
    {
      await using broker = await startedOn(folder);
      address = broker.bootstrapServers;
      assert.ok(await answers(address));
    }
    assert.ok(!(await answers(address)));
    assert.ok(existsSync(join(folder, '.kafka_cleanshutdown')));
  });

  test('closing before the start makes nothing, and there is no start afterwards', async () => {
    const folder = join(temporaryFolder('embedding'), 'data');
    const broker = await brokerOn(folder);
    await broker.close();
    await assert.rejects(broker.start(), /closed/);
    assert.ok(!existsSync(folder));
  });

  test('closing while it starts waits for the start and leaves a clean folder', async () => {
    const folder = temporaryFolder('embedding');
    const broker = await brokerOn(folder);
    const started = broker.start();
    await broker.close();
    await started;
    assert.ok(existsSync(join(folder, '.kafka_cleanshutdown')));
    await using again = await startedOn(folder);
    assert.ok(await answers(again.bootstrapServers));
  });

  test('a second start is refused', async (t) => {
    const broker = await startedOn(temporaryFolder('embedding'));
    t.after(() => broker.close());
    await assert.rejects(broker.start(), /started already/);
    assert.ok(await answers(broker.bootstrapServers));
  });

  test('closing does not wait for a client that only stays', async () => {
    const broker = await startedOn(temporaryFolder('embedding'));
    const [host, port] = broker.bootstrapServers.split(':');
    const socket = connect(Number(port), host);
    await new Promise((resolve) => socket.once('connect', resolve));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined).resume();
    await broker.close();
    await closed;
  });
});

suite('brokers side by side in one process', () => {
  test('two on two folders know nothing of each other', async () => {
    await using first = await startedOn(temporaryFolder('embedding'));
    await using second = await startedOn(temporaryFolder('embedding'));
    assert.notEqual(first.bootstrapServers, second.bootstrapServers);
    assert.notEqual(first.clusterId, second.clusterId);
    await Promise.all([
      produceValues(first.bootstrapServers, 'topic', ['of the first']),
      produceValues(second.bootstrapServers, 'topic', ['of the second']),
    ]);
    assert.deepEqual(await readValues(first.bootstrapServers, 'topic', 'group', 1), ['of the first']);
    assert.deepEqual(await readValues(second.bootstrapServers, 'topic', 'group', 1), ['of the second']);
  });

  test('a second one on the same folder is refused with a sentence, and the first goes on', async () => {
    const folder = temporaryFolder('embedding');
    const first = await startedOn(folder);
    const before = readdirSync(folder).sort();
    const second = await brokerOn(folder);
    await assert.rejects(second.start(), (error: Error) => {
      assert.match(error.message, /^The data folder .* is in use[^\n]*\.$/);
      assert.ok(error.message.includes(folder));
      return true;
    });
    await second.close();
    assert.deepEqual(readdirSync(folder).sort(), before);
    await produceValues(first.bootstrapServers, 'topic', ['still here']);
    await first.close();
    await using third = await startedOn(folder);
    assert.deepEqual(await readValues(third.bootstrapServers, 'topic', 'group', 1), ['still here']);
  });

  test('a broker that could not start may try again when the folder is free', async () => {
    const folder = temporaryFolder('embedding');
    const first = await startedOn(folder);
    await using second = await brokerOn(folder);
    await assert.rejects(second.start(), /in use/);
    await first.close();
    await second.start();
    assert.ok(await answers(second.bootstrapServers));
  });
});

suite('what is left behind', () => {
  test('brokers that came and went hold no descriptor', async (t) => {
    if (!existsSync(OPEN_DESCRIPTORS)) return t.skip(`${OPEN_DESCRIPTORS} is absent: nobody tells what is open`);
    const folder = temporaryFolder('embedding');
    const round = async () => {
      await using broker = await startedOn(folder);
      await produceValues(broker.bootstrapServers, 'topic', ['value']);
      await readValues(broker.bootstrapServers, 'topic', 'group', 1);
    };
    // Libraries are loaded, and pools are filled, in the first round.
    await round();
    const before = readdirSync(OPEN_DESCRIPTORS).length;
    await round();
    await round();
    assert.equal(readdirSync(OPEN_DESCRIPTORS).length, before);
  });

  test('a start that was refused holds no descriptor', async (t) => {
    if (!existsSync(OPEN_DESCRIPTORS)) return t.skip(`${OPEN_DESCRIPTORS} is absent: nobody tells what is open`);
    const folder = temporaryFolder('embedding');
    await using holder = await startedOn(folder);
    const refused = await brokerOn(folder);
    await assert.rejects(refused.start(), /in use/);
    const before = readdirSync(OPEN_DESCRIPTORS).length;
    for (let time = 0; time < 3; time++) await assert.rejects(refused.start(), /in use/);
    assert.equal(readdirSync(OPEN_DESCRIPTORS).length, before);
    assert.ok(await answers(holder.bootstrapServers));
  });
});

suite('settings of an embedded broker', () => {
  test('a bad value is refused before anything is made', async () => {
    await assert.rejects(createBroker({ settings: { 'num.partitions': 'many' } }), {
      name: 'ConfigError',
      message: 'settings: num.partitions must be a whole number of at least 1, but is "many"',
    });
  });

  test('an unknown name is told to the logger', async () => {
    const warnings: string[] = [];
    const ignore = () => undefined;
    const broker = await createBroker({
      settings: { ...settingsFor(join(temporaryFolder('embedding'), 'data')), 'num.partition': '3' },
      logger: { debug: ignore, info: ignore, error: ignore, warn: (_fields, message) => warnings.push(message) },
    });
    await broker.close();
    assert.equal(warnings.length, 1);
    assert.match(warnings[0], /num\.partition is not a known setting.*did you mean num\.partitions\?/);
  });
});
