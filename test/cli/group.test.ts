/** The verbs of `group` against a live broker with groups of both protocols. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { KafkaClient } from '../../src/cli/client.js';
import { alterShareGroupOffsets } from '../../src/protocol/messages/91-alter-share-group-offsets.js';
import { BrokerProcess, brokerIsBuilt, noBroker } from '../broker-process.js';
import { removeTemporaryFolder, temporaryFolder } from '../temp-folder.js';
import { millrace } from './command-line.js';
import { classicMember, consumerMember, type LiveMember } from './group-members.js';

const MINUTE_MS = 60_000;

suite('group', { skip: brokerIsBuilt ? false : noBroker }, () => {
  const folder = temporaryFolder('group-verbs');
  const members: LiveMember[] = [];
  /** When the oldest record of `logs` was made: each is a minute younger than the one before it. */
  const firstMs = Date.now() - 10 * MINUTE_MS;
  let broker: BrokerProcess;

  const run = (...args: string[]) => millrace(['group', ...args, '-b', broker.bootstrap]);
  const done = async (...args: string[]) => {
    const outcome = await run(...args);
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    return outcome.stdout;
  };
  const refused = async (...args: string[]) => {
    const outcome = await run(...args);
    assert.equal(outcome.exitCode, 1, outcome.stdout);
    return outcome.stderr;
  };
  const must = async (args: readonly string[], input = '') => {
    const outcome = await millrace([...args, '-b', broker.bootstrap], input);
    assert.equal(outcome.exitCode, 0, outcome.stderr);
  };
  /** `topic-partition:new` of each row that a reset prints. */
  const resets = async (group: string, ...args: string[]) => {
    const rows = JSON.parse(await done('reset', group, ...args, '--json')) as Record<string, unknown>[];
    return rows.map(({ topic, partition, newOffset }) => `${topic}-${partition}:${newOffset}`).join(' ');
  };
  const committed = async (group: string) => {
    const [{ offsets }] = JSON.parse(await done('describe', group, '--json'));
    return offsets
      .map(
        ({ topic, partition, committedOffset }: Record<string, unknown>) => `${topic}-${partition}:${committedOffset}`,
      )
      .join(' ');
  };

  before(async () => {
    broker = await BrokerProcess.start({ overrides: { 'group.initial.rebalance.delay.ms': 0 } });
    await must(['topic', 'create', 'logs', '-p', '2']);
    await must(['topic', 'create', 'states']);
    const lines = Array.from({ length: 10 }, (_, i) =>
      JSON.stringify({ payload: `${i}`, ts: firstMs + i * MINUTE_MS }),
    );
    await must(['produce', 'logs', '-p', '0', '--json', '--compression', 'zstd'], lines.join('\n'));
    await must(['produce', 'logs', '-p', '1', '--json'], lines.slice(0, 3).join('\n'));
    await must(['produce', 'states'], 'one\n');
    const assignment = [
      { topic: 'logs', partitions: [1, 0] },
      { topic: 'states', partitions: [0] },
    ];
    for (const group of ['classic', 'new']) {
      await must(['group', 'reset', group, '--topic', 'logs:0', '--to-offset', '4', '--execute']);
    }
    members.push(await classicMember(broker.bootstrap, 'classic', assignment));
    members.push(await consumerMember(broker.bootstrap, 'new', ['logs'], 'chair'));
    await must(['group', 'reset', 'idle', '--topic', 'logs', '--to-earliest', '--execute']);
  });
  after(async () => {
    for (const member of members) member.close();
    await broker.dispose();
    removeTemporaryFolder(folder);
  });

  test('are listed, by state and type', async () => {
    const ids = async (...flags: string[]) =>
      JSON.parse(await done('list', '--json', ...flags)).map(({ groupId }: { groupId: string }) => groupId);
    assert.deepEqual(await ids(), ['classic', 'idle', 'new']);
    assert.deepEqual(await ids('--state', 'stable'), ['classic', 'new']);
    assert.deepEqual(await ids('--state', 'Empty,Dead'), ['idle']);
    assert.deepEqual(await ids('--type', 'consumer'), ['new']);
    assert.deepEqual(await ids('--type', 'classic', '--state', 'stable'), ['classic']);
    assert.deepEqual(await ids('--type', 'share'), []);
    assert.match(await done('list'), /^GROUP +TYPE +STATE +PROTOCOL\nclassic +classic +Stable +consumer\n/);
  });

  test('show how far behind they are, in records and in seconds', async () => {
    for (const [group, { memberId }] of [['classic', members[0]] as const, ['new', members[1]] as const]) {
      const [{ offsets }] = JSON.parse(await done('describe', group, '--json'));
      const [first, second] = offsets;
      const ageSeconds = (Date.now() - firstMs) / 1000 - 4 * 60;
      assert.ok(Math.abs(first.lagSeconds - ageSeconds) < 30, `${first.lagSeconds} s instead of ${ageSeconds} s`);
      assert.deepEqual(
        { ...first, lagSeconds: 0 },
        {
          ...{ topic: 'logs', partition: 0, committedOffset: 4, leaderEpoch: null, metadata: '', logEndOffset: 10 },
          ...{ lag: 6, lagSeconds: 0, memberId },
        },
      );
      assert.deepEqual(
        [second.partition, second.committedOffset, second.lag, second.lagSeconds],
        [1, null, null, null],
      );
      assert.match(
        await done('describe', group),
        new RegExp(`^GROUP +TOPIC +PARTITION +CURRENT-OFFSET +LOG-END-OFFSET +LAG +LAG-SECONDS +CONSUMER-ID +HOST +CLIENT-ID
${group} +logs +0 +4 +10 +6 +[\\d.]+ +${memberId} +127\\.0\\.0\\.1 +millrace-cli
${group} +logs +1 +- +3 +- +- +${memberId} +127\\.0\\.0\\.1 +millrace-cli
`),
      );
    }
  });

  test('a group that has read all is not behind, and one that lost records is behind by what it can still read', async () => {
    await done('reset', 'ahead', '--topic', 'logs', '--to-latest', '--execute');
    const [{ offsets }] = JSON.parse(await done('describe', 'ahead', '--json'));
    assert.deepEqual(
      offsets.map((offset: { lag: number; lagSeconds: number }) => [offset.lag, offset.lagSeconds]),
      [
        [0, 0],
        [0, 0],
      ],
    );
    await done('delete', 'ahead');
  });

  test('show their members', async () => {
    const [classic, consumer] = members;
    const { stdout, stderr } = await run('describe', 'classic', 'new', 'idle', '--members', '--verbose');
    assert.match(
      stdout,
      new RegExp(`^GROUP +CONSUMER-ID +GROUP-INSTANCE-ID +HOST +CLIENT-ID +#PARTITIONS +CURRENT-EPOCH +CURRENT-ASSIGNMENT +TARGET-ASSIGNMENT
classic +${classic.memberId} +- +127\\.0\\.0\\.1 +millrace-cli +3 +- +logs:0,1;states:0 +-
new +${consumer.memberId} +chair +127\\.0\\.0\\.1 +millrace-cli +2 +1 +logs:0,1 +logs:0,1
$`),
    );
    assert.equal(stderr, 'Group idle has no active members.\n');
    assert.match(await done('describe', 'new', '--members'), /#PARTITIONS\nnew .* 2\n$/);
  });

  test('show their state', async () => {
    assert.match(
      await done('describe', '--all-groups', '--state', '--verbose'),
      /^GROUP +TYPE +ASSIGNMENT-STRATEGY +STATE +GROUP-EPOCH +TARGET-ASSIGNMENT-EPOCH +#MEMBERS\nclassic +classic +range +Stable +- +- +1\nidle +classic +- +Empty +- +- +0\nnew +consumer +uniform +Stable +1 +1 +1\n$/,
    );
  });

  test('with members are neither reset nor deleted', async () => {
    for (const group of ['classic', 'new']) {
      assert.match(
        await refused('reset', group, '--topic', 'logs', '--to-latest', '--execute'),
        new RegExp(`^Group ${group} cannot be reset while it has members: it is Stable with 1\\.`),
      );
      assert.match(await refused('delete', group), /NON_EMPTY_GROUP/);
      assert.match(await refused('delete-offsets', group, '--topic', 'logs'), /^$/);
      assert.equal(
        await committed(group),
        group === 'new' ? 'logs-0:4 logs-1:null' : 'logs-0:4 logs-1:null states-0:null',
      );
    }
  });

  test('are reset in every way', async () => {
    const group = 'moved';
    const logs = ['--topic', 'logs'];
    assert.equal(await resets(group, ...logs, '--to-earliest'), 'logs-0:0 logs-1:0');
    assert.equal(await resets(group, ...logs, '--to-latest'), 'logs-0:10 logs-1:3');
    assert.equal(await resets(group, ...logs, '--to-current'), 'logs-0:10 logs-1:3');
    assert.match(await refused('reset', group, ...logs, '--shift-by', '1'), /has committed nothing in logs-0/);
    assert.match(await refused('describe', group), /There is no group moved/);
    assert.equal(await resets(group, ...logs, '--to-offset', '2', '--execute'), 'logs-0:2 logs-1:2');
    assert.equal(await committed(group), 'logs-0:2 logs-1:2');
    assert.equal(await resets(group, ...logs, '--to-current', '--topic', 'states'), 'logs-0:2 logs-1:2 states-0:1');
    assert.equal(await resets(group, '--topic', 'logs:1', '--topic', 'logs:0', '--shift-by', '1'), 'logs-0:3 logs-1:3');
    assert.equal(await resets(group, '--all-topics', '--shift-by', '-1', '--dry-run'), 'logs-0:1 logs-1:1');
    assert.equal(await committed(group), 'logs-0:2 logs-1:2');
    const time = new Date(firstMs + 5 * MINUTE_MS - 1000).toISOString();
    assert.equal(await resets(group, ...logs, '--to-datetime', time), 'logs-0:5 logs-1:3');
    assert.equal(await resets(group, ...logs, '--to-datetime', time.replace('Z', '')), 'logs-0:5 logs-1:3');
    const agoSeconds = Math.round((Date.now() - firstMs) / 1000) - 7 * 60 + 10;
    assert.equal(await resets(group, ...logs, '--by-duration', `PT${agoSeconds}S`), 'logs-0:7 logs-1:3');
    assert.equal(await resets(group, ...logs, '--by-duration', '30d'), 'logs-0:0 logs-1:0');
  });

  test('are reset all at once, but for those that have members', async () => {
    for (const group of ['first', 'second'])
      await done('reset', group, '--topic', 'logs:0', '--to-offset', '1', '--execute');
    const { exitCode, stdout, stderr } = await run(
      ...['reset', '--all-groups', '--all-topics', '--shift-by', '2', '--execute', '--json'],
    );
    assert.equal(exitCode, 1, 'not all could be done');
    for (const group of ['classic', 'new']) assert.match(stderr, new RegExp(`Group ${group} cannot be reset`));
    const moved = JSON.parse(stdout).map(
      (row: Record<string, unknown>) => `${row.groupId} ${row.topic}-${row.partition}`,
    );
    for (const group of ['first', 'second']) {
      assert.ok(moved.includes(`${group} logs-0`), moved.join());
      assert.equal(await committed(group), 'logs-0:3');
    }
    assert.equal(await committed('classic'), 'logs-0:4 logs-1:null states-0:null');
    assert.match(await refused('reset', 'first', '--all-groups', '--all-topics', '--to-latest'), /Name groups, or say/);
    await done('delete', 'first', 'second');
    await done('reset', 'idle', '--topic', 'logs', '--to-earliest', '--execute');
  });

  test('stay within the log when they are reset, and say so', async () => {
    const { stdout, stderr } = await run('reset', 'idle', '--topic', 'logs:1', '--to-offset', '100');
    assert.match(stdout, /^GROUP +TOPIC +PARTITION +NEW-OFFSET +OLD-OFFSET\nidle +logs +1 +3 +0\n$/);
    assert.match(stderr, /^logs-1: 100 lies outside of the log \(0 to 3\), 3 is taken\.\nNothing was changed/);
    assert.equal(await resets('idle', '--all-topics', '--shift-by', '-5'), 'logs-0:0 logs-1:0');
  });

  test('are reset to what a file says', async () => {
    const file = join(folder, 'offsets.csv');
    for (const group of ['left', 'right']) {
      await done('reset', group, '--topic', 'logs', '--to-offset', group === 'left' ? '1' : '2', '--execute');
    }
    const exported = await done('reset', 'left', 'right', '--all-topics', '--to-current', '--export');
    assert.equal(exported, 'left,logs,0,1\nleft,logs,1,1\nright,logs,0,2\nright,logs,1,2\n');
    writeFileSync(file, exported);
    await done('reset', 'left', 'right', '--all-topics', '--to-latest', '--execute');
    await done('reset', 'left', 'right', '--from-file', file, '--execute');
    assert.equal(`${await committed('left')} ${await committed('right')}`, 'logs-0:1 logs-1:1 logs-0:2 logs-1:2');
    writeFileSync(file, await done('reset', 'left', '--topic', 'logs:1', '--to-latest', '--export'));
    assert.equal(await resets('right', '--from-file', file), 'logs-1:3');
    writeFileSync(file, 'logs,0\n');
    assert.match(await refused('reset', 'left', '--from-file', file), /offsets\.csv cannot be read: row 1 is "logs,0"/);
    writeFileSync(file, 'logs,7,0\n');
    assert.match(await refused('reset', 'left', '--from-file', file), /Topic logs has no partition 7/);
    assert.match(await refused('reset', 'left', '--from-file', join(folder, 'absent')), /absent cannot be read/);
    assert.match(await refused('reset', 'left', '--from-file', file, '--topic', 'logs'), /says itself/);
  });

  test('what is not there is told before anything is changed', async () => {
    assert.match(
      await refused('reset', 'idle', '--topic', 'logs', '--topic', 'nix', '--to-latest', '--execute'),
      /Topic nix/,
    );
    assert.match(await refused('reset', 'idle', '--topic', 'logs:9', '--to-latest', '--execute'), /no partition 9/);
    assert.match(
      await refused('reset', 'idle', '--topic', 'logs:x', '--to-latest', '--execute'),
      /names no partitions/,
    );
    assert.match(await refused('reset', 'idle', '--to-latest'), /Name topics/);
    assert.equal(await committed('idle'), 'logs-0:0 logs-1:0');
    assert.match(await refused('delete', 'nobody'), /GROUP_ID_NOT_FOUND/);
    assert.match(await refused('delete-offsets', 'nobody', '--topic', 'logs'), /GROUP_ID_NOT_FOUND/);
    assert.match((await run('reset', 'nobody', '--all-topics', '--to-latest')).stderr, /there is nothing to reset/);
  });

  test('share groups are described, and not reset', async () => {
    const client = await KafkaClient.connect(broker.bootstrap);
    const topics = [{ topicName: 'logs', partitions: [{ partitionIndex: 0, startOffset: 4 }] }];
    assert.equal((await client.request(alterShareGroupOffsets, { groupId: 'queue', topics })).errorCode, 'NONE');
    client.close();
    assert.match(await done('describe', 'queue', '--state'), /^queue +share +simple +Empty +0$/m);
    const offsets = await done('describe', 'queue');
    assert.match(offsets, /^queue +logs +0 +4 +10 +6 /m);
    assert.match(offsets, /^queue +logs +1 +- +3 +- /m);
    assert.match(await refused('reset', 'queue', '--all-topics', '--to-latest'), /is a share group/);
    assert.equal(await done('delete', 'queue'), 'Deleted group queue.\n');
  });

  test('lose offsets, and then all', async () => {
    assert.match(
      await done('delete-offsets', 'idle', '--topic', 'logs:1', '--topic', 'states'),
      /^TOPIC +PARTITION +STATUS\nlogs +1 +deleted\nstates +0 +deleted\n$/,
    );
    assert.equal(await committed('idle'), 'logs-0:0');
    assert.deepEqual(
      JSON.parse(await done('delete-offsets', 'classic', '--topic', 'states', '--json').catch(() => '[]')),
      [],
    );
    assert.equal(await done('delete', 'idle'), 'Deleted group idle.\n');
    const everything = await run('delete', '--all-groups', '--json');
    assert.equal(everything.exitCode, 1);
    const errors = JSON.parse(everything.stdout).filter(({ errorCode }: { errorCode: string }) => errorCode !== 'NONE');
    assert.deepEqual(
      errors.map(({ groupId, errorCode }: { groupId: string; errorCode: string }) => `${groupId} ${errorCode}`),
      ['classic NON_EMPTY_GROUP', 'new NON_EMPTY_GROUP'],
    );
  });
});
