/** The cells of the bench and the sets that they belong to. Runs in the process of `millrace bench`. */

import type { Compression } from '../../src/record/compression.js';
import { besideWork } from './beside.js';
import type { FlushPolicy } from './broker.js';
import type { Cell, CellSet, DeletionCell, LoadCell, LoadLimit, RestartCell, RunOptions } from './cell.js';
import type { BatchShape } from './job.js';

const defaultPartitions = 16;
const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;
const warmUpSeconds = 1;
/** At a thousand requests a second the client's own code is slow for so long, and late by milliseconds. */
const pacedWarmUpSeconds = 4;

const lines = (batchBytes: number, compression?: Compression): BatchShape => ({
  kind: 'log-lines',
  batchBytes,
  compression,
});
const blobs = (recordBytes: number, records: number): BatchShape => ({ kind: 'blobs', recordBytes, records });
const single = blobs(100, 1);

/** What a batch takes of a log, near enough for the flush limit. */
function batchBytesOf(shape: BatchShape): number {
  return shape.kind === 'log-lines' ? shape.batchBytes : 61 + shape.records * (shape.recordBytes + 11);
}

function target({ broker, topic, seconds }: RunOptions) {
  const { host, port, pid } = broker;
  return { host, port, topic, serverPid: pid, warmUpSeconds, seconds };
}

/** What most load cells have in common. */
const plain = {
  kind: 'load',
  flush: 'never',
  judgedBy: 'megabytesPerSecond',
  preloadBytes: 0,
  partitions: defaultPartitions,
  background: () => [],
  topicConfigs: [],
  secondsMin: 0,
  cold: false,
  fresh: false,
  stalls: false,
} as const;

interface Producing {
  readonly set: CellSet;
  readonly shape: BatchShape;
  readonly connections?: number;
  readonly inFlight?: number;
  readonly flush?: FlushPolicy;
  readonly partitions?: number;
  /** Counts from the first batch that any partition ever gets. */
  readonly fromFirstTouch?: boolean;
  readonly stalls?: boolean;
  readonly topicConfigs?: LoadCell['topicConfigs'];
}

function produceCell(name: string, work: string, producing: Producing): LoadCell {
  const { set, shape, connections = 4, inFlight = 4, flush = 'never', stalls = false } = producing;
  const { partitions = defaultPartitions, fromFirstTouch = false, topicConfigs = [] } = producing;
  const small = shape === single;
  const batchesPerFile = Math.ceil((connections * inFlight) / partitions);
  const limit: LoadLimit =
    flush === 'ack'
      ? { kind: 'flush', batchBytes: batchBytesOf(shape), batchesPerFile }
      : { kind: small ? 'echo' : 'receive' };
  return {
    ...plain,
    name,
    title: `${work}, ${connections} x ${inFlight} in flight, ${flush === 'ack' ? 'acks=all, on disk first' : 'acks=1'}`,
    set,
    judgedBy: small ? 'requestsPerSecond' : 'megabytesPerSecond',
    limits: [limit],
    flush,
    partitions,
    stalls,
    topicConfigs,
    job: (options) => ({
      kind: 'produce',
      ...target(options),
      ...(fromFirstTouch ? { warmUpSeconds: 0 } : {}),
      partitions,
      connections,
      inFlight,
      acks: flush === 'ack' ? -1 : 1,
      shape,
    }),
  };
}

/** Acknowledged when written, flushed every so often beside that: what consumers see follows the flush. */
function intervalCell(name: string, flushMs: number, set: CellSet): LoadCell {
  const topicConfigs = [{ name: 'flush.ms', value: String(flushMs) }];
  return produceCell(name, `flushed every ${flushMs} ms, 64 KiB batches`, {
    set,
    shape: lines(64 * KiB),
    topicConfigs,
  });
}

function fetchCell(name: string, work: string, set: CellSet, connections: number, fetchBytes: number): LoadCell {
  return {
    ...plain,
    name,
    title: work,
    set,
    limits: [
      { kind: 'fetch', way: 'sendfile' },
      { kind: 'fetch', way: 'sendfile', batchByBatch: true },
      // Far from the others, so once is enough.
      ...(set === 'quick' ? [{ kind: 'fetch', way: 'copy' } as const] : []),
    ],
    preloadBytes: 512 * MiB,
    job: (options) => ({
      kind: 'fetch',
      ...target(options),
      partitions: defaultPartitions,
      connections,
      fetchBytes,
    }),
  };
}

function endToEndCell(
  name: string,
  work: string,
  set: CellSet,
  flush: FlushPolicy,
  shape: BatchShape,
  batchesPerSecond: number,
): LoadCell {
  const partitions = 4;
  return {
    ...plain,
    name,
    title: `end to end, open loop, ${work}`,
    set,
    judgedBy: 'p50Ms',
    flush,
    limits: [{ kind: 'round-trip' }],
    partitions,
    job: (options) => ({
      kind: 'end-to-end',
      ...target(options),
      warmUpSeconds: pacedWarmUpSeconds,
      partitions,
      acks: flush === 'ack' ? -1 : 1,
      shape,
      batchesPerSecond,
    }),
  };
}

function fanOutCell(consumers: number, set: CellSet): LoadCell {
  return {
    ...plain,
    name: `fan-out-${consumers}`,
    title: `${consumers} ${consumers === 1 ? 'consumer' : 'consumers'} on the tail of one partition, 64 KiB batches`,
    set,
    limits: [{ kind: 'fetch', way: 'sendfile' }],
    partitions: 1,
    job: (options) => ({
      kind: 'fan-out',
      ...target(options),
      partitions: 1,
      consumers,
      inFlight: 4,
      fetchBytes: MiB,
      shape: lines(64 * KiB),
    }),
  };
}

/** The same work on a log that is small and on one that is large: neither appending, nor reading the tail, nor finding an offset may tell. */
function sizeCells(bytes: number): LoadCell[] {
  const size = bytes < 1e9 ? `${bytes / 1e6}m` : `${bytes / 1e9}g`;
  const common = {
    ...plain,
    set: 'named',
    judgedBy: 'p50Ms',
    limits: [],
    preloadBytes: bytes,
  } as const;
  const shape = lines(16 * KiB);
  return [
    {
      ...common,
      name: `size-${size}-tail`,
      title: `10 MB/s appended to ${size}B of log, and read from its tail`,
      job: (options) => ({
        kind: 'end-to-end',
        ...target(options),
        ...{ partitions: defaultPartitions, acks: 1, shape, batchesPerSecond: 640 },
      }),
    },
    {
      ...common,
      name: `size-${size}-look-up`,
      title: `one batch at a random offset of ${size}B of log, one at a time`,
      job: (options) => ({ kind: 'look-up', ...target(options), partitions: defaultPartitions, connections: 1 }),
    },
  ];
}

/** More than a machine's caches hold of one reader's second, little enough to be written in some. */
const coldBytes = 4 * GiB;

/** 64 MB/s of 64 KiB batches with one measured tail reader; the crowd is two more of them, and one that reads from the start. */
function mixedCell(name: string, work: string, withCrowd: boolean): LoadCell {
  const { job } = endToEndCell('', '', 'full', 'never', lines(64 * KiB), 1000);
  return {
    ...plain,
    name,
    title: `64 MB/s, tail read, ${work}`,
    set: 'full',
    judgedBy: 'p99Ms',
    limits: [],
    preloadBytes: withCrowd ? coldBytes : 0,
    cold: withCrowd,
    job: (options) => ({ ...job(options), partitions: defaultPartitions }),
    background: (options) => {
      if (!withCrowd) return [];
      const common = { ...target(options), partitions: defaultPartitions, fetchBytes: MiB };
      return [
        { ...common, kind: 'tail', connections: 2 * defaultPartitions, touch: false },
        { ...common, kind: 'fetch', topic: options.loadedTopic ?? options.topic, connections: 1 },
      ];
    },
  };
}

function connectionsCell(idle: number, set: CellSet): LoadCell {
  const inner = produceCell('', '', { set, shape: single, connections: 4, inFlight: 1 });
  return {
    ...inner,
    name: `connections-${idle}`,
    title: `${idle.toLocaleString('en-US')} idle connections beside 4 that send single 100 B records one at a time`,
    fresh: true,
    job: (options) => ({
      kind: 'connections',
      ...target(options),
      partitions: defaultPartitions,
      idle,
      connections: 4,
      inFlight: 1,
      shape: single,
    }),
  };
}

function commitCell(connections: number, set: CellSet): LoadCell {
  return {
    ...plain,
    name: `commits-${connections}`,
    title: `commits of offsets, on disk first, ${connections} groups on as many connections, one at a time`,
    set,
    judgedBy: 'requestsPerSecond',
    limits: [],
    flush: 'ack',
    job: (options) => ({
      kind: 'commit',
      ...target(options),
      partitions: defaultPartitions,
      connections,
      inFlight: 1,
    }),
  };
}

/** Clients choose how often they send heartbeats: so often that it is the broker which is measured, not the wait for the next one. */
const heartbeatMs = 100;

function rebalanceCell(protocol: 'classic' | 'consumer', members: number, partitions: number): LoadCell {
  const kind = protocol === 'classic' ? 'classic group' : 'consumer group (KIP-848)';
  return {
    ...plain,
    name: `rebalance-${protocol}-${members}${partitions === defaultPartitions ? '' : `-${partitions}p`}`,
    title: `${kind}, ${members} members, ${partitions} partitions: one is replaced, until all are stable; heartbeats each ${heartbeatMs} ms`,
    set: 'named',
    judgedBy: 'p50Ms',
    limits: [],
    partitions,
    job: (options) => ({ kind: 'rebalance', ...target(options), partitions, protocol, members, heartbeatMs }),
  };
}

/** What follows a start is not rest yet: code that is now warm is compiled beside, and garbage of the start collected. */
const restWarmUpSeconds = 20;
/** The kernel counts hundredths of a second: a share below one per cent takes some of them. */
const restSecondsMin = 10;

function idleCell(partitions: number, consumers: number, set: CellSet): LoadCell {
  return {
    ...plain,
    name: `idle-${partitions}`,
    title: `at rest: ${consumers} long-polling consumers, ${partitions.toLocaleString('en-US')} partitions with a batch each`,
    set,
    judgedBy: 'serverCpuPercent',
    limits: [],
    flush: 'ack',
    partitions,
    fresh: true,
    secondsMin: restWarmUpSeconds + restSecondsMin,
    job: (options) => ({
      kind: 'tail',
      ...target(options),
      warmUpSeconds: restWarmUpSeconds,
      seconds: Math.max(options.seconds, restSecondsMin),
      partitions,
      connections: consumers,
      fetchBytes: MiB,
      touch: true,
    }),
  };
}

function restartCell(
  name: string,
  work: string,
  set: CellSet,
  rest: Pick<RestartCell, 'partitions' | 'bytes' | 'ending'>,
) {
  return {
    kind: 'restart',
    name,
    title: `start to first acknowledgement, ${work}`,
    set,
    judgedBy: 'startToAckMs',
    limits: rest.ending === 'SIGKILL' ? [{ kind: 'recover', bytes: rest.bytes }] : [{ kind: 'node' }],
    ...rest,
  } as const satisfies RestartCell;
}

/** Segments of 1 GiB, that many in each run. */
function deletionCell(segments: number, set: CellSet): DeletionCell {
  return {
    kind: 'deletion',
    name: `delete-${segments}g`,
    title: `${besideWork}, while ${segments} segments of 1 GiB of another topic are deleted`,
    set,
    judgedBy: 'p99Ms',
    limits: [],
    segments,
    segmentBytes: GiB,
    windowSeconds: 5,
  };
}

const paced = blobs(1_100, 1);

// Those come first that feel what others leave behind: topics of the cells in front, large ones and thousands of partitions, go
// bit by bit while the next is measured. Reading what is loaded warms a broker up.
export const cells: readonly Cell[] = [
  fetchCell('fetch-1m-1', 'catch-up fetch, 1 MiB requests, 1 connection', 'full', 1, MiB),
  fetchCell('fetch-1m-4', 'catch-up fetch, 1 MiB requests, 4 connections', 'quick', 4, MiB),
  fetchCell('fetch-10m-1', 'catch-up fetch, 10 MiB requests, 1 connection', 'named', 1, 10 * MiB),
  fetchCell('fetch-10m-4', 'catch-up fetch, 10 MiB requests, 4 connections', 'full', 4, 10 * MiB),
  endToEndCell('e2e-10mb', '10 MB/s in 16 KiB batches', 'quick', 'never', lines(16 * KiB), 640),
  endToEndCell('e2e-1k', '1,000 x 1.1 KB per second', 'quick', 'never', paced, 1000),
  endToEndCell('e2e-250mb', '250 MB/s in 64 KiB batches', 'named', 'never', lines(64 * KiB), 4000),
  endToEndCell('e2e-1k-flush', 'on disk first, 1,000 x 1.1 KB per second', 'full', 'ack', paced, 1000),
  produceCell('produce-64k', 'produce 64 KiB batches', { set: 'quick', shape: lines(64 * KiB) }),
  produceCell('produce-16k', 'produce 16 KiB batches', { set: 'quick', shape: lines(16 * KiB) }),
  produceCell('produce-single', 'produce single 100 B records', {
    set: 'quick',
    shape: single,
    connections: 16,
    inFlight: 5,
  }),
  produceCell('produce-1m', 'produce 1 MiB batches', { set: 'full', shape: lines(MiB) }),
  produceCell('produce-64k-1c', 'produce 64 KiB batches', { set: 'named', shape: lines(64 * KiB), connections: 1 }),
  produceCell('produce-64k-16c', 'produce 64 KiB batches', { set: 'named', shape: lines(64 * KiB), connections: 16 }),
  produceCell('produce-single-1', 'produce single 100 B records', { set: 'named', shape: single, inFlight: 1 }),
  produceCell('produce-single-64', 'produce single 100 B records', { set: 'named', shape: single, inFlight: 64 }),
  produceCell('record-10', 'produce 10 B records, 3,000 a batch', { set: 'full', shape: blobs(10, 3000) }),
  produceCell('record-100', 'produce 100 B records, 600 a batch', { set: 'named', shape: blobs(100, 600) }),
  produceCell('record-100-100', 'produce 100 B records, 100 a batch', { set: 'named', shape: blobs(100, 100) }),
  produceCell('record-1k', 'produce 1 KB records, 64 a batch', { set: 'named', shape: blobs(1000, 64) }),
  produceCell('record-10k', 'produce 10 KB records, 6 a batch', { set: 'named', shape: blobs(10_000, 6) }),
  produceCell('record-100k', 'produce single 100 KB records', { set: 'named', shape: blobs(100_000, 1) }),
  produceCell('record-1m', 'produce single 1 MB records', { set: 'named', shape: blobs(1_000_000, 1) }),
  ...(['gzip', 'snappy', 'lz4', 'zstd'] as const).map((compression) =>
    produceCell(`compression-${compression}`, `produce 64 KiB batches of ${compression}`, {
      set: 'named',
      shape: lines(64 * KiB, compression),
    }),
  ),
  ...(['none', 'lz4'] as const).map((compression) =>
    produceCell(`validation-${compression}`, `every record looked at, 64 KiB batches of ${compression}`, {
      set: 'named',
      shape: lines(64 * KiB, compression),
      topicConfigs: [{ name: 'millrace.record.validation', value: 'records' }],
    }),
  ),
  ...(['lz4', 'zstd'] as const).map((compression) =>
    produceCell(`recompression-${compression}`, `64 KiB batches that the broker packs with ${compression}`, {
      set: 'named',
      shape: lines(64 * KiB),
      topicConfigs: [{ name: 'compression.type', value: compression }],
    }),
  ),
  produceCell('flush-64k', '64 KiB batches', { set: 'full', shape: lines(64 * KiB), flush: 'ack' }),
  produceCell('flush-16k', '16 KiB batches', { set: 'quick', shape: lines(16 * KiB), flush: 'ack', connections: 16 }),
  produceCell('flush-single', 'single 100 B records', {
    set: 'full',
    shape: single,
    flush: 'ack',
    connections: 16,
    inFlight: 5,
  }),
  intervalCell('interval-1s', 1000, 'named'),
  intervalCell('interval-100ms', 100, 'named'),
  intervalCell('interval-10ms', 10, 'named'),
  commitCell(16, 'named'),
  commitCell(200, 'full'),
  ...(['classic', 'consumer'] as const).flatMap((protocol) => [
    ...[2, 50, 200].map((members) => rebalanceCell(protocol, members, 16)),
    ...[50, 200].map((members) => rebalanceCell(protocol, members, 256)),
  ]),
  {
    ...plain,
    name: 'cold-read',
    title: 'catch-up fetch of 4 GiB from the disk, 1 MiB requests, 4 connections',
    set: 'full',
    limits: [{ kind: 'disk-read' }],
    preloadBytes: coldBytes,
    cold: true,
    job: (options) => ({
      kind: 'fetch',
      ...target(options),
      partitions: defaultPartitions,
      connections: 4,
      fetchBytes: MiB,
      once: true,
    }),
  },
  ...[100e6, 20e9].flatMap((bytes) => sizeCells(bytes)),
  fanOutCell(1, 'named'),
  fanOutCell(3, 'named'),
  fanOutCell(10, 'quick'),
  fanOutCell(50, 'named'),
  mixedCell('mixed-alone', 'by nobody else', false),
  mixedCell('mixed', 'beside two more tail readers and one that reads old data from the disk', true),
  connectionsCell(10, 'named'),
  connectionsCell(100, 'named'),
  connectionsCell(1000, 'full'),
  connectionsCell(5000, 'named'),
  produceCell('partitions-1', '1 partition from the first touch on, 64 KiB batches', {
    set: 'named',
    shape: lines(64 * KiB),
    partitions: 1,
    fromFirstTouch: true,
  }),
  ...[16, 256, 4096].map((partitions) =>
    produceCell(
      `partitions-${partitions}`,
      `${partitions.toLocaleString('en-US')} partitions from the first touch on, 16 KiB batches`,
      {
        set: partitions === 4096 ? 'quick' : 'named',
        shape: lines(16 * KiB),
        partitions,
        fromFirstTouch: true,
      },
    ),
  ),
  {
    kind: 'start',
    name: 'start',
    title: 'empty folder to first acknowledgement; idle after it',
    set: 'quick',
    judgedBy: 'startToAckMs',
    limits: [{ kind: 'node' }],
  },
  restartCell('restart-16', '16 partitions, after a clean end', 'named', {
    partitions: 16,
    bytes: 0,
    ending: 'SIGTERM',
  }),
  restartCell('restart-4096', '4,096 partitions, after a clean end', 'full', {
    partitions: 4096,
    bytes: 0,
    ending: 'SIGTERM',
  }),
  restartCell('recover-1g', '16 partitions, killed with 1 GiB that was never flushed', 'full', {
    partitions: 16,
    bytes: GiB,
    ending: 'SIGKILL',
  }),
  restartCell('recover-2g', '16 partitions, killed with 2 GiB that were never flushed', 'named', {
    partitions: 16,
    bytes: 2 * GiB,
    ending: 'SIGKILL',
  }),
  restartCell('recover-4096', '4,096 partitions, killed with 64 MiB that were never flushed', 'named', {
    partitions: 4096,
    bytes: 64 * MiB,
    ending: 'SIGKILL',
  }),
  deletionCell(5, 'full'),
  deletionCell(10, 'named'),
  idleCell(16, 100, 'named'),
  idleCell(4096, 100, 'full'),
  produceCell('stalls-produce', 'watched: produce 64 KiB batches', {
    set: 'full',
    shape: lines(64 * KiB),
    stalls: true,
  }),
  produceCell('stalls-single', 'watched: produce single 100 B records', {
    set: 'named',
    shape: single,
    connections: 16,
    inFlight: 5,
    stalls: true,
  }),
  {
    ...fetchCell('stalls-fetch', 'watched: catch-up fetch, 1 MiB requests, 4 connections', 'named', 4, MiB),
    stalls: true,
  },
];

/** The cells of a set, in the order of the list. */
export function cellsOf(set: CellSet): readonly Cell[] {
  const sets: readonly CellSet[] = ['quick', 'full', 'named'];
  return cells.filter((cell) => sets.indexOf(cell.set) <= sets.indexOf(set));
}
