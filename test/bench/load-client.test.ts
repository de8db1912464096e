/** The load client against the limit programs: real sockets, real processes, a tenth of a second each. Test process. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { limitName, runLimit, runTimedLimit } from '../../bench/limit/run-limit.js';
import { cells } from '../../bench/load/cells.js';

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-test-bench-'));
});
after(() => rmSync(directory, { recursive: true, force: true }));

for (const name of [
  'produce-16k',
  'produce-single',
  'flush-16k',
  'fetch-1m-4',
  'fan-out-10',
  'e2e-1k',
  'connections-10',
]) {
  const cell = cells.find((candidate) => candidate.name === name);
  if (cell?.kind !== 'load') throw new Error(`there is no load cell ${name}`);
  for (const limit of cell.limits) {
    test(`${name}: ${limitName(limit)}`, async () => {
      const quick = {
        ...cell,
        job: (options: Parameters<typeof cell.job>[0]) => ({ ...cell.job(options), warmUpSeconds: 0 }),
      };
      const result = await runLimit(limit, quick, directory, 0.1);
      assert.ok(result.bytes > 0);
      if (process.platform === 'linux') assert.ok((result.serverResidentBytes ?? 0) > 0);
    });
  }
}

for (const limit of [{ kind: 'node' }, { kind: 'recover', bytes: 4 * 1024 * 1024 }] as const) {
  test(limitName(limit), async () => {
    assert.ok((await runTimedLimit(limit, directory)) > 0);
  });
}
