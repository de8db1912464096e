/** An internal log on a partition of its own: encodes what the broker writes, reads it back from the files. Main thread. */
import { KafkaError } from '../base/kafka-error.js';
import type { Offset } from '../base/units.js';
import { decodeRecords, encodeBatch, iterateBatches } from '../record/record.js';
import { lastOffsetOf } from '../record/record-batch.js';
import type { InternalLog, InternalRecord } from './internal-log.js';
import type { PartitionHandle, Partitions } from './partitions.js';
import type { SegmentFiles } from './segment-files.js';

const READ_BYTES = 1024 * 1024;

export class PartitionInternalLog implements InternalLog {
  constructor(
    private readonly partitions: Partitions,
    private readonly handle: PartitionHandle,
    private readonly segmentFiles: SegmentFiles,
    private readonly nowMs: () => number,
  ) {}

  append(records: readonly InternalRecord[]): Promise<Offset> {
    const timestampMs = this.nowMs();
    const batch = encodeBatch({ records: records.map(({ key, value }) => ({ key, value, timestampMs })) });
    return new Promise((resolve, reject) => {
      this.partitions.append(this.handle, batch, false, ({ error, message, baseOffset }) => {
        if (error === 'NONE') resolve(baseOffset);
        else reject(new KafkaError(error, message ?? undefined));
      });
    });
  }

  async replay(visit: (record: InternalRecord, offset: Offset) => void): Promise<void> {
    const { partitions, handle } = this;
    // One that failed at first, and was opened later, stays a failure for whoever asks how the opening went.
    if (handle.state !== 'online') await partitions.opened(handle);
    // The board still tells where a closed log stood: an empty one may hold more once it was read again.
    if (handle.state !== 'online')
      throw new KafkaError('KAFKA_STORAGE_ERROR', `${handle.topic}-${handle.index} is being read again`);
    let offset = partitions.watermarks(handle).logStartOffset;
    for (;;) {
      if (offset >= partitions.watermarks(handle).highWatermark) return;
      const { error, records } = await partitions.read(handle, offset, READ_BYTES);
      if (error !== 'NONE')
        throw new KafkaError(error, `${handle.topic}-${handle.index} could not be read at ${offset}`);
      if (records === null) return;
      const before = offset;
      for (const batch of iterateBatches(this.segmentFiles.read(records))) {
        for (const record of decodeRecords(batch)) {
          if (record.offset >= offset) visit(record, record.offset);
        }
        // Compaction may have taken a batch's last records, or all of them.
        offset = Math.max(offset, lastOffsetOf(batch, 0) + 1);
      }
      if (offset === before)
        throw new KafkaError('CORRUPT_MESSAGE', `${handle.topic}-${handle.index} cannot be read at ${offset}`);
    }
  }
}
