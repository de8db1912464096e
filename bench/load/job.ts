/** What the load client is asked to do and what it answers: crosses between two processes as JSON. */

interface JobBase {
  readonly host: string;
  readonly port: number;
  readonly topic: string;
  readonly partitions: number;
  /** The broker's process on this machine, whose CPU time and memory are read; null where it runs elsewhere. */
  readonly serverPid: number | null;
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

/** How a batch is filled: log lines up to a size, or a fixed number of half-compressible blobs. */
export type BatchShape =
  | { readonly kind: 'log-lines'; readonly batchBytes: number }
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
}

/** The frames of a produce job, poured without waiting for replies: for the receive limit. */
export interface PourJob extends JobBase {
  readonly kind: 'pour';
  readonly connections: number;
  readonly shape: BatchShape;
}

/** Closed loop: each connection reads its share of the partitions from the start, again and again, one Fetch at a time. */
export interface FetchJob extends JobBase {
  readonly kind: 'fetch';
  readonly connections: number;
  readonly fetchBytes: number;
}

/** Open loop: batches leave at intended times, a second connection long-polls for them. Latency counts from the intended time. */
export interface EndToEndJob extends JobBase {
  readonly kind: 'end-to-end';
  readonly acks: 1 | -1;
  readonly shape: BatchShape;
  readonly batchesPerSecond: number;
}

export type Job = ProduceJob | PourJob | FetchJob | EndToEndJob;

/** Milliseconds. */
export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export interface JobResult {
  readonly seconds: number;
  /** Bytes of record batches that were acknowledged or received within the measured seconds. */
  readonly bytes: number;
  readonly records: number;
  readonly requests: number;
  readonly latencyMs: Percentiles | null;
  readonly clientCpuSeconds: number;
  readonly serverCpuSeconds: number | null;
  readonly serverResidentBytes: number | null;
}
