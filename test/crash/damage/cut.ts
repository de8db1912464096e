/** All places at which a file of a data folder may have been cut short: every byte of small files, of logs the last batches. Test process. */
import type { FakeFileSystem } from '../../log/fake-file-system.js';
import { type DataFolder, dataFolder, type Ending } from './data-folder.js';

/** Of the last segment of a log, and of the others. */
const BATCHES_CUT = { last: 4, sealed: 1 };
/** Larger than the number of places, and prime: seeds that follow on each other visit all, far apart from each other. */
const STRIDE = 1_000_003;

interface Place {
  readonly ending: Ending;
  readonly path: string;
  readonly length: number;
}

let places: readonly Place[] | null = null;

/** The folder with one file cut short, a sentence about it, and how many such places there are. */
export function cutAt(seed: number): { folder: DataFolder; files: FakeFileSystem; what: string; places: number } {
  places ??= [...placesIn(dataFolder('stopped')), ...placesIn(dataFolder('killed'))];
  const { ending, path, length } = places[(seed * STRIDE) % places.length];
  const folder = dataFolder(ending);
  const files = folder.files.snapshot();
  files.setContent(path, files.content(path).subarray(0, length));
  return { folder, files, what: `${ending}, ${path} is cut to ${length} bytes`, places: places.length };
}

function placesIn({ ending, files, logs }: DataFolder): Place[] {
  const found: Place[] = [];
  for (const path of files.paths()) {
    const batches = logs.flatMap((log) => log.batches.filter((batch) => batch.path === path));
    const isLast = logs.some((log) => log.batches.at(-1)?.path === path);
    const first = batches.at(-(isLast ? BATCHES_CUT.last : BATCHES_CUT.sealed))?.position ?? 0;
    const end = files.content(path).length;
    for (let length = first; length < end; length++) found.push({ ending, path, length });
    if (first > 0) found.push({ ending, path, length: 0 });
  }
  return found;
}
