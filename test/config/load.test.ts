/** Where settings come from, which source wins, and what is said about bad ones. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, suite, test } from 'node:test';
import { ConfigError } from '../../src/config/config-error.js';
import { loadConfig, settingNameOf } from '../../src/config/load.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function file(...lines: string[]): string {
  const path = join(folder, 'server.properties');
  writeFileSync(path, lines.join('\n'));
  return path;
}

suite('sources', () => {
  test('nothing given: serves on loopback from the current folder', () => {
    const { config, warnings } = loadConfig({});
    assert.deepEqual(config.listeners, [{ name: 'PLAINTEXT', host: '127.0.0.1', port: 9092 }]);
    assert.deepEqual(config.dataDirectories, ['./millrace-data']);
    assert.equal(config.nodeId, 1);
    assert.equal(config.get('flush'), 'ack');
    assert.equal(config.origin('flush').kind, 'default');
    assert.ok(config.get('shards') >= 1);
    assert.deepEqual(warnings, []);
  });

  test('override beats environment beats file beats default', () => {
    const path = file(
      'num.partitions=2',
      'group.max.size=7',
      'log.retention.hours = 24',
      'socket.listen.backlog.size:9',
    );
    const env = { KAFKA_NUM_PARTITIONS: '3', KAFKA_GROUP_MAX_SIZE: '8', PATH: '/bin' };
    const { config, warnings } = loadConfig({ file: path, env, overrides: { 'num.partitions': '4' } });
    assert.equal(config.get('num.partitions'), 4);
    assert.equal(config.get('group.max.size'), 8);
    assert.equal(config.get('log.retention.hours'), 24);
    assert.equal(config.get('socket.listen.backlog.size'), 9);
    assert.deepEqual(
      (['num.partitions', 'group.max.size', 'log.retention.hours', 'num.partitions'] as const).map(
        (name) => config.origin(name).place,
      ),
      ['--override', 'KAFKA_GROUP_MAX_SIZE', `${path}:3`, '--override'],
    );
    assert.deepEqual(warnings, []);
  });

  test('the longer prefix wins over the shorter one', () => {
    const env = { KAFKA_CFG_NUM_PARTITIONS: '5', KAFKA_NUM_PARTITIONS: '3' };
    assert.equal(loadConfig({ env }).config.get('num.partitions'), 5);
  });

  test('names of variables become names of settings', () => {
    const examples: Record<string, string> = {
      KAFKA_ABC_DEF: 'abc.def',
      KAFKA_ABC__DEF: 'abc_def',
      KAFKA_ABC___DEF: 'abc-def',
      KAFKA_CFG_BACKGROUND_THREADS: 'background.threads',
      KAFKA_LISTENER_NAME_X___Y_SSL_KEY: 'listener.name.x-y.ssl.key',
    };
    for (const [variable, name] of Object.entries(examples)) assert.equal(settingNameOf(variable), name);
  });

  test('variables that speak to the JVM are no settings', () => {
    const env = { KAFKA_HEAP_OPTS: '-Xmx1G', KAFKA_LOG4J_ROOT_LOGLEVEL: 'INFO', KAFKA_OPTS: 'x', KAFKA_VERSION: '4' };
    assert.deepEqual(loadConfig({ env }).warnings, []);
  });

  test('the cluster id of container images is heard', () => {
    assert.equal(loadConfig({ env: { CLUSTER_ID: 'abc' } }).config.get('cluster.id'), 'abc');
  });

  test('a server.properties as Kafka ships it works unchanged, with one line about what has no meaning', () => {
    const path = file(
      'process.roles=broker,controller',
      'node.id=1',
      'controller.quorum.bootstrap.servers=localhost:9093',
      'listeners=PLAINTEXT://:9092,CONTROLLER://:9093',
      'inter.broker.listener.name=PLAINTEXT',
      'advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093',
      'controller.listener.names=CONTROLLER',
      'listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL',
      'num.network.threads=3',
      'num.io.threads=8',
      'socket.send.buffer.bytes=102400',
      'socket.receive.buffer.bytes=102400',
      'socket.request.max.bytes=104857600',
      'log.dirs=/tmp/kraft-combined-logs',
      'num.partitions=1',
      'num.recovery.threads.per.data.dir=1',
      'offsets.topic.replication.factor=1',
      'share.coordinator.state.topic.replication.factor=1',
      'share.coordinator.state.topic.min.isr=1',
      'transaction.state.log.replication.factor=1',
      'transaction.state.log.min.isr=1',
      '#log.flush.interval.messages=10000',
      'log.retention.hours=168',
      'log.segment.bytes=1073741824',
      'log.retention.check.interval.ms=300000',
    );
    const { config, warnings } = loadConfig({ file: path });
    assert.deepEqual(config.listeners, [{ name: 'PLAINTEXT', host: '', port: 9092 }]);
    assert.deepEqual(config.advertisedListeners, [{ name: 'PLAINTEXT', host: 'localhost', port: 9092 }]);
    assert.deepEqual(config.dataDirectories, ['/tmp/kraft-combined-logs']);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0], /left aside.*controller\.quorum\.bootstrap\.servers.*process\.roles/);
  });

  test('broker.id names the node where node.id does not', () => {
    assert.equal(loadConfig({ overrides: { 'broker.id': '7' } }).config.nodeId, 7);
    assert.equal(loadConfig({ overrides: { 'broker.id': '7', 'node.id': '8' } }).config.nodeId, 8);
    assert.equal(loadConfig({ overrides: { 'broker.id': '-1' } }).config.nodeId, 1);
  });

  test('continued lines and escapes are read as Java reads them', () => {
    const path = file('log.cleanup.policy=compact,\\', '   delet\\u0065', '', '! note', 'num.partitions 3');
    const { config } = loadConfig({ file: path });
    assert.deepEqual(config.get('log.cleanup.policy'), ['compact', 'delete']);
    assert.equal(config.get('num.partitions'), 3);
  });
});

suite('complaints', () => {
  const refused = (text: string, overrides: Record<string, string>) => {
    assert.throws(
      () => loadConfig({ overrides }),
      (error) => error instanceof ConfigError && error.message.includes(text),
      text,
    );
  };

  test('a bad value names file, line, setting and bound', () => {
    const path = file('# first', 'num.partitions=0');
    const message = `${path}:2: num.partitions must be a whole number of at least 1, but is "0"`;
    assert.throws(() => loadConfig({ file: path }), { name: 'ConfigError', message });
  });

  test('a bad value in the environment names the variable', () => {
    assert.throws(() => loadConfig({ env: { KAFKA_NUM_PARTITIONS: 'many' } }), /^ConfigError: KAFKA_NUM_PARTITIONS: /);
  });

  test('a file that is not there is named', () => {
    assert.throws(() => loadConfig({ file: join(folder, 'nowhere') }), /nowhere cannot be read/);
  });

  test('an unknown key warns with its nearest neighbour', () => {
    const { warnings } = loadConfig({ overrides: { 'num.partition': '2', 'retention.ms': '1', 'wholly.other': 'x' } });
    assert.match(warnings[0], /num\.partition is not a known setting and is ignored; did you mean num\.partitions\?/);
    assert.match(warnings[1], /did you mean log\.retention\.ms\?/);
    assert.match(warnings[2], /wholly\.other is not a known setting and is ignored\.$/);
  });

  test('a key that stands twice in a file warns, and the later line wins', () => {
    const { config, warnings } = loadConfig({ file: file('num.partitions=2', 'num.partitions=3') });
    assert.equal(config.get('num.partitions'), 3);
    assert.match(warnings[0], /:2: num\.partitions was set in line 1 already/);
  });

  test('values that cannot be', () => {
    refused('must be true or false', { 'auto.create.topics.enable': 'yes' });
    refused('must be one of ack, interval, never', { flush: 'sometimes' });
    refused('must fit into 32 bits', { 'num.partitions': '3000000000' });
    refused('must be a whole number', { 'num.partitions': '1.5' });
    refused('must be a whole number', { 'num.partitions': '' });
    refused('power of two', { 'ring.bytes': '5000000' });
    refused('must be a list of delete, compact', { 'log.cleanup.policy': 'delete,shrink' });
  });

  test('settings that do not fit each other', () => {
    refused('half of ring.bytes', { 'ring.bytes': '4194304', 'message.max.bytes': '2097153' });
    refused('must hold the largest batch', { 'socket.request.max.bytes': '1048587' });
    refused('must lie between', { 'group.consumer.session.timeout.ms': '6000' });
    refused('must lie between', { 'group.consumer.heartbeat.interval.ms': '20000' });
    refused('must be below', {
      'group.consumer.max.heartbeat.interval.ms': '50000',
      'group.consumer.heartbeat.interval.ms': '50000',
    });
    refused('must name at least one', { 'group.consumer.assignors': '' });
    refused('must not be above', { 'group.min.session.timeout.ms': '2000000' });
    refused('must name at least one address', { listeners: '' });
    refused('must hold entries such as', { listeners: '127.0.0.1:9092' });
    refused('must hold entries such as', { listeners: 'PLAINTEXT://h:99999' });
    refused('only PLAINTEXT is spoken', { listeners: 'SSL://:9092' });
    refused('does not have', { listeners: 'CLIENTS://:9092' });
    refused('twice', { listeners: 'PLAINTEXT://:9092,PLAINTEXT://:9093' });
    refused('uses port 9092 twice', {
      listeners: 'PLAINTEXT://:9092,B://:9092',
      'listener.security.protocol.map': 'B:PLAINTEXT',
    });
    refused('no client can connect to', { 'advertised.listeners': 'PLAINTEXT://0.0.0.0:9092' });
    refused('not among the listeners', { 'advertised.listeners': 'OTHER://host:9092' });
    refused('must name each folder once', { 'log.dirs': '/a,/b,/a/' });
    refused('replication.factor.strict', { 'default.replication.factor': '3', 'replication.factor.strict': 'true' });
  });

  test('settings that do nothing as they stand say so', () => {
    const { warnings } = loadConfig({
      overrides: { 'log.flush.interval.ms': '10', 'default.replication.factor': '3' },
    });
    assert.match(warnings[0], /log\.flush\.interval\.ms has no effect while flush=ack/);
    assert.match(warnings[1], /default\.replication\.factor is 3, but counts as 1/);
  });

  test('named listeners that stand for PLAINTEXT, and IPv6', () => {
    const { config } = loadConfig({
      overrides: {
        listeners: 'INSIDE://[::1]:9092,outside://0.0.0.0:0',
        'listener.security.protocol.map': 'INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT',
      },
    });
    assert.deepEqual(config.listeners, [
      { name: 'INSIDE', host: '::1', port: 9092 },
      { name: 'OUTSIDE', host: '0.0.0.0', port: 0 },
    ]);
  });
});
