/** Which partition of an internal topic a group or transactional id lives in. Main thread. */

/** Java's `String.hashCode`: h = 31 h + c over UTF-16 units, in 32-bit arithmetic. */
export function javaHash(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return hash;
}

/**
 * `abs(hashCode) % partitions`, as Kafka's coordinators do it, so that a log written here reads the same there.
 * Java's abs has no answer for the smallest int; Kafka takes 0. (Producers' partitioners mask the sign bit instead:
 * a different function.)
 */
export function partitionOf(id: string, partitions: number): number {
  const hash = javaHash(id);
  return hash === -0x80000000 ? 0 : Math.abs(hash) % partitions;
}
