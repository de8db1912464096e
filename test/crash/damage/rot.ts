/** Damage that nobody wrote: bits and bytes that flip, sectors and pages that read as zeros or as those of another place. Test process. */
import { DAMAGE_FILE } from '../../../src/log/damage-record.js';
import type { Random } from '../../history/good-history.js';
import type { FakeFileSystem } from '../../log/fake-file-system.js';
import type { DataFolder } from './data-folder.js';

const SECTOR_BYTES = 512;
const PAGE_BYTES = 4096;
const KINDS = [
  'bit',
  'bit',
  'bit',
  'byte',
  'sector of zeros',
  'page of zeros',
  "another place's sector",
  "another place's page",
];

/** A copy of the folder with one fault in one of its files, and a sentence about it. */
export function rotten(folder: DataFolder, random: Random): { files: FakeFileSystem; what: string } {
  const files = folder.files.snapshot();
  const paths = files.paths().filter((path) => files.content(path).length > 0);
  const logs = paths.filter((path) => path.endsWith('.log'));
  const lists = paths.filter((path) => path.endsWith(`/${DAMAGE_FILE}`));
  const pool = [logs, logs, logs, paths, paths, lists][random(6)];
  const path = pool[random(pool.length)];
  const kind = KINDS[random(KINDS.length)];
  const bytes = files.content(path);
  const unit = kind.endsWith('sector') || kind.startsWith('sector') ? SECTOR_BYTES : PAGE_BYTES;
  const units = Math.ceil(bytes.length / unit);
  let at = random(bytes.length);
  if (kind === 'bit') bytes[at] ^= 1 << random(8);
  else if (kind === 'byte') bytes[at] ^= 1 + random(255);
  else {
    at = Math.floor(at / unit) * unit;
    if (kind.endsWith('zeros')) bytes.fill(0, at, Math.min(at + unit, bytes.length));
    else {
      const from = random(units) * unit;
      bytes.copy(bytes, at, from, from + Math.min(unit, bytes.length - Math.max(at, from)));
    }
  }
  files.setContent(path, bytes);
  return { files, what: `${kind} at byte ${at} of ${path}` };
}
