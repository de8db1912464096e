/**
 * Where the fields of a record batch (magic 2) lie: the one declaration that its writers and readers share, on every thread.
 *
 * ```
 *  0        8             12              16      17      21           23               27
 *  | base   | batch       | leader epoch  | magic | crc   | attributes | last offset    | base      ...
 *  | offset | length      |               |       | 32C   |            | delta          | timestamp
 *
 *  27          35           43           51          53         57        61
 *  | base      | max        | producer   | producer  | base     | records | records, as one compressed run
 *  | timestamp | timestamp  | id         | epoch     | sequence | count   | where a codec is named
 * ```
 *
 * All integers are big-endian. `batch length` counts from position 12. The CRC-32C covers everything from position 21
 * on, so base offset and leader epoch can be stamped without touching it. Source: KIP-98, KIP-32 and KIP-101.
 */

export const BASE_OFFSET = 0;
export const BATCH_LENGTH = 8;
export const LEADER_EPOCH = 12;
export const MAGIC = 16;
export const CRC = 17;
export const ATTRIBUTES = 21;
export const LAST_OFFSET_DELTA = 23;
export const BASE_TIMESTAMP = 27;
export const MAX_TIMESTAMP = 35;
export const PRODUCER_ID = 43;
export const PRODUCER_EPOCH = 51;
export const BASE_SEQUENCE = 53;
export const RECORDS_COUNT = 57;
export const RECORDS = 61;

export const BATCH_HEADER_BYTES = RECORDS;
/** `batch length` does not count the two fields in front of it. */
export const LENGTH_OVERHEAD_BYTES = LEADER_EPOCH;
/** First byte that the CRC covers. */
export const CRC_FROM = ATTRIBUTES;

export const MAGIC_V2 = 2;

/** Bits of `attributes`. */
export const CODEC_MASK = 0x07;
export const LOG_APPEND_TIME_BIT = 0x08;
export const TRANSACTIONAL_BIT = 0x10;
export const CONTROL_BIT = 0x20;
/** Set by compaction: `base timestamp` then holds the time after which the batch's tombstones may go. */
export const DELETE_HORIZON_BIT = 0x40;

/** Codec numbers of `attributes & CODEC_MASK`. */
export const CODEC_NONE = 0;
export const CODEC_GZIP = 1;
export const CODEC_SNAPPY = 2;
export const CODEC_LZ4 = 3;
export const CODEC_ZSTD = 4;

export const NO_TIMESTAMP = -1;
export const NO_PRODUCER_ID = -1;
export const NO_SEQUENCE = -1;
export const NO_LEADER_EPOCH = -1;
