/** The appends of one shard turn that wait for their write or flush: columns, so that an append allocates nothing. Shard thread. */
import type { Offset } from '../base/units.js';
import type { ShardPartition } from './shard-partition.js';

export class Acknowledgements {
  private capacity = 256;
  private requestIds = new Uint32Array(this.capacity);
  private baseOffsets = new Float64Array(this.capacity);
  private appendTimes = new Float64Array(this.capacity);
  private readonly partitions: ShardPartition[] = [];
  count = 0;

  add(requestId: number, partition: ShardPartition, baseOffset: Offset, logAppendTimeMs: number): void {
    if (this.count === this.capacity) this.grow();
    const at = this.count++;
    this.requestIds[at] = requestId;
    this.baseOffsets[at] = baseOffset;
    this.appendTimes[at] = logAppendTimeMs;
    this.partitions[at] = partition;
  }

  /** Hands every entry, or those from the `from`-th on, to `settle`, in order of arrival; those for which it says false stay. */
  settle(
    settle: (requestId: number, partition: ShardPartition, baseOffset: Offset, logAppendTimeMs: number) => boolean,
    from = 0,
  ): void {
    let kept = from;
    for (let at = from; at < this.count; at++) {
      if (settle(this.requestIds[at], this.partitions[at], this.baseOffsets[at], this.appendTimes[at])) continue;
      this.requestIds[kept] = this.requestIds[at];
      this.baseOffsets[kept] = this.baseOffsets[at];
      this.appendTimes[kept] = this.appendTimes[at];
      this.partitions[kept] = this.partitions[at];
      kept++;
    }
    this.count = kept;
  }

  private grow(): void {
    this.capacity *= 2;
    const requestIds = new Uint32Array(this.capacity);
    const baseOffsets = new Float64Array(this.capacity);
    const appendTimes = new Float64Array(this.capacity);
    requestIds.set(this.requestIds);
    baseOffsets.set(this.baseOffsets);
    appendTimes.set(this.appendTimes);
    this.requestIds = requestIds;
    this.baseOffsets = baseOffsets;
    this.appendTimes = appendTimes;
  }
}
