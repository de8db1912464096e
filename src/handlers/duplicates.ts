/** Finds what a request names twice. Main thread. */

/** The values that occur more than once. */
export function duplicatesOf<T>(values: Iterable<T>): Set<T> {
  const seen = new Set<T>();
  const twice = new Set<T>();
  for (const value of values) {
    if (seen.has(value)) twice.add(value);
    seen.add(value);
  }
  return twice;
}
