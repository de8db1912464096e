/** The batches and frames that one run replays. Runs in the load client, before the clock starts. */
import { type Batch, blobBatch, logLineBatch } from './batches.js';
import { offsetCommitFrame, produceFrame } from './frames.js';
import type { BatchShape } from './job.js';

/** Different batches per run: enough that no two neighbours in a segment are alike. */
const distinctBatches = 16;

export function batchPool(shape: BatchShape): Batch[] {
  return Array.from({ length: distinctBatches }, (_, at) =>
    shape.kind === 'log-lines'
      ? logLineBatch(shape.batchBytes, at + 1, shape.compression)
      : blobBatch(shape.recordBytes, shape.records, at + 1),
  );
}

/** Frames of one connection side by side in one buffer, so that any run of them is sent by a single write. */
export interface FrameRun {
  readonly bytes: Buffer;
  /** Frame i lies at starts[i] to starts[i + 1]. */
  readonly starts: readonly number[];
  /** Batch bytes and records of frame i. */
  readonly batchBytes: readonly number[];
  readonly records: readonly number[];
  readonly count: number;
}

/** At least `inFlight` frames: frame i goes to `partitions[i % partitions.length]` and carries correlation id i. */
export function frameRun(
  topic: string,
  partitions: readonly number[],
  acks: number,
  inFlight: number,
  pool: readonly Batch[],
): FrameRun {
  const frames: Buffer[] = [];
  const batchBytes: number[] = [];
  const records: number[] = [];
  const count = Math.ceil(Math.max(inFlight, pool.length) / partitions.length) * partitions.length;
  for (let at = 0; at < count; at++) {
    const batch = pool[at % pool.length];
    const partition = partitions[at % partitions.length];
    frames.push(produceFrame({ topic, partition, acks, correlationId: at, batch: batch.bytes }));
    batchBytes.push(batch.bytes.length);
    records.push(batch.records);
  }
  return { ...sideBySide(frames), batchBytes, records, count };
}

/** Commits of one group to one partition after the other, with offsets that rise; each counts as one record without bytes. */
export function commitRun(topic: string, group: string, partitions: number, inFlight: number): FrameRun {
  const count = Math.max(inFlight, distinctBatches);
  const frames = Array.from({ length: count }, (_, at) =>
    offsetCommitFrame({ topic, group, partition: at % partitions, offset: at, correlationId: at }),
  );
  return { ...sideBySide(frames), batchBytes: frames.map(() => 0), records: frames.map(() => 1), count };
}

function sideBySide(frames: readonly Buffer[]): Pick<FrameRun, 'bytes' | 'starts'> {
  const starts = [0];
  for (const frame of frames) starts.push(starts[starts.length - 1] + frame.length);
  return { bytes: Buffer.concat(frames), starts };
}

/** The partitions that connection `index` of `connections` looks after. */
export function shareOf(partitions: number, connections: number, index: number): number[] {
  const own: number[] = [];
  for (let partition = index % partitions; partition < partitions; partition += connections) own.push(partition);
  return own;
}
