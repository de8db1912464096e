/** The bit fields in which answers say what the asker may do (KIP-430). Any thread. */

/** What stands there when nobody asked: no set of operations has this number. */
export const OPERATIONS_NOT_ASKED_FOR = -(2 ** 31);
