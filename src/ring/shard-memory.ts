/** What a shard's thread is given at its start: the shared memory of its rings and board, and its limits. Any thread. */

export interface ShardMemory {
  readonly commands: SharedArrayBuffer;
  readonly completions: SharedArrayBuffer;
  /** Pages of the watermark board that exist already. */
  readonly pages: readonly SharedArrayBuffer[];
  /** Where the shard counts how long its flushes take: a histogram's slots. */
  readonly flushTimes: SharedArrayBuffer;
  /** Where the shard tells what it is doing. */
  readonly pulse: SharedArrayBuffer;
  readonly openFilesMax: number;
  readonly retentionCheckMs: number;
}
