/** Runs the small size of every micro benchmark, so that they never rot. Test process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { microBenches } from '../../bench/micro/all.js';

for (const [name, bench] of Object.entries(microBenches)) {
  test(`the ${name} benchmark runs and gives figures`, async () => {
    const figures = await bench('small');
    assert.ok(figures.length > 0);
    for (const figure of figures) {
      assert.ok(figure.nanosecondsPerOperation > 0, `${figure.name}: ${figure.nanosecondsPerOperation}`);
      assert.ok(Number.isFinite(figure.nanosecondsPerOperation));
    }
  });
}
