/** Programmer errors: an assertion that fails is a bug in this project, never a client's or a disk's fault. */

export class AssertionError extends Error {
  override name = 'AssertionError';
}

/** Throws an {@link AssertionError} with `message` unless `condition` holds. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}
