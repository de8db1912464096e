/** Walks the table of what disks do to logs: each trouble has one error, one count, one line, and a way back without a restart. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type StorageTrouble, storageTroubles } from '../../src/base/storage-trouble.js';
import { type FileOperation, systemError } from '../log/fake-file-system.js';
import { tableInReadme, troubleTables } from '../log/troubles-table.js';
import { projectRoot } from '../project-root.js';
import { ShardBench } from './shard-bench.js';

const FLUSHES: readonly FileOperation[] = ['fdatasync', 'fsyncDirectory', 'syncFileSystem'];
const FLUSH_FAILED = ['EIO', 'ENOSPC', 'EDQUOT'];

interface Case {
  readonly trouble: StorageTrouble;
  readonly code: string;
  readonly operations: readonly FileOperation[];
}

const cases = Object.entries(storageTroubles).flatMap(([name, { codes }]): Case[] => {
  const trouble = name as StorageTrouble;
  if (trouble === 'flush failed') return FLUSH_FAILED.map((code) => ({ trouble, code, operations: FLUSHES }));
  // 'any other' stands for what nobody has thought of.
  return codes.map((code) => ({
    trouble,
    code: code.startsWith('E') ? code : 'EUCLEAN',
    operations: ['writev'],
  }));
});

function counted(bench: ShardBench): Map<string, number> {
  const counts = new Map<string, number>();
  for (const notice of bench.notices) {
    if (notice.kind !== 'count' || notice.name !== 'millrace_storage_errors_total') continue;
    const { topic, trouble } = notice.labels as { topic: string; trouble: string };
    counts.set(`${topic} ${trouble}`, (counts.get(`${topic} ${trouble}`) ?? 0) + notice.by);
  }
  return counts;
}

function lines(bench: ShardBench, level: string): string[] {
  return bench.notices.flatMap((one) => (one.kind === 'log' && one.level === level ? [one.message] : []));
}

describe('the table of what disks do', () => {
  for (const { trouble, code, operations } of cases) {
    test(`${trouble}: ${code}`, () => {
      const bench = new ShardBench();
      for (const slot of [0, 1]) {
        bench.open(slot);
        bench.settle();
        bench.append(slot, ['kept']);
      }
      bench.settle();
      bench.files.before = (operation, path) => {
        if (operations.includes(operation) && path.includes('/t1-0')) throw systemError(code);
      };
      const failed = bench.append(1, ['refused']);
      const other = bench.append(0, ['taken']);
      bench.settle();
      const full = trouble === 'disk full';
      assert.equal(bench.errorOf(failed), full ? 'NOT_ENOUGH_REPLICAS' : 'KAFKA_STORAGE_ERROR');
      assert.equal(bench.errorOf(other), 'NONE', 'the others serve');
      // While it lasts it is tried again, and nothing is acknowledged.
      for (let i = 0; i < 3; i++) {
        bench.clock.advance(30_000);
        bench.settle();
        const again = bench.append(1, ['refused']);
        bench.settle();
        assert.equal(bench.errorOf(again), full ? 'NOT_ENOUGH_REPLICAS' : 'KAFKA_STORAGE_ERROR');
      }
      const counts = counted(bench);
      assert.deepEqual([...counts.keys()], [`t1 ${trouble}`]);
      assert.ok((counts.get(`t1 ${trouble}`) ?? 0) > 0);
      const errors = lines(bench, 'error');
      assert.equal(new Set(errors).size, errors.length, 'no line twice');
      assert.match(errors[0], new RegExp(`^${trouble}: .*${code}`));
      bench.files.before = () => {};
      bench.clock.advance(30_000);
      bench.settle();
      const after = bench.append(1, ['again']);
      bench.settle();
      assert.equal(bench.errorOf(after), 'NONE', 'and it serves again');
      assert.match(lines(bench, 'info').at(-1) ?? '', /the trouble is over/);
    });
  }

  test('a write that is short is no trouble', () => {
    const bench = new ShardBench();
    bench.open(0);
    bench.settle();
    bench.files.taken = (offered) => Math.ceil(offered / 3);
    const append = bench.append(0, ['x'.repeat(5000)]);
    bench.settle();
    assert.equal(bench.errorOf(append), 'NONE');
    assert.equal(counted(bench).size, 0);
  });

  test('the README has the tables', () => {
    const readme = readFileSync(join(projectRoot, 'README.md'), 'utf8');
    for (const [name, table] of Object.entries(troubleTables)) {
      assert.equal(tableInReadme(readme, name), table(), 'run: node dist/test/log/troubles-table.js --write');
    }
  });
});
