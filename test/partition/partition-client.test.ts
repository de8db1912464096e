/** The main thread's side of shards: order, a ring that is full, threads that die, and when the broker gives up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { loadConfig } from '../../src/config/load.js';
import { Metrics } from '../../src/metrics/metrics.js';
import { PartitionClient } from '../../src/partition/partition-client.js';
import type { AppendResult, PartitionHandle } from '../../src/partition/partitions.js';
import { SegmentFiles } from '../../src/partition/segment-files.js';
import { oneDirectory } from './one-directory.js';

interface Setting {
  readonly client: PartitionClient;
  readonly fatal: Promise<string>;
  open(topic: string, index?: number): Promise<PartitionHandle>;
}

function start(shards: number, ringBytes = 64 * 1024): Setting {
  let tellFatal: (reason: string) => void = () => {};
  const fatal = new Promise<string>((resolve) => {
    tellFatal = resolve;
  });
  const client = new PartitionClient({
    shardEntry: new URL('./stand-in-shard.js', import.meta.url),
    shards,
    ringBytes,
    directories: oneDirectory('/nowhere'),
    openFilesMax: 10,
    retentionCheckMs: 1e9,
    compaction: null,
    scrubIntervalMs: 0,
    budgetBytes: 0,
    clock: systemClock,
    logger: silentLogger,
    metrics: new Metrics(),
    segmentFiles: new SegmentFiles(),
    sideJobs: {
      readAhead: async () => {},
      flush: async () => ({ failure: null }),
      delete: async () => {},
      hurryDeletions: () => {},
      checkpoint: async () => true,
      probe: async () => true,
      compact: async () => null,
      prepare: async () => [],
      check: async () => null,
      close: async () => {},
    },
    onFatal: tellFatal,
  });
  const config = loadConfig({ overrides: {} }).config.logConfig(new Map());
  return {
    client,
    fatal,
    async open(topic, index = 0) {
      const handle = client.open({ topic, topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', index, config, directoryId: null });
      await client.opened(handle);
      return handle;
    },
  };
}

const append = (client: PartitionClient, handle: PartitionHandle, bytes: string | Buffer): Promise<AppendResult> =>
  new Promise((resolve) => client.append(handle, Buffer.from(bytes as string), true, resolve));

const online = (client: PartitionClient, handle: PartitionHandle): Promise<void> =>
  new Promise((resolve) => {
    const unsubscribe = client.onProgress(handle, () => {
      if (handle.state !== 'online') return;
      unsubscribe();
      resolve();
    });
  });

test('a full ring keeps the order, tells sockets to wait, and relieves them', async () => {
  const { client, open } = start(1);
  const handle = await open('t');
  const order: number[] = [];
  const all: Promise<void>[] = [];
  for (let i = 0; i < 400; i++) {
    all.push(
      new Promise((resolve) => {
        client.append(handle, Buffer.alloc(1000, i), true, ({ error }) => {
          assert.equal(error, 'NONE');
          order.push(i);
          resolve();
        });
      }),
    );
  }
  assert.equal(client.congestion, null, 'those who send to other shards are read');
  const filled = client.takeFilled();
  assert.ok(filled !== null, 'who sent that is not');
  assert.equal(client.takeFilled(), null);
  const relieved = new Promise<void>((resolve) => filled.onRelieved(resolve));
  await Promise.all(all);
  await relieved;
  client.append(handle, Buffer.alloc(1000), true, () => undefined);
  assert.equal(client.takeFilled(), null, 'there is room again');
  assert.deepEqual(
    order,
    order.map((_, i) => i),
  );
  assert.equal(await client.close(), null);
});

test('what waits for a full ring is bounded; beyond it clients are told to come again', async () => {
  const { client, open } = start(1);
  const handle = await open('t');
  const results: Promise<AppendResult>[] = [];
  const batch = Buffer.alloc(30_000);
  for (let i = 0; i < 2400; i++) results.push(append(client, handle, batch));
  const errors = new Map<string, number>();
  for (const { error } of await Promise.all(results)) errors.set(error, (errors.get(error) ?? 0) + 1);
  assert.ok((errors.get('NOT_ENOUGH_REPLICAS') ?? 0) > 0);
  assert.ok((errors.get('NONE') ?? 0) > 2000);
  await client.close();
});

for (const way of ['throw', 'leave']) {
  test(`a shard that ends by ${way}: its partitions answer a retriable error and come back, others go on`, async () => {
    const { client, open } = start(2);
    const handles = await Promise.all([0, 1].map((index) => open('t', index)));
    assert.notEqual(handles[0].shard, handles[1].shard);
    const back = online(client, handles[0]);
    const [broken, whole] = await Promise.all([append(client, handles[0], way), append(client, handles[1], 'fine')]);
    assert.equal(broken.error, 'NOT_LEADER_OR_FOLLOWER');
    assert.equal(whole.error, 'NONE');
    assert.equal(handles[1].state, 'online');
    await back;
    assert.equal((await append(client, handles[0], 'again')).error, 'NONE');
    await client.close();
  });
}

test('the third death within a minute is the end', async () => {
  const { client, open, fatal } = start(1);
  const handle = await open('t');
  for (let death = 1; death <= 3; death++) {
    const back = death < 3 ? online(client, handle) : fatal;
    await append(client, handle, 'throw');
    await back;
  }
  assert.match(await fatal, /shard 0 died again and again/);
  await client.terminate();
});
