/**
 * Preloaded into every thread of a broker under test: lets a shard's thread meet a slow disk or its own death where it is told
 * to, and says which thread writes what. The broker itself is as it was built. On each thread of the broker's process.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { isMainThread, workerData } from 'node:worker_threads';
import { DEATH_FILE, FAULT_FILE, type ThreadFault, WRITER_PREFIX } from './thread-fault.js';

const folder = process.env.MILLRACE_TEST_FAULTS;
const isShard = !isMainThread && (workerData as { commands?: unknown } | null)?.commands !== undefined;

if (folder !== undefined && isShard) {
  const { openSync, closeSync, writevSync, fdatasyncSync } = fs;
  /** Of log files that are open on this thread. */
  const paths = new Map<number, string>();
  const told = new Set<string>();
  const faultPath = join(folder, FAULT_FILE);

  const faultAt = (fd: number): ThreadFault | null => {
    const path = paths.get(fd);
    if (path === undefined) return null;
    let fault: ThreadFault;
    try {
      fault = JSON.parse(fs.readFileSync(faultPath, 'utf8')) as ThreadFault;
    } catch {
      return null;
    }
    return path.includes(fault.path) ? fault : null;
  };

  const die = (how: ThreadFault['kind']): void => {
    // One thread alone: whoever takes the file away.
    fs.unlinkSync(faultPath);
    fs.writeFileSync(join(folder, DEATH_FILE), `${Date.now()}`);
    if (how === 'throw') throw new TypeError('told to die');
    if (how === 'exit') process.exit(7);
    const held: unknown[] = [];
    for (;;) held.push(new Array(100_000).fill(held.length));
  };

  fs.openSync = (path, ...rest) => {
    const fd = openSync(path, ...rest);
    if (typeof path === 'string' && path.endsWith('.log')) {
      paths.set(fd, path);
      const partition = basename(dirname(path));
      if (!told.has(partition)) {
        told.add(partition);
        const thread = basename(fs.readlinkSync('/proc/thread-self'));
        fs.writeFileSync(join(folder, WRITER_PREFIX + partition), thread);
      }
    }
    return fd;
  };
  fs.closeSync = (fd) => {
    paths.delete(fd);
    closeSync(fd);
  };
  fs.writevSync = (fd, ...rest) => {
    const fault = faultAt(fd);
    if (fault !== null && fault.kind !== 'slow' && fault.when === 'before the write') die(fault.kind);
    return writevSync(fd, ...rest);
  };
  const nap = new Int32Array(new SharedArrayBuffer(4));
  fs.fdatasyncSync = (fd) => {
    const fault = faultAt(fd);
    if (fault?.kind === 'slow') Atomics.wait(nap, 0, 0, fault.delayMs);
    fdatasyncSync(fd);
    if (fault !== null && fault.kind !== 'slow' && fault.when === 'after the flush') die(fault.kind);
  };
  syncBuiltinESMExports();
}
