/** Groups as Kafka's own tools and its Admin client see and change them: kafka-consumer-groups, kafka-groups. Test process. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { decodeRecord } from '../../src/protocol/compile.js';
import { consumerProtocolAssignment } from '../../src/protocol/records/consumer-protocol-assignment.js';
import { millrace } from '../cli/command-line.js';
import { CLIENT_TEST_TIMEOUT_MS, startLiveBroker } from '../live-broker.js';
import { kafkaClassPath, noApacheKafka } from '../peers/apache-kafka.js';
import { ToolShell } from '../peers/tool-shell.js';
import { projectRoot } from '../project-root.js';
import { removeTemporaryFolder, temporaryFolder } from '../temp-folder.js';

const TOOLS = 'org.apache.kafka.tools';
const MINUTE_MS = 60_000;
const PARTITIONS = 4;

/** What Kafka's formatters print of a record. */
interface Formatted<Value> {
  readonly key: { readonly type: number; readonly data: FormattedKey };
  readonly value: { readonly version: number; readonly data: Value } | null;
}

interface FormattedKey {
  readonly group: string;
  /** Of committed offsets alone. */
  readonly topic?: string;
  readonly partition?: number;
}

interface FormattedOffset {
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly commitTimestamp: number;
  readonly topicId: string;
}

interface FormattedGeneration {
  readonly protocolType: string;
  readonly protocol: string;
  readonly leader: string;
  readonly members: readonly {
    readonly memberId: string;
    readonly clientId: string;
    readonly groupInstanceId: string | null;
    /** Base64. */
    readonly assignment: string;
  }[];
}

/** The program that holds the members, and asks the Admin client about them once it is told to go on. */
class GroupAdmin {
  readonly #child;
  #output = '';
  #complaints = '';
  readonly #ended: Promise<number | null>;
  readonly ready: Promise<void>;

  constructor(bootstrap: string) {
    const program = join(projectRoot, 'test/clients/java/GroupAdmin.java');
    const args = ['-XX:TieredStopAtLevel=1', '-cp', kafkaClassPath(), program, bootstrap, 'logs', String(PARTITIONS)];
    this.#child = spawn('java', args);
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#complaints += text;
    });
    this.#ended = new Promise((resolve) => this.#child.once('close', resolve));
    this.ready = new Promise((resolve, reject) => {
      this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
        if (/^ready$/m.test(this.#output)) resolve();
      });
      void this.#ended.then(() => reject(new Error(`${this.#output}\n${this.#complaints}`)));
    });
  }

  /** All that it said, once it has ended. */
  async goOn(): Promise<string> {
    this.#child.stdin.end('\n');
    assert.equal(await this.#ended, 0, `${this.#output}\n${this.#complaints}`);
    return this.#output;
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }
}

test('Java tools and the Admin client on groups', { timeout: CLIENT_TEST_TIMEOUT_MS }, async (t) => {
  const missing = noApacheKafka();
  if (missing) return t.skip(missing);
  const broker = await startLiveBroker(t);
  if (!broker) return;
  const folder = temporaryFolder('java-groups');
  const admin = new GroupAdmin(broker.bootstrap);
  const shell = new ToolShell();
  t.after(() => {
    admin.close();
    shell.close();
    removeTemporaryFolder(folder);
  });
  const run = (tool: string, args: readonly string[]) =>
    shell.run(tool, ['--bootstrap-server', broker.bootstrap, ...args]);
  const groups = async (...args: string[]) => (await run(`${TOOLS}.consumer.group.ConsumerGroupCommand`, args)).stdout;
  const ids = async () => (await groups('--list')).split('\n').filter(Boolean).sort().join();
  /** What a reset says that it sets: `topic-partition:offset` of each row. */
  const resets = async (group: string, ...args: string[]) => {
    const printed = await groups('--reset-offsets', '--group', group, ...args);
    const rows = [...printed.matchAll(/^\S+ +(\S+) +(\d+) +(\d+) *$/gm)].map(([, ...row]) => row);
    assert.ok(rows.length > 0, printed);
    return rows
      .map(([topic, partition, offset]) => `${topic}-${partition}:${offset}`)
      .sort()
      .join(' ');
  };
  /** `topic-partition:committed/lag` of each row that describing the offsets shows. */
  const offsets = async (group: string) => {
    const printed = await groups('--describe', '--group', group);
    return [...printed.matchAll(/^\S+ +(\S+) +(\d+) +(\d+|-) +\d+ +(\d+|-) /gm)]
      .map(([, topic, partition, committed, lag]) => `${topic}-${partition}:${committed}/${lag}`)
      .sort()
      .join(' ');
  };
  const done = async (args: readonly string[], input = '') => {
    const outcome = await millrace([...args, '-b', broker.bootstrap], input);
    assert.equal(outcome.exitCode, 0, outcome.stderr);
  };

  const firstMs = Date.now() - 10 * MINUTE_MS;
  await done(['topic', 'create', 'logs', '-p', String(PARTITIONS)]);
  await done(['topic', 'create', 'states', '-p', '1']);
  const lines = Array.from({ length: 10 }, (_, i) => JSON.stringify({ payload: `${i}`, ts: firstMs + i * MINUTE_MS }));
  await done(['produce', 'logs', '-p', '0', '--json'], lines.join('\n'));
  await done(['produce', 'logs', '-p', '1', '--json'], lines.slice(0, 3).join('\n'));
  await done(['produce', 'states'], 'one\n');

  await t.test('offsets are reset in every way', async () => {
    const logs = ['--topic', 'logs:0,1'];
    assert.equal(await resets('moved', ...logs, '--to-earliest', '--dry-run'), 'logs-0:0 logs-1:0');
    assert.equal(await resets('moved', '--topic', 'logs', '--to-latest'), 'logs-0:10 logs-1:3 logs-2:0 logs-3:0');
    assert.equal(await resets('moved', ...logs, '--to-current'), 'logs-0:10 logs-1:3');
    assert.match(await groups('--describe', '--group', 'moved'), /Group moved not found|group 'moved' does not exist/i);
    assert.equal(await resets('moved', ...logs, '--to-offset', '2', '--execute'), 'logs-0:2 logs-1:2');
    assert.equal(await offsets('moved'), 'logs-0:2/8 logs-1:2/1');
    assert.equal(await resets('moved', ...logs, '--to-current', '--execute'), 'logs-0:2 logs-1:2');
    assert.equal(await resets('moved', '--all-topics', '--shift-by', '1', '--execute'), 'logs-0:3 logs-1:3');
    assert.equal(await resets('moved', ...logs, '--shift-by', '-2'), 'logs-0:1 logs-1:1');
    assert.equal(await resets('moved', ...logs, '--to-offset', '100'), 'logs-0:10 logs-1:3');
    const time = new Date(firstMs + 5 * MINUTE_MS - 1000).toISOString().slice(0, -1);
    assert.equal(await resets('moved', ...logs, '--to-datetime', `${time}Z`), 'logs-0:5 logs-1:3');
    const agoSeconds = Math.round((Date.now() - firstMs) / 1000) - 7 * 60 + 10;
    assert.equal(await resets('moved', ...logs, '--by-duration', `PT${agoSeconds}S`), 'logs-0:7 logs-1:3');
    const file = join(folder, 'offsets.csv');
    const exported = await groups('--reset-offsets', '--group', 'moved', ...logs, '--to-current', '--export');
    const rows = exported.split('\n').filter((row) => /^"?logs/.test(row));
    assert.equal(rows.length, 2, exported);
    writeFileSync(file, `${rows.join('\n')}\n`);
    await groups('--reset-offsets', '--group', 'moved', ...logs, '--to-latest', '--execute');
    assert.equal(await offsets('moved'), 'logs-0:10/0 logs-1:3/0');
    assert.equal(await resets('moved', '--from-file', file, '--execute'), 'logs-0:3 logs-1:3');
    // One file serves both tools.
    await done(['group', 'reset', 'ours', '--from-file', file, '--execute']);
    assert.equal(await offsets('ours'), 'logs-0:3/7 logs-1:3/0');
    // Those of all groups at once, with a column for the group: what Kafka's tool has written ours reads.
    const everything = ['--reset-offsets', '--all-groups', '--all-topics'];
    const planned = await groups(...everything, '--to-latest', '--dry-run');
    for (const group of ['moved', 'ours']) assert.match(planned, new RegExp(`^${group} +logs +0 +10 *$`, 'm'));
    const all = await groups(
      '--reset-offsets',
      '--group',
      'moved',
      '--group',
      'ours',
      '--all-topics',
      '--to-latest',
      '--export',
    );
    const ofAll = all.split('\n').filter((row) => /^"?(moved|ours)"?,/.test(row));
    assert.equal(ofAll.length, 4, all);
    writeFileSync(file, `${ofAll.join('\n')}\n`);
    const { stdout } = await millrace(['group', 'reset', 'moved', 'ours', '--from-file', file, '-b', broker.bootstrap]);
    for (const group of ['moved', 'ours']) assert.match(stdout, new RegExp(`^${group} +logs +0 +10 +3$`, 'm'));
    assert.equal(
      await resets('idle', '--topic', 'logs:0', '--topic', 'states', '--to-latest', '--execute'),
      ['logs-0:10', 'states-0:1'].join(' '),
    );
  });

  await t.test('groups with members are listed and described, and neither reset nor deleted', async () => {
    await admin.ready;
    assert.equal(await ids(), 'idle,moved,new,old,ours');
    assert.match(await groups('--list', '--type', 'consumer'), /^GROUP +TYPE *\nnew +Consumer *\n$/);
    assert.match(
      await groups('--list', '--state', 'stable'),
      /^GROUP +STATE *\n(?=[\s\S]*new +Stable)(?=[\s\S]*old +Stable)/,
    );
    assert.match(await groups('--list', '--state', 'Empty', '--type', 'classic'), /idle +Classic +Empty/);
    /** The rows below the headings; the tool says more where it is not let end its virtual machine. */
    const listed = async (...args: string[]) => {
      const { stdout } = await run(`${TOOLS}.GroupsCommand`, ['--list', ...args]);
      assert.match(stdout, /^GROUP +TYPE +PROTOCOL *$/m);
      return [...stdout.matchAll(/^(\S+) +(Classic|Consumer|Share) *(\S*) *$/gm)]
        .map(([, ...row]) => row.join(' '))
        .sort();
    };
    const all = ['idle Classic ', 'moved Classic ', 'new Consumer consumer', 'old Classic consumer', 'ours Classic '];
    assert.deepEqual(await listed(), all);
    assert.deepEqual(await listed('--consumer'), all);
    assert.deepEqual(await listed('--group-type', 'consumer'), ['new Consumer consumer']);
    assert.deepEqual(await listed('--protocol', 'consumer'), ['new Consumer consumer', 'old Classic consumer']);
    assert.deepEqual(await listed('--share'), []);

    for (const [group, type] of [
      ['old', 'classic'],
      ['new', 'consumer'],
    ] as const) {
      const described = await groups('--describe', '--group', group, '--verbose');
      assert.match(described, new RegExp(`^${group} +logs +0 +0 +4 +10 +6 +\\S+ +/?127\\.0\\.0\\.1 +${group}-`, 'm'));
      assert.match(described, new RegExp(`^${group} +logs +2 +- +- +0 +- `, 'm'));
      const members = await groups('--describe', '--group', group, '--members');
      assert.match(members, new RegExp(`^${group} +\\S+ +chair +/?127\\.0\\.0\\.1 +${group}-chair +2`, 'm'));
      const verbose = await groups('--describe', '--group', group, '--members', '--verbose');
      assert.match(verbose, new RegExp(`^${group} .*${group}-guest +2 .*logs:\\d,\\d`, 'm'));
      const state = await groups('--describe', '--group', group, '--state', '--verbose');
      const assignor = type === 'classic' ? 'range' : 'uniform';
      assert.match(state, new RegExp(`${group} +127\\.0\\.0\\.1:\\d+ +\\(1\\) +${assignor} +Stable .*2$`, 'm'));
      assert.match(
        await groups('--reset-offsets', '--group', group, '--topic', 'logs', '--to-latest', '--execute'),
        /Assignments can only be reset if the group '\w+' is inactive, but the current state is Stable/,
      );
      assert.match(await groups('--delete', '--group', group), /GroupNotEmptyException/);
      assert.match(
        await groups('--delete-offsets', '--group', group, '--topic', 'logs:0'),
        /logs +0 +Error: .*Deleting offsets of a topic is forbidden while the consumer group is actively subscribed/,
      );
    }
    const everything = await groups('--describe', '--all-groups', '--state');
    for (const group of ['idle', 'moved', 'ours']) assert.match(everything, new RegExp(`${group} .*Empty +0`));
  });

  await t.test('offsets are deleted, and groups', async () => {
    assert.match(
      await groups('--delete-offsets', '--group', 'idle', '--topic', 'states'),
      /Request succeeded[\s\S]*states +0 +Successful/,
    );
    assert.equal(await offsets('idle'), 'logs-0:10/0');
    assert.match(
      await groups('--delete-offsets', '--group', 'nobody', '--topic', 'logs'),
      /Error: The group id does not exist/,
    );
    assert.match(
      await groups('--delete', '--group', 'idle', '--group', 'ours'),
      /'(idle', 'ours|ours', 'idle)'\) was successful/,
    );
    assert.match(await groups('--delete', '--group', 'nobody'), /GroupIdNotFoundException/);
    assert.equal(await ids(), 'moved,new,old');
  });

  await t.test('the Admin client', async () => {
    // Kafka shows hosts as Java prints an address.
    const said = (await admin.goOn()).replaceAll(' /127.', ' 127.').split('\n');
    const consumerGroups = 'new Consumer consumer Stable, old Classic consumer Stable';
    const member = (name: string, instance: string, target: string, upgraded: string) =>
      `${name} 127.0.0.1 ${instance} has 2 target ${target} upgraded ${upgraded} id given`;
    assert.deepEqual(said, [
      'alter old before it is there: done',
      'alter new before it is there: done',
      'ready',
      `list: moved Classic  Empty, ${consumerGroups}`,
      'list consumer: new Consumer consumer Stable',
      'list stable classic: old Classic consumer Stable',
      'list share: ',
      'list of protocol connect: ',
      `list for consumers: moved Classic  Empty, ${consumerGroups}`,
      said[9],
      `member of new: ${member('new-chair', 'chair', '2', 'true')}`,
      `member of new: ${member('new-guest', '-', '2', 'true')}`,
      'describe old: Classic Stable assignor range epochs -- coordinator 1 simple false',
      `member of old: ${member('old-chair', 'chair', '-', '-')}`,
      `member of old: ${member('old-guest', '-', '-', '-')}`,
      'describe classic old: Stable consumer range',
      `member of classic old: ${member('old-chair', 'chair', '-', '-')}`,
      `member of classic old: ${member('old-guest', '-', '-', '-')}`,
      'describe nobody: GroupIdNotFoundException',
      'offsets: new/logs-0=4@0 by hand, new/logs-1=4@0 by hand, old/logs-0=4@0 by hand, old/logs-1=4@0 by hand',
      'alter old: UnknownMemberIdException',
      'delete offset of old: GroupSubscribedToTopicException',
      'delete old: GroupNotEmptyException',
      'alter new: UnknownMemberIdException',
      'delete offset of new: GroupSubscribedToTopicException',
      'delete new: GroupNotEmptyException',
      'static members of old: 1',
      'remove a stranger of old: UnknownMemberIdException',
      'remove old: done',
      'static members of new: 1',
      'remove a stranger of new: UnknownMemberIdException',
      'remove new: done',
      'list empty: moved Classic  Empty, new Consumer consumer Empty, old Classic consumer Empty',
      'alter old: done',
      'delete offset of old: done',
      'alter new: done',
      'delete offset of new: done',
      'offsets: new/logs-1=2@0 by hand, old/logs-1=2@0 by hand',
      'delete both: done',
      'delete nobody: GroupIdNotFoundException',
      'list: moved Classic  Empty',
      '',
    ]);
    assert.match(said[9], /^describe new: Consumer Stable assignor uniform epochs (\d+)\1 coordinator 1 simple false$/);
  });

  await t.test("Kafka's console consumer reads __consumer_offsets with Kafka's own formatters", async () => {
    const ends = (await run(`${TOOLS}.GetOffsetShell`, ['--topic', '__consumer_offsets'])).stdout;
    const records = [...ends.matchAll(/^__consumer_offsets:\d+:(\d+)$/gm)].reduce(
      (sum, [, end]) => sum + Number(end),
      0,
    );
    const formatted = async <Value>(formatter: string): Promise<Formatted<Value>[]> => {
      const { stdout } = await run(`${TOOLS}.consumer.ConsoleConsumer`, [
        ...['--topic', '__consumer_offsets', '--from-beginning', '--max-messages', String(records)],
        ...['--formatter', `${TOOLS}.consumer.${formatter}`, '--group', formatter],
      ]);
      assert.match(stdout, new RegExp(`Processed a total of ${records} messages`));
      // It writes no line ends between them.
      return [...stdout.matchAll(/\{"key".*?\}(?=\{"key"|Processed|$)/gm)].map(([text]) => JSON.parse(text));
    };

    const committed = await formatted<FormattedOffset>('OffsetsMessageFormatter');
    const logsId = committed.find(({ value }) => value !== null)?.value?.data.topicId;
    assert.match(String(logsId), /^[\w-]{22}$/);
    const history = (group: string, partition: number, topic = 'logs') =>
      committed
        .filter(({ key: { data } }) => data.group === group && data.topic === topic && data.partition === partition)
        .map(({ key, value }) => {
          assert.equal(key.type, 1);
          if (value === null) return null;
          assert.equal(value.version, 4);
          assert.ok(value.data.commitTimestamp > firstMs);
          if (topic === 'logs') assert.equal(value.data.topicId, logsId);
          return `${value.data.offset}@${value.data.leaderEpoch} ${value.data.metadata}`;
        });
    assert.deepEqual(history('moved', 0), ['2@-1 ', '2@-1 ', '3@-1 ', '10@-1 ', '3@-1 ']);
    assert.deepEqual(history('moved', 1), ['2@-1 ', '2@-1 ', '3@-1 ', '3@-1 ', '3@-1 ']);
    assert.deepEqual(history('idle', 0), ['10@-1 ', null]);
    assert.deepEqual(history('idle', 0, 'states'), ['1@-1 ', null]);
    for (const group of ['old', 'new']) {
      assert.equal(history(group, 1)[0], '4@0 by hand');
      assert.equal(history(group, 1).at(-1), null);
    }

    const metadata = await formatted<FormattedGeneration>('GroupMetadataMessageFormatter');
    const generations = metadata.filter(({ key }) => key.data.group === 'old');
    assert.equal(generations.at(-1)?.value, null);
    const stable = generations.find(({ value }) => value?.data.members.length === 2);
    assert.ok(stable?.value);
    assert.deepEqual([stable.key.type, stable.value.version], [2, 3]);
    const { protocolType, protocol, leader, members } = stable.value.data;
    assert.deepEqual([protocolType, protocol], ['consumer', 'range']);
    assert.ok(members.some(({ memberId }) => memberId === leader));
    assert.deepEqual(members.map(({ clientId, groupInstanceId }) => `${clientId} ${groupInstanceId}`).sort(), [
      'old-chair chair',
      'old-guest null',
    ]);
    const assigned = members.flatMap(({ assignment }) => {
      const { assignedPartitions } = decodeRecord(consumerProtocolAssignment, Buffer.from(assignment, 'base64'));
      return assignedPartitions.flatMap(({ topic, partitions }) => partitions.map((index) => `${topic}-${index}`));
    });
    assert.deepEqual(assigned.sort(), ['logs-0', 'logs-1', 'logs-2', 'logs-3']);
  });
});
