/** The cells of the bench: one row of work each, the same for every broker. Runs in the process of `millrace bench`. */
import type { FlushPolicy, RunningBroker } from './broker.js';
import type { BatchShape, Job } from './job.js';

/** Which limit programs are measured beside a cell. */
export type Limit =
  | { readonly kind: 'receive' }
  | { readonly kind: 'echo' }
  | { readonly kind: 'fetch'; readonly way: 'sendfile' | 'copy' }
  | { readonly kind: 'flush'; readonly batchBytes: number; readonly batchesPerFile: number };

export interface RunOptions {
  readonly broker: RunningBroker;
  readonly topic: string;
  readonly seconds: number;
}

interface CellBase {
  readonly name: string;
  readonly title: string;
  readonly limits: readonly Limit[];
}

/** Work that the load client does against a running broker. */
export interface LoadCell extends CellBase {
  readonly kind: 'load';
  readonly flush: FlushPolicy;
  readonly partitions: number;
  /** Bytes that the topic holds before the clock starts; 0 for a topic made anew for each run. */
  readonly preloadBytes: number;
  readonly job: (options: RunOptions) => Job;
}

/** From an empty folder to the first acknowledgement, and idle after it. */
export interface StartCell extends CellBase {
  readonly kind: 'start';
}

export type Cell = LoadCell | StartCell;

const partitions = 16;
const KiB = 1024;
const MiB = 1024 * KiB;
const warmUpSeconds = 1;

const lines = (batchBytes: number): BatchShape => ({ kind: 'log-lines', batchBytes });
const single: BatchShape = { kind: 'blobs', recordBytes: 100, records: 1 };
/** A batch that holds one such record takes this much of a log. */
const singleBatchBytes = 172;

function produceCell(
  name: string,
  title: string,
  flush: FlushPolicy,
  connections: number,
  inFlight: number,
  shape: BatchShape,
): LoadCell {
  const batchBytes = shape.kind === 'log-lines' ? shape.batchBytes : singleBatchBytes;
  const limits: Limit[] =
    flush === 'ack'
      ? [{ kind: 'flush', batchBytes, batchesPerFile: Math.ceil((connections * inFlight) / partitions) }]
      : shape === single
        ? [{ kind: 'echo' }]
        : [{ kind: 'receive' }];
  return {
    kind: 'load',
    name,
    title,
    flush,
    limits,
    partitions,
    preloadBytes: 0,
    job: (options) => ({
      kind: 'produce',
      ...target(options),
      partitions,
      connections,
      inFlight,
      acks: flush === 'ack' ? -1 : 1,
      shape,
    }),
  };
}

function fetchCell(name: string, title: string, connections: number, fetchBytes: number): LoadCell {
  return {
    kind: 'load',
    name,
    title,
    flush: 'never',
    limits: [
      { kind: 'fetch', way: 'sendfile' },
      { kind: 'fetch', way: 'copy' },
    ],
    partitions,
    preloadBytes: 512 * MiB,
    job: (options) => ({ kind: 'fetch', ...target(options), partitions, connections, fetchBytes }),
  };
}

function endToEndCell(
  name: string,
  title: string,
  flush: FlushPolicy,
  shape: BatchShape,
  batchesPerSecond: number,
): LoadCell {
  return {
    kind: 'load',
    name,
    title,
    flush,
    limits: [],
    partitions: 4,
    preloadBytes: 0,
    job: (options) => ({
      kind: 'end-to-end',
      ...target(options),
      partitions: 4,
      acks: flush === 'ack' ? -1 : 1,
      shape,
      batchesPerSecond,
    }),
  };
}

function target({ broker, topic, seconds }: RunOptions) {
  const { host, port, pid } = broker;
  return { host, port, topic, serverPid: pid, warmUpSeconds, seconds };
}

const blob: BatchShape = { kind: 'blobs', recordBytes: 1_100, records: 1 };

export const cells: readonly Cell[] = [
  produceCell(
    'produce-64k',
    'produce 64 KiB batches, 4 connections x 4 in flight, acks=1',
    'never',
    4,
    4,
    lines(64 * KiB),
  ),
  produceCell(
    'produce-16k',
    'produce 16 KiB batches, 4 connections x 4 in flight, acks=1',
    'never',
    4,
    4,
    lines(16 * KiB),
  ),
  produceCell(
    'produce-single',
    'produce single 100 B records, 16 connections x 5 in flight, acks=1',
    'never',
    16,
    5,
    single,
  ),
  produceCell('flush-64k', 'on disk before acks=all: 64 KiB batches, 4 x 4', 'ack', 4, 4, lines(64 * KiB)),
  produceCell('flush-16k', 'on disk before acks=all: 16 KiB batches, 16 x 4', 'ack', 16, 4, lines(16 * KiB)),
  produceCell('flush-single', 'on disk before acks=all: single 100 B records, 16 x 5', 'ack', 16, 5, single),
  fetchCell('fetch-1m-1', 'catch-up fetch, 1 MiB requests, 1 connection', 1, MiB),
  fetchCell('fetch-1m-4', 'catch-up fetch, 1 MiB requests, 4 connections', 4, MiB),
  fetchCell('fetch-10m-1', 'catch-up fetch, 10 MiB requests, 1 connection', 1, 10 * MiB),
  fetchCell('fetch-10m-4', 'catch-up fetch, 10 MiB requests, 4 connections', 4, 10 * MiB),
  endToEndCell('e2e-10mb', 'end to end, open loop, 10 MB/s in 16 KiB batches', 'never', lines(16 * KiB), 640),
  endToEndCell('e2e-1k', 'end to end, open loop, 1,000 x 1.1 KB per second', 'never', blob, 1000),
  endToEndCell('e2e-1k-flush', 'end to end, on disk first, 1,000 x 1.1 KB per second', 'ack', blob, 1000),
  { kind: 'start', name: 'start', title: 'empty folder to first acknowledgement; idle after it', limits: [] },
];
