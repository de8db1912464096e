/** The judge is judged: it acquits good histories and finds every fault planted in them. Test process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AnomalyClass, checkHistory } from './checker.js';
import { goodHistory, randomOf } from './good-history.js';
import type { Operation } from './history.js';
import { mutations } from './mutations.js';

/** Small ones here; the crash laboratory has R0 for the histories of real brokers. */
const HISTORIES = 100;

test('good histories have no anomaly', () => {
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const { anomalies, counts } = checkHistory(goodHistory(randomOf(seed)));
    assert.deepEqual(anomalies, [], `seed ${seed}`);
    assert.ok(counts.read >= counts.acknowledged);
  }
});

for (const name of Object.keys(mutations) as AnomalyClass[]) {
  test(`${HISTORIES} planted faults of each kind of class ${name} are found`, () => {
    for (const [kind, plant] of Object.entries(mutations[name])) {
      let planted = 0;
      for (let seed = 1; planted < HISTORIES; seed++) {
        assert.ok(seed < 40 * HISTORIES, `${kind}: only ${planted} histories offered a place for it`);
        const random = randomOf(seed);
        // Through JSON: records that several reads share must be changed in one of them alone.
        const history = JSON.parse(JSON.stringify(goodHistory(random)));
        const partition = plant(history, random);
        if (partition === null) continue;
        planted += 1;
        const { anomalies } = checkHistory(history);
        const found = anomalies.filter((anomaly) => anomaly.partition === partition).map((anomaly) => anomaly.class);
        assert.ok(found.includes(name), `${kind}, seed ${seed}: ${[...new Set(found)].join(', ') || 'nothing'}`);
      }
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
  assert.deepEqual(judge(send('ok', ['a'], 0, 1), send('ok', ['b'], 1, 3), read(['a'], 5)), ['unseen', 'went-back']);
});
