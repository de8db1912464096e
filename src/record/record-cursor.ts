/**
 * Steps through the records of one batch and says where their parts lie, making no object of any: for whoever looks at
 * millions of them (compaction). Any thread. For the layout see record.ts.
 */
import { KafkaError } from '../base/kafka-error.js';
import { VarintReader } from './varint.js';

export class RecordCursor {
  /** The batch's records as plain bytes; what follows are positions in it. */
  bytes: Buffer = Buffer.alloc(0);
  /** The present record is `bytes[start, end)`, its length in front of it included. */
  start = 0;
  end = 0;
  /** Where its attributes lie. */
  attributesAt = 0;
  timestampDelta = 0;
  /** Where everything behind the timestamp begins, with the offset delta. */
  behindTimestamp = 0;
  offsetDelta = 0;
  keyStart = 0;
  /** -1 where there is no key. */
  keyLength = -1;
  /** It has a key and no value: all that was said before under that key is to be forgotten. */
  isTombstone = false;
  private reader = new VarintReader(this.bytes);
  private left = 0;

  /** Stands in front of the first of `count` records. */
  begin(bytes: Buffer, count: number): void {
    this.bytes = bytes;
    this.reader = new VarintReader(bytes);
    this.left = count;
    this.end = 0;
  }

  /**
   * Moves to the next record; false behind the last.
   * @throws KafkaError CORRUPT_MESSAGE where the bytes do not add up, or something is left over behind the last record
   */
  next(): boolean {
    const { reader, bytes } = this;
    if (this.left === 0) {
      if (this.end !== bytes.length) throw broken(this.end);
      return false;
    }
    this.left--;
    this.start = this.end;
    reader.at = this.start;
    const length = reader.next();
    const end = reader.at + length;
    this.attributesAt = reader.at;
    if (length < 1 || end > bytes.length) throw broken(this.start);
    reader.at++;
    this.timestampDelta = reader.next();
    this.behindTimestamp = reader.at;
    this.offsetDelta = reader.next();
    this.keyLength = reader.skipBlob();
    this.keyStart = reader.at - Math.max(0, this.keyLength);
    this.isTombstone = reader.skipBlob() < 0 && this.keyLength >= 0;
    if (reader.at > end) throw broken(this.start);
    this.end = end;
    return true;
  }
}

function broken(at: number): KafkaError {
  return new KafkaError('CORRUPT_MESSAGE', `The records of a batch do not add up at byte ${at}.`);
}
