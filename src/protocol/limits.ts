/** What one message may cost before anyone looks at it. Any thread. */
import { KiB } from '../base/units.js';

/**
 * Array elements in one message, all arrays together: elements, not bytes, are what blows up a heap. With it goes the
 * rule that a count must fit into the bytes that are left (Kafka's own readers learnt it late: CVE-2026-111108).
 */
export const ELEMENTS_MAX = 1_000_000;

/** Tagged fields in one struct, known or not (CVE-2026-111115 was twenty million of them). */
export const TAGS_MAX = 64;

/** A request header with its client id and tags. */
export const HEADER_BYTES_MAX = 64 * KiB;

/** A string's bytes: what an int16 can announce, and the bound that Kafka keeps for compact strings too. */
export const STRING_BYTES_MAX = 32_767;
