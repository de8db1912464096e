/** The judge is judged: it acquits a thousand good histories and finds a thousand planted faults of every class. Test process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AnomalyClass, checkHistory } from './checker.js';
import { goodHistory, randomOf } from './good-history.js';
import type { Operation } from './history.js';
import { mutations } from './mutations.js';

const HISTORIES = 1_000;

test('good histories have no anomaly', () => {
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const { anomalies, counts } = checkHistory(goodHistory(randomOf(seed)));
    assert.deepEqual(anomalies, [], `seed ${seed}`);
    assert.ok(counts.read >= counts.acknowledged);
  }
});

for (const name of Object.keys(mutations) as AnomalyClass[]) {
  test(`${HISTORIES} planted faults of class ${name} are found`, () => {
    let planted = 0;
    for (let seed = 1; planted < HISTORIES; seed++) {
      assert.ok(seed < 40 * HISTORIES, `only ${planted} histories offered a place for the fault`);
      const random = randomOf(seed);
      // Through JSON: records that several reads share must be changed in one of them alone.
      const history = JSON.parse(JSON.stringify(goodHistory(random)));
      if (!mutations[name](history, random)) continue;
      planted += 1;
      const found = new Set(checkHistory(history).anomalies.map((anomaly) => anomaly.class));
      assert.ok(found.has(name), `seed ${seed}: ${[...found].join(', ') || 'nothing'} instead of ${name}`);
    }
  });
}

test('a write that nobody decided may be there or not, but not half', () => {
  const send = (outcome: 'ok' | 'info', values: string[], baseOffset: number | null, at: number): Operation => ({
    f: 'send',
    process: 'p',
    partition: 't-0',
    idempotent: true,
    outcome,
    baseOffset,
    records: values.map((value) => ({ value, hash: value })),
    invoked: at,
    completed: at + 1,
  });
  const read = (values: string[], at: number): Operation => ({
    f: 'read-all',
    process: 'r',
    partition: 't-0',
    records: values.map((value, offset) => ({ value, hash: value, offset, timestampMs: 0 })),
    batches: values.length ? [{ baseOffset: 0, lastOffset: values.length - 1, count: values.length }] : [],
    bytesHash: values.join(),
    invoked: at,
    completed: at + 1,
  });
  const judge = (...operations: Operation[]) => checkHistory(operations).anomalies.map((anomaly) => anomaly.class);
  assert.deepEqual(judge(send('info', ['a', 'b'], null, 1), read(['a', 'b'], 3)), []);
  assert.deepEqual(judge(send('info', ['a', 'b'], null, 1), read([], 3)), []);
  assert.deepEqual(judge(send('info', ['a', 'b'], null, 1), read(['a'], 3)), ['torn-batch']);
  assert.deepEqual(judge(send('ok', ['a'], 0, 1), send('ok', ['b'], 1, 3), read(['a'], 5)), ['unseen']);
});
