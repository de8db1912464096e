/** What it costs to find an offset in a segment's index: in memory for the active one, in a file for a sealed one. Bench process. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeFileSystem } from '../../src/log/file-system.js';
import { floorByOffset, OffsetIndex, OffsetIndexFile } from '../../src/log/offset-index.js';
import { Chance } from '../load/log-lines.js';
import { type MicroFigure, measure, type Size } from './measure.js';

/** A segment of 1 GiB with an entry each 4 KiB, as Kafka's defaults make it. */
const entryCount = 262_144;
const entryGapBytes = 4096;
const recordsPerEntry = 40;
const baseOffset = 1_000_000;
const operations = 1000;

export async function benchIndexLookUp(size: Size): Promise<MicroFigure[]> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-index-bench-'));
  try {
    const active = new OffsetIndex(baseOffset);
    for (let entry = 0; entry < entryCount; entry++) {
      active.append(baseOffset + entry * recordsPerEntry, entry * entryGapBytes);
    }
    const path = join(directory, 'sealed.index');
    writeFileSync(path, active.encode());
    const fd = nodeFileSystem.open(path, 'read');
    const sealed = new OffsetIndexFile(nodeFileSystem, fd, baseOffset, entryCount);
    const chance = new Chance(1);
    const wanted = Array.from(
      { length: operations },
      () => chance.below(entryCount) * recordsPerEntry + 7 + baseOffset,
    );
    const over = (index: OffsetIndex | OffsetIndexFile) => () => {
      for (const offset of wanted) {
        const entry = floorByOffset(index, offset);
        if (index.offsetAt(entry) > offset) throw new Error('the entry found lies behind the offset');
      }
    };
    const figures = await measure(size, [
      { name: 'find an offset, active segment of 1 GiB', operations, run: over(active) },
      { name: 'find an offset, sealed segment of 1 GiB', operations, run: over(sealed) },
    ]);
    nodeFileSystem.close(fd);
    return figures;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
