/** An internal log on a partition of its own: encodes what the broker writes, reads it back from the files. Main thread. */
import type { Clock } from '../base/clock.js';
import { KafkaError } from '../base/kafka-error.js';
import type { Logger } from '../base/logger.js';
import { type DamagedRange, rangeHolding } from '../base/segment-check.js';
import type { Offset } from '../base/units.js';
import { BATCH_HEADER_BYTES, MAGIC_V2 } from '../record/batch-layout.js';
import { transactionEndIn } from '../record/control-record.js';
import { decodeRecords, encodeBatch } from '../record/record.js';
import {
  computeCrc,
  crcOf,
  isControl,
  isTransactional,
  lastOffsetOf,
  magicOf,
  producerIdOf,
  sizeOf,
} from '../record/record-batch.js';
import type { InternalLog, InternalRecord, VisitEnd, VisitRecord } from './internal-log.js';
import type { PartitionHandle, Partitions } from './partitions.js';
import type { SegmentFiles } from './segment-files.js';
import { segmentBaseOf } from './segment-path.js';

const READ_BYTES = 1024 * 1024;

export interface InternalLogParts {
  readonly partitions: Pick<Partitions, 'append' | 'opened' | 'watermarks' | 'read' | 'examine'>;
  readonly handle: PartitionHandle;
  readonly segmentFiles: Pick<SegmentFiles, 'read'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly logger: Logger;
  /**
   * What a replay does where bytes are damaged: `stepOver` goes on behind them, because one lost record must not take all
   * others with it; `refuse` rejects, because a record that is not seen would undo what it said.
   */
  readonly onDamage: 'stepOver' | 'refuse';
}

export class PartitionInternalLog implements InternalLog {
  constructor(private readonly parts: InternalLogParts) {}

  async append(records: readonly InternalRecord[]): Promise<Offset> {
    const { partitions, handle, clock } = this.parts;
    // Whoever asks while somebody else is making the topic finds it before its logs are open.
    if (handle.state === 'opening') await partitions.opened(handle);
    const timestampMs = clock.nowMs();
    const batch = encodeBatch({ records: records.map(({ key, value }) => ({ key, value, timestampMs })) });
    return new Promise((resolve, reject) => {
      partitions.append(handle, batch, false, ({ error, message, baseOffset }) => {
        if (error === 'NONE') resolve(baseOffset);
        else reject(new KafkaError(error, message ?? undefined));
      });
    });
  }

  async replay(visit: VisitRecord, visitEnd?: VisitEnd): Promise<void> {
    const { partitions, handle, segmentFiles } = this.parts;
    // One that failed at first, and was opened later, stays a failure for whoever asks how the opening went.
    if (handle.state !== 'online') await partitions.opened(handle);
    // The board still tells where a closed log stood: an empty one may hold more once it was read again.
    if (handle.state !== 'online') throw new KafkaError('KAFKA_STORAGE_ERROR', `${this.name} is being read again`);
    let offset = partitions.watermarks(handle).logStartOffset;
    let damaged: readonly DamagedRange[] = [];
    const examined = new Set<string>();
    for (;;) {
      if (offset >= partitions.watermarks(handle).highWatermark) return;
      const { error, records } = await partitions.read(handle, offset, READ_BYTES);
      if (error !== 'NONE' && error !== 'CORRUPT_MESSAGE')
        throw new KafkaError(error, `${this.name} could not be read at ${offset}`);
      if (error === 'NONE' && records === null) return;
      const before = offset;
      if (records !== null) {
        const [slice] = records.slices;
        // A batch's offset has no checksum: one that is wrong, in a log that compaction has been at, could hide what follows.
        if (!examined.has(slice.path)) {
          examined.add(slice.path);
          damaged = await partitions.examine(handle, Math.max(offset, segmentBaseOf(slice.path)));
          if (damaged.length > 0) continue;
        }
        const bytes = segmentFiles.read({ byteLength: slice.length, slices: [slice] });
        offset = this.visitBatches(bytes, offset, visit, visitEnd);
      }
      if (offset > before) continue;
      if (rangeHolding(damaged, offset) === undefined) damaged = await partitions.examine(handle, offset);
      offset = this.behind(rangeHolding(damaged, offset), offset);
    }
  }

  /** Visits the records from `from` on; returns the offset behind the last batch that could be believed. */
  private visitBatches(bytes: Buffer, from: Offset, visit: VisitRecord, visitEnd?: VisitEnd): Offset {
    const { partitions, handle } = this.parts;
    const { highWatermark } = partitions.watermarks(handle);
    let offset = from;
    for (const batch of soundBatches(bytes)) {
      // Offsets lie outside of the checksum.
      const endOffset = lastOffsetOf(batch, 0) + 1;
      if (endOffset > highWatermark) break;
      if (isControl(batch, 0)) {
        const end = this.understood(batch, () => transactionEndIn(batch));
        if (end !== null) visitEnd?.(producerIdOf(batch, 0), end);
      } else {
        const producerId = isTransactional(batch, 0) ? producerIdOf(batch, 0) : null;
        const records = this.understood(batch, () => decodeRecords(batch)) ?? [];
        for (const record of records) if (record.offset >= offset) visit(record, record.offset, producerId);
      }
      // Compaction may have taken a batch's last records, or all of them.
      offset = Math.max(offset, endOffset);
    }
    return offset;
  }

  /** null where what `batch` holds is stepped over. */
  private understood<T>(batch: Buffer, decode: () => T): T | null {
    const { logger, onDamage } = this.parts;
    try {
      return decode();
    } catch (error) {
      if (!(error instanceof KafkaError) || onDamage === 'refuse') throw error;
      // The checksum is right, so this is how it was written, by something newer or broken.
      logger.error({ log: this.name, offset: lastOffsetOf(batch, 0), err: error }, 'a batch cannot be understood');
      return null;
    }
  }

  private behind(range: DamagedRange | undefined, offset: Offset): Offset {
    const { logger, onDamage } = this.parts;
    if (range === undefined) throw new KafkaError('CORRUPT_MESSAGE', `${this.name} cannot be read at ${offset}`);
    const { startOffset, endOffset } = range;
    if (onDamage === 'refuse') {
      throw new KafkaError(
        'CORRUPT_MESSAGE',
        `${this.name} is damaged: its offsets ${startOffset} to ${endOffset - 1} cannot be read, and what they say must not be forgotten`,
      );
    }
    logger.error(
      { log: this.name, ...range },
      'a part of the log is damaged: what it says is not known, older records count instead',
    );
    return endOffset;
  }

  private get name(): string {
    const { topic, index } = this.parts.handle;
    return `${topic}-${index}`;
  }
}

/** Whole batches from the first byte on, up to where bytes cannot be believed. */
function* soundBatches(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at + BATCH_HEADER_BYTES <= bytes.length; ) {
    const size = sizeOf(bytes, at);
    if (size < BATCH_HEADER_BYTES || at + size > bytes.length || magicOf(bytes, at) !== MAGIC_V2) return;
    if (computeCrc(bytes, at, size) !== crcOf(bytes, at)) return;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}
