/** An internal log in memory, whose appends and reads can be made to fail. What is in it outlives the registry, as a disk would. */
import { KafkaError } from '../../src/base/kafka-error.js';
import type { Offset } from '../../src/base/units.js';
import type { InternalLog, InternalRecord, VisitRecord } from '../../src/partition/internal-log.js';

/** `lost`: the append failed and nothing is there. `kept`: it is there all the same, as after a failed flush. */
export type AppendFailure = 'lost' | 'kept';

export class MemoryLog implements InternalLog {
  readonly records: InternalRecord[] = [];
  readonly #failures: AppendFailure[] = [];
  readable = true;
  appends = 0;

  failNext(failure: AppendFailure): void {
    this.#failures.push(failure);
  }

  async append(records: readonly InternalRecord[]): Promise<Offset> {
    this.appends++;
    const failure = this.#failures.shift();
    await Promise.resolve();
    const offset = this.records.length;
    if (failure !== 'lost') {
      for (const { key, value } of records) {
        this.records.push({ key: key && Buffer.from(key), value: value && Buffer.from(value) });
      }
    }
    await Promise.resolve();
    if (failure !== undefined) throw new KafkaError('KAFKA_STORAGE_ERROR', 'the disk of this test failed');
    return offset;
  }

  async replay(visit: VisitRecord): Promise<void> {
    await Promise.resolve();
    if (!this.readable) throw new KafkaError('KAFKA_STORAGE_ERROR', 'the log of this test cannot be read');
    this.records.forEach((record, offset) => {
      visit(record, offset, null);
    });
  }
}
