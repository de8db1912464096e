/** What a crash, or a disk, may leave behind the end of a log and of its indexes. Test process. */
import { encodeBatch } from '../../../src/record/record.js';
import { stampPlace } from '../../../src/record/record-batch.js';
import type { Random } from '../../history/good-history.js';
import type { FakeFileSystem } from '../../log/fake-file-system.js';
import type { DataFolder, HeldLog } from './data-folder.js';

const SECTOR_BYTES = 512;
const HEADER_BYTES = 61;
/** Of a batch, where its checksum ends. */
const CRC_END = 21;

/** The bytes behind the end of `log`, whose next batch would be `next`. */
type Tail = (log: HeldLog, next: Buffer, random: Random) => Buffer;

const noise = (length: number, random: Random): Buffer => Buffer.from(Array.from({ length }, () => random(256)));

function stale({ batches }: HeldLog, random: Random): Buffer {
  const from = random(batches.length);
  return Buffer.concat(batches.slice(from, from + 1 + random(6)).map(({ bytes }) => bytes));
}

const TAILS: Readonly<Record<string, Tail>> = {
  'a torn batch': (_, next, random) => next.subarray(0, 1 + random(next.length - 1)),
  'a header without its batch': (_, next) => next.subarray(0, HEADER_BYTES),
  'a torn batch in prepared room': (_, next, random) =>
    Buffer.concat([next.subarray(0, 1 + random(next.length - 1)), Buffer.alloc(next.length + random(9000))]),
  'a batch that lacks a sector': (_, next, random) => {
    const torn = Buffer.from(next);
    const from = random(torn.length);
    return torn.fill(0, from, Math.min(torn.length, from + SECTOR_BYTES));
  },
  'a batch with a wrong byte': (_, next, random) => {
    const wrong = Buffer.from(next);
    // Anywhere but in the leader epoch, which no checksum covers.
    wrong[16 + random(next.length - 16)] ^= 1 + random(255);
    return wrong;
  },
  'a batch with a wrong offset': (log, next, random) => {
    const wrong = Buffer.from(next);
    stampPlace(wrong, 0, log.answers.end + 1 + random(1000), 3);
    return wrong;
  },
  zeros: (_, __, random) => Buffer.alloc(1 + random(20_000)),
  noise: (_, __, random) => noise(1 + random(3000), random),
  'zeros and noise': (_, __, random) =>
    Buffer.concat([Buffer.alloc(1 + random(3000)), noise(1 + random(1000), random), Buffer.alloc(random(3000))]),
  'batches that the file held before': (log, _, random) => stale(log, random),
  'a part of batches that the file held before': (log, _, random) => {
    const bytes = stale(log, random);
    return bytes.subarray(random(bytes.length));
  },
  'a torn batch over batches that the file held before': (log, next, random) => {
    // With its checksum: an offset alone would be given to the old batch, and nobody could tell.
    const torn = next.subarray(0, CRC_END + random(next.length - CRC_END));
    const old = stale(log, random);
    return Buffer.concat([torn, old.subarray(Math.min(torn.length, old.length - 1))]);
  },
  'the last batch again': (log) => log.batches.at(-1)?.bytes ?? Buffer.alloc(1),
  'sectors that were never written, and the batch behind them': (log, next) => {
    const behind = Buffer.from(next);
    stampPlace(behind, 0, log.answers.end + 3, 3);
    return Buffer.concat([Buffer.alloc(SECTOR_BYTES * 3), behind]);
  },
};

/** A copy of the folder in which a log, or one of its indexes, has such an end; and a sentence about it. */
export function withTail(folder: DataFolder, random: Random): { files: FakeFileSystem; what: string } {
  const files = folder.files.snapshot();
  const log = folder.logs[random(folder.logs.length)];
  const path = log.batches.at(-1)?.path as string;
  if (random(8) === 0) {
    const indexes = files
      .paths()
      .filter((one) => one.startsWith(path.slice(0, path.lastIndexOf('/'))) && one.endsWith('index'));
    const index = indexes[random(indexes.length)];
    const half = noise(1 + random(11), random);
    files.setContent(index, Buffer.concat([files.content(index), random(2) === 0 ? half : Buffer.alloc(half.length)]));
    return { files, what: `a part of an entry at the end of ${index}` };
  }
  const names = Object.keys(TAILS);
  const name = names[random(names.length)];
  const value = noise(1 + random(4000), random);
  const next = encodeBatch({ records: [{ key: Buffer.from('k'), value, timestampMs: 1_600_000_999_000 }] });
  stampPlace(next, 0, log.answers.end, 3);
  files.setContent(path, Buffer.concat([files.content(path), TAILS[name](log, next, random)]));
  return { files, what: `${name} at the end of ${path}` };
}
