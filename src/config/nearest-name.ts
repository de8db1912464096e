/** "Did you mean …": finds the known name that a misspelt one is closest to. */

/** The fewest letters to insert, delete or replace on the way from `from` to `to`. */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const replaced = previous[column - 1] + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, previous[column] + 1, current[column - 1] + 1));
    }
    previous = current;
  }
  return previous[to.length];
}

/** The nearest of `names`, or null where none is near: more than a third of the letters would have to change. */
export function nearestName(name: string, names: Iterable<string>): string | null {
  const wanted = name.toLowerCase().slice(0, 100);
  let nearest: string | null = null;
  let distance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of names) {
    const next = editDistance(wanted, candidate);
    if (next < distance) {
      nearest = candidate;
      distance = next;
    }
  }
  return nearest;
}
