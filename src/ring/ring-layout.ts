/**
 * How one ring lies in its SharedArrayBuffer: declared here once, used by both of its ends, on any thread.
 *
 *   byte 0        64        128       192       256                                 256 + capacity
 *   ├─ tail ──────┼─ head ──┼─ parked ┼─ (free) ┼─ data: entries, 8-byte aligned ───┤
 *     written by    by the    set by    keeps      the next entry never straddles the end:
 *     the producer  consumer  consumer  lines      a padding entry fills what is left
 *                                       apart
 *   entry   ┌ length: int32 ┬ type: int32 ┬ payload: `length` bytes ┬ 0-7 bytes up to the next multiple of 8 ┐
 *
 * `tail` and `head` count bytes, modulo 2^32, and are never reduced to the capacity: used = (tail - head) mod 2^32,
 * so a full ring and an empty ring look different. The capacity is a power of two, so it divides 2^32 and the wrap of
 * the counters is invisible.
 */
import { assert } from '../base/assert.js';

export const CONTROL_BYTES = 256;
/** Indices of 32-bit control words; a cache line apart, because two threads write them. */
export const TAIL_WORD = 0;
export const HEAD_WORD = 16;
/** 1 while the consumer sleeps (or is about to): only then need the producer pay for a wake. */
export const PARKED_WORD = 32;

export const ENTRY_HEADER_BYTES = 8;
/** Entry type of the filler before the wrap; real types start at 1. */
export const PADDING_TYPE = 0;

export const entryBytes = (payloadBytes: number): number => (ENTRY_HEADER_BYTES + payloadBytes + 7) & ~7;

/** Largest payload a ring takes: half of it, so that an entry fits whatever padding the wrap asks for. */
export const payloadBytesMax = (capacity: number): number => capacity / 2 - ENTRY_HEADER_BYTES;

/** Allocates the memory of one ring; `capacity` in bytes, a power of two from 4 KiB to 1 GiB. `startAt` sets both counters (tests cross 2^32). */
export function allocateRing(capacity: number, startAt = 0): SharedArrayBuffer {
  assert(
    capacity >= 4096 && capacity <= 2 ** 30 && (capacity & (capacity - 1)) === 0,
    'ring capacity is a power of two',
  );
  assert(startAt % 8 === 0, 'ring positions are multiples of 8');
  const memory = new SharedArrayBuffer(CONTROL_BYTES + capacity);
  const words = new Int32Array(memory, 0, CONTROL_BYTES / 4);
  words[TAIL_WORD] = startAt | 0;
  words[HEAD_WORD] = startAt | 0;
  return memory;
}
