/** What is wrong with one record of a batch that was refused (KIP-467). Any thread. */
export interface RecordError {
  /** Counts from 0, within the batch. */
  readonly index: number;
  readonly message: string;
}
