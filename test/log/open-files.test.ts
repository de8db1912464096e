/** Descriptors at their limit: what is in hand, or holds what is not on disk, is not taken away. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OpenFiles } from '../../src/log/open-files.js';
import { FakeFileSystem } from './fake-file-system.js';

const LIMIT = 16;
/** As many as one action may have in hand. */
const IN_HAND = 8;

function pathOf(number: number): string {
  return `/data/${number}.log`;
}

describe('open files', () => {
  it('stay open where they were just asked for, even if every other one is dirty', () => {
    const files = new FakeFileSystem();
    const openFiles = new OpenFiles(files, LIMIT);
    for (let i = 0; i < LIMIT; i++) {
      openFiles.descriptor(pathOf(i), 'create');
      openFiles.markDirty(pathOf(i));
    }
    const inHand = Array.from({ length: IN_HAND }, (_, i) => openFiles.descriptor(pathOf(LIMIT + i), 'create'));
    for (const fd of inHand) assert.equal(files.write(fd, Buffer.from('x'), 0, 1, 0), 1);
  });

  it('give way in the order of their last use, but for those that are dirty', () => {
    const files = new FakeFileSystem();
    const openFiles = new OpenFiles(files, LIMIT);
    const fds = Array.from({ length: LIMIT }, (_, i) => openFiles.descriptor(pathOf(i), 'create'));
    openFiles.markDirty(pathOf(0));
    openFiles.descriptor(pathOf(LIMIT), 'create');
    const isOpen = (i: number): boolean => {
      try {
        return files.read(fds[i], Buffer.alloc(1), 0, 1, 0) >= 0;
      } catch {
        return false;
      }
    };
    const open = fds.flatMap((_, i) => (isOpen(i) ? [i] : []));
    assert.deepEqual(open, [0, ...Array.from({ length: LIMIT - 3 }, (_, i) => i + 3)]);
  });
});
