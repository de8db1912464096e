/**
 * The record of a control batch: how a transaction ended. Any thread.
 *
 * ```
 *  key    version int16 | type int16: 0 abort, 1 commit; the others are of logs that no client writes to
 *  value  version int16 | coordinator epoch int32
 * ```
 */
import { visitRecords } from './record.js';

const TYPE_AT = 2;
const KEY_BYTES = 4;
const ABORT = 0;
const COMMIT = 1;

export type TransactionEnd = 'committed' | 'aborted';

/**
 * What a control batch says; null where it says something else, or nothing any more: compaction leaves it empty.
 * @throws KafkaError as {@link visitRecords}
 */
export function transactionEndIn(batch: Buffer): TransactionEnd | null {
  let end: TransactionEnd | null = null;
  visitRecords(batch, ({ key }) => {
    if (key === null || key.length < KEY_BYTES) return true;
    const type = key.readInt16BE(TYPE_AT);
    if (type === COMMIT) end = 'committed';
    if (type === ABORT) end = 'aborted';
    return end === null;
  });
  return end;
}
