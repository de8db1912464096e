/** Branded numbers that must never be mixed, and byte-size words. Used on every thread. */

declare const brand: unique symbol;
type Branded<Name extends string> = number & { readonly [brand]?: Name };

/** The number of a record in a partition's log, 0-based; never a byte position. */
export type Offset = Branded<'Offset'>;
/** A byte position inside one segment file; never a record number. */
export type FilePosition = Branded<'FilePosition'>;
/** Raised once for the whole node at each unclean start (decides which history a batch belongs to). */
export type LeaderEpoch = Branded<'LeaderEpoch'>;
/** int16 fencing counter of an idempotent producer. */
export type ProducerEpoch = Branded<'ProducerEpoch'>;

export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;
