/** The ends of int64 as this project writes them: the nearest doubles. Any thread. */

/** Encoded as 2^63 - 1, with which Kafka means "no limit". */
export const INT64_MAX = 2 ** 63;
export const INT64_MIN = -(2 ** 63);
