/** The shard's door to its disk, with a word to the main thread while a call is under way: it may take for ever. Shard thread. */
import type { FileSystem } from '../log/file-system.js';
import type { Pulse } from '../ring/pulse.js';

type Call = (...args: unknown[]) => unknown;

/** `files` has its calls as properties of its own. */
export function watchedFiles(files: FileSystem, pulse: Pulse): FileSystem {
  const watched: Record<string, Call> = {};
  for (const [name, call] of Object.entries(files) as [string, Call][]) {
    // As many arguments as any call has, by name: an array of them would be made for each call.
    watched[name] = (a, b, c, d, e) => {
      pulse.atDisk();
      try {
        return call.call(files, a, b, c, d, e);
      } finally {
        pulse.working();
      }
    };
  }
  return watched as unknown as FileSystem;
}
