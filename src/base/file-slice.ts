/** Bytes that stay on disk until a socket wants them. Made by shards, carried by replies, opened on the main thread. */

export interface FileSlice {
  /** Path of the segment's `.log` file. */
  readonly path: string;
  readonly position: number;
  readonly length: number;
  /** Which of the files that had this name one after the other; left out for the first. */
  readonly generation?: number;
}

/** A run of whole or cut record batches that lies in one or more file ranges, as a `records` field on the wire. */
export interface FileRecords {
  readonly byteLength: number;
  readonly slices: readonly FileSlice[];
}

export function isFileRecords(value: unknown): value is FileRecords {
  return typeof value === 'object' && value !== null && 'slices' in value;
}
