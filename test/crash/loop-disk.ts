/**
 * A file system of its own in a file, mounted by the loop device, whose power can be cut: what was not synced is gone when it
 * comes back. Needs root. Test process.
 *
 * The cut is the shutdown ioctl of ext4 and XFS, with which their own developers test recovery: from then on every call fails
 * with EIO, and nothing that is in memory reaches the device.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, fdatasyncSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type LoopDiskKind = 'ext4' | 'xfs';

const formatCommands: Record<LoopDiskKind, readonly string[]> = {
  ext4: ['mkfs.ext4', '-q', '-F', '-m', '0'],
  xfs: ['mkfs.xfs', '-q'],
};
/** Sparse: only what is written takes room. */
const SIZE_BYTES = 2 * 1024 ** 3;
/** Whether the journal is written before the lights go out: EXT4_GOING_FLAGS_LOGFLUSH and _NOLOGFLUSH; XFS has the same. */
const GOING_DOWN = { logFlush: 1, noLogFlush: 2 };
const SHUTDOWN = `import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack("I", int(sys.argv[2])))`;

const RELEASE_MS_MAX = 60_000;

const mounted = new Set<LoopDisk>();
process.on('exit', () => {
  for (const disk of mounted) disk.dispose();
});

function run([command, ...args]: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}

function isAttached(image: string): boolean {
  const { status, stdout, stderr } = spawnSync('losetup', ['--associated', image], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`losetup --associated ${image}: ${stderr.trim()}`);
  return stdout.trim() !== '';
}

export class LoopDisk {
  readonly #home = mkdtempSync(join(tmpdir(), 'millrace-disk-'));
  /** A folder on the file system, empty at first. */
  readonly folder = join(this.#home, 'mounted', 'data');

  /** Makes it and mounts it. @throws Error where the machine does not allow that */
  constructor(kind: LoopDiskKind) {
    const image = join(this.#home, 'image');
    closeSync(openSync(image, 'w'));
    truncateSync(image, SIZE_BYTES);
    mkdirSync(join(this.#home, 'mounted'));
    mounted.add(this);
    try {
      run([...formatCommands[kind], image]);
      this.#mount();
      mkdirSync(this.folder);
      const fd = openSync(join(this.#home, 'mounted'), 'r');
      fdatasyncSync(fd);
      closeSync(fd);
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** null where such a file system can be had here, otherwise why not. */
  static unable(kind: LoopDiskKind): string | null {
    try {
      const disk = new LoopDisk(kind);
      disk.cut(false);
      disk.dispose();
      return null;
    } catch (error) {
      return `${kind} on a loop device cannot be had here: ${(error as Error).message}`;
    }
  }

  #mount(): void {
    run(['mount', '-o', 'loop', join(this.#home, 'image'), join(this.#home, 'mounted')]);
  }

  /** From here on nothing reaches the disk. */
  cut(logFlush: boolean): void {
    const flag = logFlush ? GOING_DOWN.logFlush : GOING_DOWN.noLogFlush;
    run(['python3', '-c', SHUTDOWN, join(this.#home, 'mounted'), String(flag)]);
  }

  /** Power is back: the file system recovers by its journal. Nobody may hold a file of it open. */
  restore(): void {
    run(['umount', join(this.#home, 'mounted')]);
    this.#awaitRelease();
    this.#mount();
  }

  /**
   * A process with a mount namespace of its own, begun while the disk was mounted here, keeps the file system alive until it
   * ends; mounting the image would only bring the same one back, without power.
   */
  #awaitRelease(): void {
    const image = join(this.#home, 'image');
    for (const begunMs = performance.now(); isAttached(image); ) {
      if (performance.now() - begunMs > RELEASE_MS_MAX) throw new Error(`${image} is still mounted somewhere else`);
    }
  }

  /** Makes some files durable out of their turn, as the kernel does when it likes. */
  syncSome(random: (bound: number) => number): void {
    const files = readdirSync(this.folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    for (const { parentPath, name } of files) {
      if (random(3) !== 0) continue;
      try {
        const fd = openSync(join(parentPath, name), 'r');
        fdatasyncSync(fd);
        closeSync(fd);
      } catch (error) {
        // Deleted meanwhile.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
  }

  dispose(): void {
    spawnSync('umount', ['-l', join(this.#home, 'mounted')]);
    rmSync(this.#home, { recursive: true, force: true });
    mounted.delete(this);
  }
}
