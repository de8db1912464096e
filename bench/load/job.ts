/** What the load client is asked to do and what it answers: crosses between two processes as JSON. */

import type { Compression } from '../../src/record/compression.js';

interface JobBase {
  readonly host: string;
  readonly port: number;
  readonly topic: string;
  readonly partitions: number;
  /** The broker's process on this machine, whose CPU time and memory are read; null where it runs elsewhere. */
  readonly serverPid: number | null;
  readonly warmUpSeconds: number;
  /** Where given, the result tells of each stretch of this length by itself. */
  readonly stretchSeconds?: number;
  readonly seconds: number;
}

/** How a batch is filled: log lines up to a size, compressed or not, or a fixed number of half-compressible blobs. */
export type BatchShape =
  | { readonly kind: 'log-lines'; readonly batchBytes: number; readonly compression?: Compression }
  | { readonly kind: 'blobs'; readonly recordBytes: number; readonly records: number };

/** Closed loop: each connection keeps `inFlight` Produce requests under way. */
export interface ProduceJob extends JobBase {
  readonly kind: 'produce';
  readonly connections: number;
  readonly inFlight: number;
  readonly acks: 1 | -1;
  readonly shape: BatchShape;
  /** Stops after this many batch bytes were acknowledged, whatever the time: for filling a topic. */
  readonly bytesMax?: number;
  /** Ends early where so many batch bytes were acknowledged, a third of them at most while it warms up. */
  readonly writtenBytesMax?: number;
}

/** The frames of a produce job, poured without waiting for replies: for the receive limit. */
export interface PourJob extends JobBase {
  readonly kind: 'pour';
  readonly connections: number;
  readonly shape: BatchShape;
  /** Ends early where so many bytes were poured. */
  readonly writtenBytesMax?: number;
}

/** Closed loop: each connection reads its share of the partitions from the start, again and again, one Fetch at a time. */
export interface FetchJob extends JobBase {
  readonly kind: 'fetch';
  readonly connections: number;
  readonly fetchBytes: number;
  /** Everything once and no more, however long it takes; without a warm-up. */
  readonly once?: boolean;
}

/** Open loop: batches leave at intended times, a second connection long-polls for them. Latency counts from the intended time. */
export interface EndToEndJob extends JobBase {
  readonly kind: 'end-to-end';
  readonly acks: 1 | -1;
  readonly shape: BatchShape;
  readonly batchesPerSecond: number;
}

/** Closed loop: each connection fetches one batch at a random offset of a random partition, one at a time. */
export interface LookUpJob extends JobBase {
  readonly kind: 'look-up';
  readonly connections: number;
}

/** Connections that long-poll at the end of one partition each. */
export interface TailJob extends JobBase {
  readonly kind: 'tail';
  readonly connections: number;
  readonly fetchBytes: number;
  /** Whether each partition gets a batch before. */
  readonly touch: boolean;
}

/** Closed loop: one producer, as fast as the slowest of the readers of its partition. What all readers get is counted. */
export interface FanOutJob extends JobBase {
  readonly kind: 'fan-out';
  readonly consumers: number;
  readonly inFlight: number;
  readonly fetchBytes: number;
  readonly shape: BatchShape;
}

/** A produce job beside connections that do nothing. */
export interface ConnectionsJob extends JobBase {
  readonly kind: 'connections';
  readonly idle: number;
  readonly connections: number;
  readonly inFlight: number;
  readonly shape: BatchShape;
}

/** Closed loop: each connection keeps `inFlight` OffsetCommit requests of a group of its own under way. */
export interface CommitJob extends JobBase {
  readonly kind: 'commit';
  readonly connections: number;
  readonly inFlight: number;
}

/** A group of so many members, each on a connection of its own, of which one after the other is replaced. */
export interface RebalanceJob extends JobBase {
  readonly kind: 'rebalance';
  readonly protocol: 'classic' | 'consumer';
  readonly members: number;
  /** How often each member says that it is there, whatever the broker proposes. */
  readonly heartbeatMs: number;
}

export type Job =
  | ProduceJob
  | PourJob
  | FetchJob
  | EndToEndJob
  | LookUpJob
  | TailJob
  | FanOutJob
  | ConnectionsJob
  | CommitJob
  | RebalanceJob;

/** Milliseconds. */
export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Bytes that were acknowledged or received in each step of the measured seconds. */
export interface Timeline {
  readonly stepMs: number;
  readonly bytes: readonly number[];
}

/** A stretch of a long run; milliseconds count from the intended times of the batches that arrived within it. */
export interface Stretch {
  readonly seconds: number;
  readonly bytes: number;
  readonly p999Ms: number | null;
  readonly maxMs: number | null;
}

export interface JobResult {
  readonly seconds: number;
  /** Bytes of record batches that were acknowledged or received within the measured seconds. */
  readonly bytes: number;
  readonly records: number;
  readonly requests: number;
  readonly latencyMs: Percentiles | null;
  /** All latencies in microseconds: an HDR histogram, version 2, compressed, in base64; null where none was taken. */
  readonly histogram: string | null;
  readonly timeline: Timeline | null;
  /** Empty where the job did not ask for stretches. */
  readonly stretches: readonly Stretch[];
  /** Figures that only this kind of job has, by name. */
  readonly extra: Readonly<Record<string, number>>;
  readonly clientCpuSeconds: number;
  readonly serverCpuSeconds: number | null;
  readonly serverResidentBytes: number | null;
}
