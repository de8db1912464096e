/** Records on their way to an internal log: one batch at any time, what comes meanwhile gathers in the next. Main thread. */
import type { ErrorName } from '../base/error-code.js';
import type { Offset } from '../base/units.js';
import type { InternalLog, InternalRecord } from '../partition/internal-log.js';

/** More than a record's own framing takes inside a batch. */
const RECORD_OVERHEAD_BYTES = 32;
const BATCH_OVERHEAD_BYTES = 1024;

export interface GatheredAppendsOptions {
  /** Opened at the first append. */
  readonly openLog: () => Promise<InternalLog>;
  /** Largest batch that the log takes. */
  readonly batchBytesMax: number;
  /** An append failed, and all that was waiting behind it with it: what everybody is answered. */
  readonly onFailed: (cause: unknown) => ErrorName;
}

interface Batch {
  readonly records: InternalRecord[];
  /** Who is told where its record lies: by index in `records`. */
  readonly placed: { readonly index: number; readonly tell: (offset: Offset) => void }[];
  bytes: number;
  readonly outcome: Promise<ErrorName>;
  readonly settle: (error: ErrorName) => void;
}

/** A lone record waits for nobody, and a thousand at once share one flush. */
export class GatheredAppends {
  /** Oldest first. */
  private readonly batches: Batch[] = [];
  /** The first of `batches`, once the log has been given it: nothing may be added any more. */
  private inFlight: Batch | null = null;
  private draining = false;

  constructor(private readonly options: GatheredAppendsOptions) {}

  /** Upper bound of a batch with these records alone. */
  static bytesOf(records: readonly InternalRecord[]): number {
    return BATCH_OVERHEAD_BYTES + bytesIn(records);
  }

  /** Resolves once the records are on disk, with NONE. `placed` is told the first one's offset. */
  append(records: readonly InternalRecord[], placed?: (offset: Offset) => void): Promise<ErrorName> {
    const bytes = bytesIn(records);
    const batch = this.batchFor(bytes);
    if (placed !== undefined) batch.placed.push({ index: batch.records.length, tell: placed });
    batch.records.push(...records);
    batch.bytes += bytes;
    if (!this.draining) {
      this.draining = true;
      queueMicrotask(() => void this.drain());
    }
    return batch.outcome;
  }

  /** Resolves as the last append that is under way does; with NONE where there is none. */
  async settled(): Promise<ErrorName> {
    return this.batches.at(-1)?.outcome ?? 'NONE';
  }

  private batchFor(bytes: number): Batch {
    const last = this.batches.at(-1);
    if (last && last !== this.inFlight && last.bytes + bytes <= this.options.batchBytesMax) return last;
    let settle: (error: ErrorName) => void = () => undefined;
    const outcome = new Promise<ErrorName>((resolve) => {
      settle = resolve;
    });
    const batch: Batch = { records: [], placed: [], bytes: BATCH_OVERHEAD_BYTES, outcome, settle };
    this.batches.push(batch);
    return batch;
  }

  private async drain(): Promise<void> {
    while (this.batches.length > 0) {
      const batch = this.batches[0];
      this.inFlight = batch;
      try {
        const log = await this.options.openLog();
        const baseOffset = await log.append(batch.records);
        for (const { index, tell } of batch.placed) tell(baseOffset + index);
      } catch (error) {
        // What was decided after a lost record may build on it.
        const failed = this.batches.splice(0);
        const answer = this.options.onFailed(error);
        for (const { settle } of failed) settle(answer);
        break;
      }
      this.inFlight = null;
      this.batches.shift();
      batch.settle('NONE');
    }
    this.inFlight = null;
    this.draining = false;
  }
}

function bytesIn(records: readonly InternalRecord[]): number {
  let bytes = 0;
  for (const { key, value } of records) bytes += RECORD_OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  return bytes;
}
