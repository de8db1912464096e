/** The system's clock where Node's timers end: beyond 2^31 milliseconds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/base/clock.js';

test('what is due in a hundred years does not go off at once, and can be cancelled', async () => {
  let wentOff = 0;
  const far = [2 ** 31, 2 ** 42, 2 ** 63, Number.POSITIVE_INFINITY].map((delayMs) =>
    systemClock.after(delayMs, () => {
      wentOff++;
    }),
  );
  // Node makes 1 ms of a delay that it cannot hold; those come first.
  await new Promise<void>((resolve) => {
    setTimeout(resolve, 20);
  });
  assert.equal(wentOff, 0);
  for (const timer of far) timer.cancel();
});
