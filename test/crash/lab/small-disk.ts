/** A file system of its own, small enough to be filled: in memory, or ext4 in a file. Takes root. Test process. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeTemporaryFolder, temporaryFolder } from '../../temp-folder.js';

const MiB = 1024 * 1024;
const SIZE_MiB = 64;

export type SmallDiskKind = 'tmpfs' | 'ext4';

const mounted = new Set<SmallDisk>();
process.on('exit', () => {
  for (const disk of mounted) disk.dispose();
});

function run(command: string, ...args: readonly string[]): string | null {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? null : (error?.message ?? stderr.trim());
}

export class SmallDisk {
  readonly #image: string | null = null;
  readonly #outside: string;
  readonly folder: string;
  /** A folder on it that is empty, which the root of an ext4 never is. */
  readonly data: string;
  readonly #filler: string;

  /** @throws Error where this machine cannot. */
  constructor(kind: SmallDiskKind) {
    this.folder = temporaryFolder('disk');
    this.#outside = temporaryFolder('image');
    this.data = join(this.folder, 'data');
    this.#filler = join(this.folder, 'filler');
    let refusal: string | null;
    if (kind === 'tmpfs') {
      refusal = run('mount', '-t', 'tmpfs', '-o', `size=${SIZE_MiB}m`, 'tmpfs', this.folder);
    } else {
      this.#image = join(this.#outside, 'ext4');
      writeFileSync(this.#image, '');
      truncateSync(this.#image, SIZE_MiB * MiB);
      refusal = run('mkfs.ext4', '-q', '-m', '0', this.#image) ?? run('mount', '-o', 'loop', this.#image, this.folder);
    }
    if (refusal === null) {
      mounted.add(this);
      mkdirSync(this.data);
      return;
    }
    removeTemporaryFolder(this.folder);
    removeTemporaryFolder(this.#outside);
    throw new Error(`no small ${kind} can be mounted here: ${refusal}`);
  }

  /** null where this machine can mount one, otherwise why not. */
  static unable(kind: SmallDiskKind): string | null {
    try {
      new SmallDisk(kind).dispose();
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.folder);
    return bavail * bsize;
  }

  /** Somebody else fills the disk until only so much is left. */
  leave(bytes: number): void {
    writeFileSync(this.#filler, Buffer.alloc(Math.max(0, this.freeBytes - bytes)));
  }

  /** And takes it all away again. */
  free(): void {
    rmSync(this.#filler, { force: true });
  }

  dispose(): void {
    if (!mounted.delete(this)) return;
    run('umount', '-l', this.folder);
    removeTemporaryFolder(this.folder);
    removeTemporaryFolder(this.#outside);
  }
}
