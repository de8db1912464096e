/** Whatever the sizes, and however little the file system takes at a time, all bytes end where they belong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writePiecewise } from '../../src/log/piecewise-write.js';
import { fc } from '../property.js';
import { FakeFileSystem } from './fake-file-system.js';

test('buffers of every size are written whole, behind one another, also where writes are short', () => {
  const size = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 600_000 }));
  fc.assert(
    fc.property(
      fc.array(size, { minLength: 1, maxLength: 5 }),
      fc.nat(50_000),
      fc.array(fc.integer({ min: 9_000, max: 70_000 }), { minLength: 1, maxLength: 5 }),
      (sizes, position, taken) => {
        const files = new FakeFileSystem();
        files.mkdir('/data');
        const fd = files.open('/data/file', 'create');
        let call = 0;
        files.taken = (offered) => Math.min(offered, taken[call++ % taken.length]);
        const buffers = sizes.map((bytes, at) => Buffer.alloc(bytes, at + 1));
        writePiecewise(files, fd, buffers, position);
        const content = files.readFile('/data/file');
        assert.equal(content.compare(Buffer.concat([Buffer.alloc(position), ...buffers])), 0);
      },
    ),
    { numRuns: 60 },
  );
});

test('what is larger than a piece is cut where pieces of the file end, and its last bytes go with what comes behind', () => {
  const files = new FakeFileSystem();
  files.mkdir('/data');
  const fd = files.open('/data/file', 'create');
  const ends: number[] = [];
  const writev = files.writev.bind(files);
  files.writev = (of, buffers, position) => {
    ends.push(position + buffers.reduce((bytes, { length }) => bytes + length, 0));
    return writev(of, buffers, position);
  };
  writePiecewise(files, fd, [Buffer.alloc(290_000), Buffer.alloc(5000)], 10_000);
  assert.deepEqual(ends, [65_536, 131_072, 196_608, 262_144, 305_000]);
});
