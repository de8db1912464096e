/** Partitions without shards: remembers what was opened and removed, and that no folder ever has two owners. */
import assert from 'node:assert/strict';
import { KafkaError } from '../../src/base/kafka-error.js';
import type { Offset } from '../../src/base/units.js';
import type { LogConfig } from '../../src/config/log-config.js';
import type {
  AppendResult,
  DiskStanding,
  EpochEnd,
  LogDirectoryState,
  OffsetAtTime,
  PartitionHandle,
  PartitionSpec,
  PartitionState,
  Partitions,
  ReadResult,
  RecordsResult,
  Watermarks,
} from '../../src/partition/partitions.js';

interface FakeHandle extends PartitionHandle {
  state: PartitionState;
  config: LogConfig;
}

export class FakePartitions implements Partitions {
  /** Live handles by folder name. */
  readonly live = new Map<string, FakeHandle>();
  readonly watermarksOf: Watermarks = {
    logStartOffset: 0,
    flushedEndOffset: 10,
    highWatermark: 10,
    lastStableOffset: 10,
    logEndOffset: 10,
    leaderEpoch: 0,
  };
  removalsFail = false;

  deal(count: number): readonly null[] {
    return new Array<null>(count).fill(null);
  }

  foundIn(): null {
    return null;
  }

  logDirectories(): readonly LogDirectoryState[] {
    return [{ path: '/data', trouble: null }];
  }

  open(spec: PartitionSpec): PartitionHandle {
    const folder = `${spec.topic}-${spec.index}`;
    assert.ok(!this.live.has(folder), `${folder} is opened while another owner has it`);
    const { topic, topicId, index, config } = spec;
    const handle: FakeHandle = {
      topic,
      topicId,
      index,
      config,
      shard: 0,
      slot: this.live.size,
      state: 'opening',
      traffic: { appendedBytes: 0, readBytes: 0, firstEndOffset: 0 },
      logDirectory: '/data',
    };
    this.live.set(folder, handle);
    return handle;
  }

  async examine(): Promise<[]> {
    return [];
  }

  async opened(handle: PartitionHandle): Promise<void> {
    await Promise.resolve();
    (handle as FakeHandle).state = 'online';
  }

  async remove(handle: PartitionHandle): Promise<void> {
    await Promise.resolve();
    (handle as FakeHandle).state = 'removed';
    if (this.removalsFail) throw new KafkaError('KAFKA_STORAGE_ERROR', 'the folder of this test cannot be renamed');
    const folder = `${handle.topic}-${handle.index}`;
    assert.equal(this.live.get(folder), handle, `${folder} is removed by somebody who does not own it`);
    this.live.delete(folder);
  }

  reconfigure(handle: PartitionHandle, config: LogConfig): void {
    assert.notEqual(handle.state, 'removed');
    (handle as FakeHandle).config = config;
  }

  configOf(handle: PartitionHandle): LogConfig {
    return (handle as FakeHandle).config;
  }

  watermarks(): Watermarks {
    return this.watermarksOf;
  }

  async deleteRecords(_handle: PartitionHandle, offset: Offset): Promise<Offset> {
    const upTo = offset === -1 ? this.watermarksOf.highWatermark : offset;
    if (upTo > this.watermarksOf.highWatermark) throw new KafkaError('OFFSET_OUT_OF_RANGE');
    return upTo;
  }

  async activeProducers(handle: PartitionHandle) {
    if (handle.state === 'offline') throw new KafkaError('KAFKA_STORAGE_ERROR');
    return [{ producerId: 7, producerEpoch: 1, lastSequence: handle.index, lastTimestampMs: 1000 }];
  }

  async survey() {
    const handles: PartitionHandle[] = [...this.live.values()].filter(({ state }) => state !== 'offline');
    return new Map(
      handles.map((handle) => {
        const bytes = 1000 + handle.index;
        return [handle, { slot: handle.slot, bytes, segments: 1, oldestMs: 0, oldestBytes: bytes, beganMs: 0 }];
      }),
    );
  }

  disk(): DiskStanding {
    const headroomBytes = Number.POSITIVE_INFINITY;
    return { state: 'unwatched', budgetBytes: -1, usedBytes: 0, freeBytes: 0, totalBytes: 0, headroomBytes };
  }

  onProgress(): () => void {
    return () => {};
  }

  append(
    _handle: PartitionHandle,
    _batch: Uint8Array,
    _fromClient: boolean,
    _done: (result: AppendResult) => void,
  ): void {
    assert.fail('metadata never appends to a partition itself');
  }

  read(): ReadResult {
    return assert.fail('metadata never reads a partition itself');
  }

  readSoon(): ReadResult {
    return assert.fail('metadata never reads a partition itself');
  }

  async readRecords(): Promise<RecordsResult> {
    return assert.fail('metadata never reads a partition itself');
  }

  async offsetAtTime(): Promise<OffsetAtTime> {
    return assert.fail('metadata never asks for times');
  }

  async endOfEpoch(): Promise<EpochEnd> {
    return assert.fail('metadata never asks for epochs');
  }
}
