/**
 * Segments whose names others took. Main thread.
 *
 * A compacted segment takes the name of what it was made from, and bytes of both lie at the same positions. Who located his
 * range before the swap must get the old one's: it is kept for a while as `<path>.<generation>.deleted`, where `generation`
 * is that of the swap, and ranges that were located after it carry that generation. So a range belongs to the file that the
 * first swap behind its own generation put aside; where there was none, to the one that has the name.
 */

/** How a shard's swap names what it puts aside (log/segment-swap). */
function asideOf(path: string, generation: number): string {
  return `${path}.${generation}.deleted`;
}

export class ReplacedFiles {
  /** By path: generations of the swaps whose old files still linger, rising. */
  private readonly swaps = new Map<string, number[]>();

  /** To be called before the shard is asked for the swap: readers come at any moment of it. */
  begin(paths: readonly string[], generation: number): void {
    for (const path of paths) {
      const known = this.swaps.get(path);
      if (known === undefined) this.swaps.set(path, [generation]);
      else known.push(generation);
    }
  }

  /** The swap did not happen, or nobody needs what it put aside any more. */
  end(paths: readonly string[], generation: number): void {
    for (const path of paths) {
      const left = (this.swaps.get(path) ?? []).filter((known) => known !== generation);
      if (left.length === 0) this.swaps.delete(path);
      else this.swaps.set(path, left);
    }
  }

  /** The files under `directory` were read anew, or are gone. */
  forget(directory: string): void {
    const prefix = `${directory}/`;
    for (const path of [...this.swaps.keys()]) if (path.startsWith(prefix)) this.swaps.delete(path);
  }

  /** Where the file is, or will be as soon as the swap that is under way has renamed it; null where it has its name. */
  asideOf(path: string, generation: number): string | null {
    const swap = this.swaps.get(path)?.find((known) => known > generation);
    return swap === undefined ? null : asideOf(path, swap);
  }
}
