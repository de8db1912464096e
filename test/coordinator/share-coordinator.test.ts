/** Share groups between members and the disk: sessions, locks, waiting, what a crash leaves, what an administrator sets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACCEPT, REJECT, RELEASE, RENEW } from '../../src/coordinator/share/share-window.js';
import type { PartitionHandle } from '../../src/partition/partitions.js';
import { idle } from '../base/fake-clock.js';
import { GROUP, ShareWorld } from './share-world.js';

test('members get different records, whole batches at a time or never more than they ask for', async () => {
  const world = await ShareWorld.start();
  world.produce(20);
  const [a, b] = [world.open('a'), world.open('b')];
  assert.equal(await world.fetch(a, { recordsMax: 1 }), '0:0-4×1');
  assert.equal(await world.fetch(b, { recordsMax: 7, isStrict: true }), '0:5-11×1');
  assert.equal(await world.fetch(a), '0:12-19×1');
  assert.equal(await world.fetch(b), '');
  assert.deepEqual(world.offsets(), { startOffset: 0, lag: 20 });
});

test('two that ask at once are not given the same', async () => {
  const world = await ShareWorld.start();
  world.produce(10);
  const sessions = ['a', 'b'].map((member) => world.open(member));
  const given = await Promise.all(sessions.map((session) => world.fetch(session, { recordsMax: 1, waitMs: 1000 })));
  assert.deepEqual(given.sort(), ['0:0-4×1', '0:5-9×1']);
});

test('accepted is over; released comes back, until it was delivered often enough; rejected never does', async () => {
  const world = await ShareWorld.start();
  world.groupConfig.set('share.delivery.count.limit', '2');
  world.produce(6);
  const a = world.open('a');
  assert.equal(await world.fetch(a), '0:0-5×1');
  assert.equal(await world.say(a, 0, 1, ACCEPT), 'NONE');
  assert.equal(await world.say(a, 2, 2, REJECT), 'NONE');
  assert.equal(await world.say(a, 3, 4, RELEASE), 'NONE');
  assert.deepEqual(world.offsets(), { startOffset: 3, lag: 3 });
  assert.equal(await world.say(a, 3, 3, ACCEPT), 'INVALID_RECORD_STATE', 'it was given back');
  assert.equal(await world.fetch(a), '0:3-4×2');
  assert.equal(await world.say(a, 3, 4, RELEASE), 'NONE');
  assert.equal(await world.fetch(a), '', 'it was delivered as often as it may be');
  assert.deepEqual(world.offsets(), { startOffset: 5, lag: 1 });
});

test('who takes too long loses what it has; who renews keeps it', async () => {
  const world = await ShareWorld.start();
  world.produce(10);
  const [a, b] = [world.open('a'), world.open('b')];
  await world.fetch(a);
  await world.clock.advanceAndIdle(20_000);
  assert.equal(await world.say(a, 0, 4, RENEW), 'NONE');
  await world.clock.advanceAndIdle(10_000);
  assert.equal(await world.fetch(b), '0:5-9×2');
  assert.equal(await world.say(a, 5, 9, ACCEPT), 'INVALID_RECORD_STATE');
  assert.equal(await world.say(a, 0, 4, ACCEPT), 'NONE');
  await world.clock.advanceAndIdle(30_000);
  assert.equal(await world.fetch(a), '0:5-9×3');
  world.groupConfig.set('share.renew.acknowledge.enable', 'false');
  assert.equal(await world.say(a, 5, 9, RENEW), 'INVALID_REQUEST');
});

test('a session that is closed gives back what was not delivered, a connection that dies what was', async () => {
  const world = await ShareWorld.start();
  world.produce(5);
  const a = world.open('a');
  await world.fetch(a);
  world.shares.sessions.close(a, true);
  const b = world.open('b');
  assert.equal(await world.fetch(b), '0:0-4×1');
  world.disconnect(b);
  assert.equal(world.shares.sessions.size, 0);
  assert.equal(await world.fetch(world.open('c')), '0:0-4×2');
});

test('sessions: epochs go on, another epoch or none is refused, one too many, too', async () => {
  const world = await ShareWorld.start({ 'group.share.max.share.sessions': '1' });
  const { sessions } = world.shares;
  const { signal } = new AbortController();
  assert.equal(sessions.resume(GROUP, 'a', 1), 'SHARE_SESSION_NOT_FOUND');
  world.open('a');
  assert.equal(sessions.open(GROUP, 'b', signal), 'SHARE_SESSION_LIMIT_REACHED');
  assert.equal(sessions.resume(GROUP, 'a', 2), 'INVALID_SHARE_SESSION_EPOCH');
  assert.equal(typeof sessions.resume(GROUP, 'a', 1), 'object');
  assert.equal(sessions.resume(GROUP, 'a', 1), 'INVALID_SHARE_SESSION_EPOCH');
  assert.equal(typeof sessions.resume(GROUP, 'a', 2), 'object');
  assert.equal(typeof sessions.open(GROUP, 'a', signal), 'object', 'its own it may begin anew');
});

test('a fetch waits for records that come, and for those that come back', async () => {
  const world = await ShareWorld.start();
  const [a, b] = [world.open('a'), world.open('b')];
  const first = world.fetch(a, { waitMs: 60_000 });
  await world.clock.advanceAndIdle(1000);
  world.produce(5);
  assert.equal(await first, '0:0-4×1');
  const second = world.fetch(b, { waitMs: 60_000 });
  await world.clock.advanceAndIdle(1000);
  await world.say(a, 1, 1, RELEASE);
  assert.equal(await second, '0:1-1×2');
  const third = world.fetch(b, { waitMs: 500 });
  await world.clock.advanceAndIdle(500);
  assert.equal(await third, '');
});

test('too few bytes are waited over, and given when the time is up', async () => {
  const world = await ShareWorld.start();
  const a = world.open('a');
  world.produce(2);
  let given: string | null = null;
  const fetching = world.fetch(a, { bytesMin: 60, waitMs: 1000 }).then((acquired) => {
    given = acquired;
  });
  await world.clock.advanceAndIdle(600);
  assert.equal(given, null);
  await world.clock.advanceAndIdle(400);
  await fetching;
  assert.equal(given, '0:0-1×1');
  world.produce(3);
  const enough = world.fetch(a, { bytesMin: 60, waitMs: 60_000 });
  await world.clock.advanceAndIdle(1);
  world.produce(3);
  assert.equal(await enough, '0:2-7×1');
});

test('no more is begun than may be under way; what comes back goes first', async () => {
  const world = await ShareWorld.start();
  world.groupConfig.set('share.partition.max.record.locks', '100');
  world.produce(300);
  const a = world.open('a');
  assert.equal(await world.fetch(a), '0:0-99×1');
  assert.equal(await world.fetch(a), '');
  await world.say(a, 10, 19, ACCEPT);
  assert.equal(await world.fetch(a), '0:100-109×1');
  await world.say(a, 50, 50, RELEASE);
  assert.equal(await world.fetch(a), '0:50-50×2');
});

test('partitions take turns, and one that cannot be read says so', async () => {
  const world = await ShareWorld.start();
  world.produce(10, 0);
  world.produce(10, 1);
  const a = world.open('a', 0, 1);
  const given = [];
  for (let i = 0; i < 4; i++) given.push(await world.fetch(a, { recordsMax: 1 }));
  assert.deepEqual(given, ['0:0-4×1', '1:0-4×1', '0:5-9×1', '1:5-9×1']);
  world.handles[1].state = 'offline';
  assert.equal(await world.fetch(a), '1:KAFKA_STORAGE_ERROR');
  world.deleteTopic();
  assert.equal(await world.fetch(a), '0:UNKNOWN_TOPIC_ID 1:UNKNOWN_TOPIC_ID');
});

test('a crash takes nothing back that was answered, and gives out again what was not', async () => {
  const world = await ShareWorld.start({ 'share.coordinator.snapshot.update.records.per.snapshot': '2' });
  world.produce(20);
  const a = world.open('a');
  await world.fetch(a);
  for (const offset of [0, 3, 4, 7, 9]) assert.equal(await world.say(a, offset, offset, ACCEPT), 'NONE');
  await world.say(a, 5, 6, RELEASE);
  await world.restart();
  assert.deepEqual(world.offsets(), { startOffset: 1, lag: 15 });
  assert.equal(await world.fetch(world.open('b')), '0:1-2×1 0:5-6×2 0:8-8×1 0:10-19×1');
});

test('a group that begins at the end has its place before it is given anything', async () => {
  const world = await ShareWorld.start();
  world.groupConfig.set('share.auto.offset.reset', 'latest');
  world.produce(10);
  assert.equal(await world.fetch(world.open('a')), '');
  await world.restart();
  world.produce(5);
  assert.equal(await world.fetch(world.open('a')), '0:10-14×1');
  const byTime = await ShareWorld.start();
  byTime.groupConfig.set('share.auto.offset.reset', 'by_duration:PT1H');
  byTime.produce(10);
  assert.equal(await byTime.fetch(byTime.open('a')), '0:7-9×1');
});

test('where the disk refuses, nobody is told that it is done, and all is as it was on disk', async () => {
  const world = await ShareWorld.start();
  world.produce(5);
  const a = world.open('a');
  await world.fetch(a);
  assert.equal(await world.say(a, 0, 0, ACCEPT), 'NONE');
  for (const log of world.logs) log.failures.push({ kind: 'lost', error: 'KAFKA_STORAGE_ERROR' });
  assert.equal(await world.say(a, 1, 1, ACCEPT), 'KAFKA_STORAGE_ERROR');
  await idle();
  assert.equal(await world.fetch(a), '0:1-4×1');
  for (const log of world.logs) log.failures.length = 0;
  assert.equal(await world.say(a, 1, 4, ACCEPT), 'NONE');
  await world.restart();
  assert.deepEqual(world.offsets(), { startOffset: 5, lag: 0 });
});

test('records that retention takes are over; those that a crash of the machine takes come anew', async () => {
  const world = await ShareWorld.start();
  world.produce(20);
  const a = world.open('a');
  await world.fetch(a, { recordsMax: 10 });
  world.ends[0].start = 7;
  assert.equal(await world.fetch(a), '0:10-19×1');
  assert.equal(await world.say(a, 5, 8, ACCEPT), 'NONE');
  assert.deepEqual(world.offsets(), { startOffset: 9, lag: 11 });
  world.ends[0].end = 12;
  await world.restart();
  assert.equal(await world.fetch(world.open('a')), '0:9-11×1');
  await world.restart();
  assert.equal(world.offsets().startOffset, 9);
});

test('an administrator sets offsets and has topics forgotten; what is deleted is gone from the log, too', async () => {
  const world = await ShareWorld.start();
  world.produce(10);
  assert.deepEqual(world.offsets(), { startOffset: -1, lag: -1 });
  const handle = world.handles[0] as unknown as PartitionHandle;
  assert.equal(await world.shares.setOffset(GROUP, handle, 4), 'NONE');
  await world.restart();
  assert.deepEqual(world.offsets(), { startOffset: 4, lag: 6 });
  assert.equal(await world.fetch(world.open('a')), '0:4-9×1');
  assert.equal(await world.shares.forget(GROUP, new Set([world.topicId])), 'NONE');
  assert.deepEqual(world.offsets(), { startOffset: -1, lag: -1 });
  await world.restart();
  assert.deepEqual(world.offsets(), { startOffset: -1, lag: -1 });
  await world.shares.setOffset(GROUP, handle, 4);
  world.topicExists = false;
  await world.restart();
  await idle();
  world.topicExists = true;
  await world.restart();
  assert.deepEqual(world.offsets(), { startOffset: -1, lag: -1 }, 'its topic had gone while nobody watched');
});

test('old state is deleted from the log where newer has replaced it', async () => {
  const world = await ShareWorld.start();
  const quiet = world.open('q', 1);
  world.produce(5, 1);
  await world.fetch(quiet);
  world.produce(5000);
  const a = world.open('a');
  for (let offset = 0; offset < 3000; offset++) {
    if (offset % 500 === 0) await world.fetch(a);
    await world.say(a, offset, offset, ACCEPT);
  }
  await world.clock.advanceAndIdle(300_000);
  await world.clock.advanceAndIdle(300_000);
  assert.ok(world.deleted.length > 0);
  const { partition, offset } = world.deleted[world.deleted.length - 1];
  // What is left must tell all of it.
  const log = world.logs[partition];
  for (let i = 0; i < offset; i++) log.records[i] = { key: null, value: null };
  await world.restart();
  assert.equal(world.offsets().startOffset, 3000);
  assert.equal(world.offsets(1).startOffset, 0);
});

test('what replaces old state is on disk before that is deleted', async () => {
  const world = await ShareWorld.start({ 'share.coordinator.state.topic.num.partitions': '1' });
  const quiet = world.open('q', 1);
  world.produce(5, 1);
  await world.fetch(quiet);
  world.produce(5000);
  const a = world.open('a');
  for (let offset = 0; offset < 2500; offset++) {
    if (offset % 500 === 0) await world.fetch(a);
    await world.say(a, offset, offset, ACCEPT);
  }
  let open: () => void = () => undefined;
  world.logs[0].gate = new Promise((resolve) => {
    open = resolve;
  });
  for (let i = 0; i < 3; i++) await world.clock.advanceAndIdle(300_000);
  const needed = world.logs[0].records.findIndex(({ key }) => key !== null && key.readInt32BE(key.length - 4) === 1);
  for (const { offset } of world.deleted) assert.ok(offset <= needed, `${offset} is beyond ${needed}`);
  open();
});

test('offsets without records, as compaction leaves them, are over', async () => {
  const world = await ShareWorld.start();
  world.produce(10);
  world.emptyBelow = 7;
  assert.equal(await world.fetch(world.open('a'), { waitMs: 1 }), '0:7-9×1');
  assert.deepEqual(world.offsets(), { startOffset: 7, lag: 3 });
});

test('what is said twice is not answered before it is on disk', async () => {
  const world = await ShareWorld.start();
  world.produce(5);
  const a = world.open('a');
  await world.fetch(a);
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  for (const log of world.logs) log.gate = gate;
  const answers: string[] = [];
  const saying = [0, 1].map(async () => answers.push(await world.say(a, 0, 4, ACCEPT)));
  await idle();
  assert.deepEqual(answers, []);
  open();
  await Promise.all(saying);
  assert.deepEqual(answers, ['NONE', 'NONE']);
});
