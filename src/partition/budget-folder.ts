/**
 * What the disk budget keeps in a data folder, and how much room there is on its disk. Main thread; nothing here blocks it.
 *
 * ```
 *  millrace-budget    budget.bytes=<n> \n crc32c=<hex> \n    what was decided at the first start, where no setting says it
 *  millrace-ballast   zeros                                  room that is given back when the disk is full
 * ```
 */
import { open, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MiB } from '../base/units.js';
import { crc32c } from '../record/crc32c.js';

const BUDGET_FILE = 'millrace-budget';
const BALLAST_FILE = 'millrace-ballast';

export interface DiskSpace {
  /** What this process may still take. */
  readonly freeBytes: number;
  readonly totalBytes: number;
}

export class BudgetFolder {
  constructor(readonly directory: string) {}

  async space(): Promise<DiskSpace> {
    const { bavail, blocks, bsize } = await statfs(this.directory);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  }

  /** null where nothing was decided yet, or nobody can read it any more. */
  async remembered(): Promise<number | null> {
    const text = await readFile(join(this.directory, BUDGET_FILE), 'utf8').catch(() => '');
    const bytes = Number(/^budget\.bytes=(\d+)$/m.exec(text)?.[1]);
    return text === budgetText(bytes) ? bytes : null;
  }

  async remember(bytes: number): Promise<void> {
    const path = join(this.directory, BUDGET_FILE);
    await writeFile(`${path}.tmp`, budgetText(bytes), { flush: true });
    await rename(`${path}.tmp`, path);
    const folder = await open(this.directory, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  async hasBallast(): Promise<boolean> {
    try {
      await stat(join(this.directory, BALLAST_FILE));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return false;
    }
  }

  /** Rejects, and takes nothing, where there is no room for it. */
  async makeBallast(bytes: number): Promise<void> {
    const path = join(this.directory, BALLAST_FILE);
    const zeros = Buffer.alloc(MiB);
    try {
      const file = await open(path, 'w');
      try {
        for (let at = 0; at < bytes; )
          at += (await file.write(zeros, 0, Math.min(zeros.length, bytes - at), at)).bytesWritten;
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (error) {
      await this.dropBallast();
      throw error;
    }
  }

  async dropBallast(): Promise<void> {
    await rm(join(this.directory, BALLAST_FILE), { force: true });
  }
}

function budgetText(bytes: number): string {
  const line = `budget.bytes=${bytes}\n`;
  return `${line}crc32c=${crc32c(Buffer.from(line)).toString(16)}\n`;
}
