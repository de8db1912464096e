/** Repetitions in bytes, which snappy and lz4 both live on: finding them, and writing them out again. Any thread. */

/** Distances must fit into two bytes, so at most this much is searched at a time. */
export const SEARCHED_BYTES_MAX = 64 * 1024;
const LENGTH_MIN = 4;
/** lz4 wants its last five bytes as literals, and no repetition to begin in the last twelve; snappy does not mind. */
const LITERALS_AT_END = 5;
const NO_START_AT_END = 12;
const TABLE_BITS = 14;
/** Spreads four bytes over the table (Knuth's multiplicative hash). */
const SPREAD = 0x9e3779b1;
/** After so many bytes without a repetition the search begins to take longer steps. */
const PATIENCE_BITS = 6;

/** Where four bytes with a hash were seen last. One search at a time: threads have each their own copy. */
let table: Int32Array | null = null;

/** Bytes, and the same memory four bytes at a time, which is how engines are fast at moving little. */
export interface Memory {
  readonly bytes: Uint8Array;
  readonly words: DataView;
}

export function memoryOf(bytes: Uint8Array): Memory {
  return { bytes, words: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) };
}

/**
 * Calls `visit` for each repetition found greedily in the bytes of `[start, end)`, at most {@link SEARCHED_BYTES_MAX} of them:
 * the literals `[literalsFrom, at)`, and behind them `length` bytes that also stand `distance` earlier.
 * Returns where the literals at the end begin.
 */
export function findRepetitions(
  { bytes, words }: Memory,
  start: number,
  end: number,
  visit: (literalsFrom: number, at: number, distance: number, length: number) => void,
): number {
  table ??= new Int32Array(1 << TABLE_BITS);
  table.fill(-1);
  const repeatedEnd = end - LITERALS_AT_END;
  let literalsFrom = start;
  for (let at = start; at < end - NO_START_AT_END; ) {
    const word = words.getInt32(at, true);
    const slot = Math.imul(word, SPREAD) >>> (32 - TABLE_BITS);
    const earlier = table[slot];
    table[slot] = at;
    if (earlier < 0 || words.getInt32(earlier, true) !== word) {
      at += 1 + ((at - literalsFrom) >> PATIENCE_BITS);
      continue;
    }
    let length = LENGTH_MIN;
    while (at + length < repeatedEnd && bytes[earlier + length] === bytes[at + length]) length++;
    visit(literalsFrom, at, at - earlier, length);
    at += length;
    literalsFrom = at;
  }
  return literalsFrom;
}

const WORD_BYTES = 4;
/** Below this a loop is faster than a call. */
const LOOP_BYTES_MAX = 64;

/** Writes `length` bytes at `at`, the same as those `distance` earlier; both may overlap. The caller has checked bounds. Up to three bytes behind may become anything. */
export function repeat({ bytes, words }: Memory, at: number, distance: number, length: number): void {
  const from = at - distance;
  if (length <= LOOP_BYTES_MAX) {
    if (distance >= WORD_BYTES && at + length + WORD_BYTES <= bytes.length) {
      for (let i = 0; i < length; i += WORD_BYTES) words.setInt32(at + i, words.getInt32(from + i));
    } else {
      for (let i = 0; i < length; i++) bytes[at + i] = bytes[from + i];
    }
    return;
  }
  // What has been written repeats what was there, so each round may copy twice as much as the one before.
  const end = at + length;
  for (let to = at; to < end; ) {
    const count = Math.min(to - from, end - to);
    bytes.copyWithin(to, from, from + count);
    to += count;
  }
}

/** Copies literals; short ones, which are most, without a call. As with {@link repeat}, up to three bytes behind may become anything. */
export function copyLiterals(from: Memory, start: number, length: number, to: Memory, at: number): void {
  if (length > LOOP_BYTES_MAX) {
    to.bytes.set(from.bytes.subarray(start, start + length), at);
  } else if (start + length + WORD_BYTES <= from.bytes.length && at + length + WORD_BYTES <= to.bytes.length) {
    for (let i = 0; i < length; i += WORD_BYTES) to.words.setInt32(at + i, from.words.getInt32(start + i));
  } else {
    for (let i = 0; i < length; i++) to.bytes[at + i] = from.bytes[start + i];
  }
}
