/** The durable truth about what exists: a log of records whose last value per key is the state. Main thread. */
import type { Clock } from '../base/clock.js';
import { KafkaError } from '../base/kafka-error.js';
import type { Logger } from '../base/logger.js';
import type { Offset } from '../base/units.js';
import type { InternalLog } from '../partition/internal-log.js';
import {
  type CatalogueRecord,
  decodeCatalogueRecord,
  encodeCatalogueRecord,
  type NodeEpochRecord,
  type ProducerIdsRecord,
} from './catalogue-record.js';

const SETTLE_RETRY_MS = 1000;

/** The one way into the state: called with each record that is durable, at start and while running. */
export type Apply = (key: string, record: CatalogueRecord | null) => Promise<void>;

export interface CatalogueOptions {
  readonly log: InternalLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly apply: Apply;
}

/**
 * Changes go decide -> append -> (durable) -> apply. Changes of one thing run one after the other, those of different
 * things side by side, so their appends share a flush. Applying only what is durable costs a waiting reply nothing,
 * and means that nothing ever has to be undone: no client can have produced to a topic that the disk forgot.
 */
export class Catalogue {
  readonly #log: InternalLog;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #apply: Apply;
  readonly #records = new Map<string, CatalogueRecord>();
  /** Per lock name, the promise of the last change in line. */
  readonly #lines = new Map<string, Promise<void>>();
  /** Keys whose last append failed: only the log can say whether the record is there. */
  readonly #doubtful = new Set<string>();
  #endOffset: Offset = 0;
  #settling: Promise<void> | null = null;
  #settlesInBackground = false;

  constructor({ log, clock, logger, apply }: CatalogueOptions) {
    this.#log = log;
    this.#clock = clock;
    this.#logger = logger;
    this.#apply = apply;
  }

  /** Reads the log; nothing is applied yet. Rejects where a record cannot be understood. */
  async replay(): Promise<void> {
    this.#records.clear();
    await this.#log.replay((raw, offset) => {
      this.#endOffset = offset + 1;
      const { key, record } = decodeCatalogueRecord(raw);
      if (record === null) this.#records.delete(key);
      else this.#records.set(key, record);
    });
  }

  /** The durable records, in the order in which the log has them. */
  records(): IterableIterator<CatalogueRecord> {
    return this.#records.values();
  }

  get(key: string): CatalogueRecord | undefined {
    return this.#records.get(key);
  }

  /** One above the newest record of the log. */
  get endOffset(): Offset {
    return this.#endOffset;
  }

  get nodeEpoch(): number {
    return (this.#records.get('node-epoch') as NodeEpochRecord | undefined)?.epoch ?? 0;
  }

  get producerIdsReservedBelow(): number {
    return (this.#records.get('producer-ids') as ProducerIdsRecord | undefined)?.reservedBelow ?? 0;
  }

  /** Runs `change` when every earlier change under the same `lock` is over and no failed append is left in doubt. */
  async exclusive<T>(lock: string, change: () => Promise<T>): Promise<T> {
    const before = this.#lines.get(lock);
    let release = () => {};
    const mine = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#lines.set(lock, mine);
    try {
      await before;
      while (this.#doubtful.size > 0) await this.#settle();
      return await change();
    } finally {
      if (this.#lines.get(lock) === mine) this.#lines.delete(lock);
      release();
    }
  }

  /** Makes `record` durable, then applies it. Rejects with a KafkaError, and changes nothing, where the log refuses it. */
  async write(key: string, record: CatalogueRecord | null): Promise<void> {
    try {
      const offset = await this.#log.append([encodeCatalogueRecord(key, record)]);
      this.#endOffset = Math.max(this.#endOffset, offset + 1);
    } catch (error) {
      this.#doubtful.add(key);
      this.#logger.error({ err: error, key }, 'the catalogue could not be written');
      this.#settleInBackground();
      throw error instanceof KafkaError
        ? error
        : new KafkaError('KAFKA_STORAGE_ERROR', 'The catalogue could not be written.');
    }
    await this.#accept(key, record);
  }

  async #accept(key: string, record: CatalogueRecord | null): Promise<void> {
    if (record === null) this.#records.delete(key);
    else this.#records.set(key, record);
    await this.#apply(key, record);
  }

  /** Reads the log again for the keys in doubt. Rejects with a retriable KafkaError while the log cannot be read. */
  #settle(): Promise<void> {
    this.#settling ??= this.#settleOnce().finally(() => {
      this.#settling = null;
    });
    return this.#settling;
  }

  async #settleOnce(): Promise<void> {
    const keys = new Set(this.#doubtful);
    const found = new Map<string, CatalogueRecord | null>();
    try {
      await this.#log.replay((raw) => {
        const { key, record } = decodeCatalogueRecord(raw);
        if (keys.has(key)) found.set(key, record);
      });
    } catch (error) {
      this.#logger.warn({ err: error }, 'the catalogue cannot be read back yet');
      throw new KafkaError('KAFKA_STORAGE_ERROR', 'The catalogue is not readable at the moment; try again.');
    }
    for (const key of keys) {
      const record = found.get(key) ?? null;
      const known = this.#records.get(key) ?? null;
      if (JSON.stringify(record) !== JSON.stringify(known)) await this.#accept(key, record);
      this.#doubtful.delete(key);
    }
  }

  /** Does not wait for the next change to ask: what the log holds must be known soon. */
  #settleInBackground(): void {
    if (this.#settlesInBackground) return;
    this.#settlesInBackground = true;
    const attempt = (): void => {
      this.#settle().then(
        () => {
          this.#settlesInBackground = false;
          if (this.#doubtful.size > 0) this.#settleInBackground();
        },
        // Logged by the attempt itself; the disk may come back.
        () => this.#clock.after(SETTLE_RETRY_MS, attempt),
      );
    };
    attempt();
  }
}
