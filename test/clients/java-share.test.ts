/** Share groups as Kafka's own client and tools use them: KafkaShareConsumer, kafka-share-groups, kafka-console-share-consumer. Test process. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { withClient } from '../../src/cli/client.js';
import { shareGroupHeartbeat } from '../../src/protocol/messages/76-share-group-heartbeat.js';
import { BrokerProcess } from '../broker-process.js';
import { CLIENT_TEST_TIMEOUT_MS, startLiveBroker } from '../live-broker.js';
import { kafkaClassPath, noApacheKafka } from '../peers/apache-kafka.js';
import { projectRoot } from '../project-root.js';
import { mustRun, runTool, type ToolOptions } from '../run-tool.js';

const TOOLS = 'org.apache.kafka.tools';
const CLIENT = join(projectRoot, 'test/clients/java/ShareClient.java');
const RECORDS = 12;

/** What a share consumer was given: `offset×deliveries` of each record, in order. */
const deliveriesIn = (output: string): string[] =>
  [...output.matchAll(/^record 0 (\d+) (\d+) /gm)].map(([, offset, delivery]) => `${offset}×${delivery}`);
const all = (delivery: number): string[] => Array.from({ length: RECORDS }, (_, offset) => `${offset}×${delivery}`);

test('Java share consumers and their tools', { timeout: CLIENT_TEST_TIMEOUT_MS }, async (t) => {
  const missing = noApacheKafka();
  if (missing) return t.skip(missing);
  const broker = await startLiveBroker(t);
  if (!broker) return;
  const jvm = ['-XX:TieredStopAtLevel=1', '-cp', kafkaClassPath()];
  const java = (tool: string, args: readonly string[], options?: ToolOptions) =>
    mustRun('java', [...jvm, tool, '--bootstrap-server', broker.bootstrap, ...args], options);
  const groups = (...args: string[]) => java(`${TOOLS}.consumer.group.ShareGroupCommand`, args);
  const share = (group: string, count: number, plan: string, ...properties: string[]) =>
    mustRun('java', [...jvm, CLIENT, broker.bootstrap, group, 'jobs', String(count), plan, ...properties]);
  /** A consumer that is killed once it has said what `until` waits for. */
  const shareUntil = async (group: string, plan: string, until: (output: string) => boolean) => {
    let output = '';
    await mustRun('java', [...jvm, CLIENT, broker.bootstrap, group, 'jobs', '1000', plan], {
      until: (text) => {
        output = text;
        return until(text);
      },
    }).catch(() => undefined);
    return output;
  };
  const configure = (group: string, ...configs: string[]) =>
    java('kafka.admin.ConfigCommand', [
      ...['--alter', '--entity-type', 'groups', '--entity-name', group],
      ...['--add-config', ['share.auto.offset.reset=earliest', ...configs].join(',')],
    ]);

  await java(`${TOOLS}.TopicCommand`, ['--create', '--topic', 'jobs', '--partitions', '1']);
  const lines = Array.from({ length: RECORDS }, (_, i) => `job ${i}\n`);
  await java(`${TOOLS}.ConsoleProducer`, ['--topic', 'jobs'], { input: lines.join('') });

  await t.test('each record comes back until it is accepted, and its deliveries are counted', async () => {
    await configure('again');
    const output = await share('again', RECORDS, 'release,renew');
    assert.deepEqual(deliveriesIn(output), [...all(1), ...all(2)]);
    assert.equal(output.match(/^done 0 \d+ accept$/gm)?.length, RECORDS);
    assert.match(await groups('--describe', '--group', 'again'), /jobs\s+0\s+\d+\s+0$/m);
  });

  await t.test('what was delivered as often as it may be is given up', async () => {
    await configure('limited', 'share.delivery.count.limit=2');
    const output = await shareUntil(
      'limited',
      'release',
      (text) => [...text.matchAll(/^done/gm)].length === 2 * RECORDS,
    );
    assert.deepEqual(deliveriesIn(output), [...all(1), ...all(2)]);
    assert.match(await groups('--describe', '--group', 'limited'), /jobs\s+0\s+\d+\s+0$/m);
  });

  await t.test(
    'who dies over a record does not keep it, and whoever goes on after a crash is given what is left',
    async () => {
      await configure('dying');
      const { stdout } = await runTool('java', [...jvm, CLIENT, broker.bootstrap, 'dying', 'jobs', '1', 'die']);
      assert.deepEqual(deliveriesIn(stdout), all(1));
      const some = await share('dying', 5, 'accept', 'max.poll.records=5', 'share.acquire.mode=record_limit');
      assert.deepEqual(deliveriesIn(some), all(2).slice(0, 5));
      if (broker instanceof BrokerProcess) {
        await broker.kill9();
        await broker.start();
      } else await broker.restart();
      const rest = deliveriesIn(await share('dying', RECORDS - 5, 'accept'));
      assert.deepEqual(
        rest.map((delivery) => Number.parseInt(delivery, 10)),
        Array.from({ length: RECORDS - 5 }, (_, i) => 5 + i),
      );
    },
  );

  await t.test('a group with a member is described with it, and is not deleted', async () => {
    await withClient(broker.bootstrap, async (client) => {
      const member = { groupId: 'again', memberId: 'worker', rackId: null, subscribedTopicNames: ['jobs'] };
      const joined = await client.request(shareGroupHeartbeat, { ...member, memberEpoch: 0 });
      assert.equal(joined.errorCode, 'NONE');
      assert.match(await groups('--describe', '--group', 'again', '--state'), /again .* Stable +1/);
      assert.match(await groups('--describe', '--group', 'again', '--members'), /again +worker +\S+ +\S+ +1 +jobs:0/);
      assert.match(await groups('--delete', '--group', 'again'), /GroupNotEmptyException|not empty/);
      await client.request(shareGroupHeartbeat, { ...member, memberEpoch: -1 });
    });
  });

  await t.test('groups are listed, described, set back and deleted; the console consumer reads', async () => {
    assert.match(await groups('--list'), /^again$/m);
    assert.match(await groups('--describe', '--group', 'again', '--state'), /again .* Empty +0/);
    const reset = ['--reset-offsets', '--to-earliest', '--topic', 'jobs', '--execute'];
    assert.match(await groups('--group', 'again', ...reset), /jobs\s+0\s+0/);
    assert.match(await groups('--describe', '--group', 'again'), new RegExp(`jobs\\s+0\\s+0\\s+${RECORDS}`));
    const options = ['--topic', 'jobs', '--group', 'again', '--max-messages', '3', '--timeout-ms', '30000'];
    assert.equal(await java(`${TOOLS}.consumer.ConsoleShareConsumer`, options), lines.slice(0, 3).join(''));
    assert.match(await groups('--delete-offsets', '--group', 'again', '--topic', 'jobs'), /jobs\s+Successful/);
    assert.match(await groups('--delete', '--group', 'again'), /successful/);
    assert.doesNotMatch(await groups('--list'), /^again$/m);
  });

  await t.test('Kafka’s own tool reads what is kept of share groups', async (t) => {
    if (!(broker instanceof BrokerProcess)) return t.skip('it is Kafka that keeps it here');
    const logs = readdirSync(broker.dataDirectory)
      .filter((name) => name.startsWith('__share_group_state-'))
      .map((name) => join(broker.dataDirectory, name, `${'0'.repeat(20)}.log`))
      .filter((path) => existsSync(path));
    const dump = await mustRun('java', [
      ...[...jvm, `${TOOLS}.DumpLogSegments`],
      ...['--share-group-state-decoder', '--files', logs.join()],
    ]);
    assert.match(dump, /"type":"0","data":\{"groupId":"dying".*"snapshotEpoch":1,.*"startOffset":0/);
    assert.match(dump, /"type":"1","data":\{"groupId":"dying".*"startOffset":5,.*"deliveryState":2,"deliveryCount":2/);
    assert.doesNotMatch(dump, /isvalid: false|Could not decode|Exception/);
  });
});
