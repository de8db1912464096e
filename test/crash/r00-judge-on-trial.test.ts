/**
 * R0: the judge of histories on trial: histories of real brokers, killed under load, are found good; one fault planted at
 * a random place of them is found, whatever its kind. Test process.
 */
import assert from 'node:assert/strict';
import { brokerIsBuilt, noBroker } from '../broker-process.js';
import { type AnomalyClass, checkHistory } from '../history/checker.js';
import type { Random } from '../history/good-history.js';
import { type Mutation, mutations } from '../history/mutations.js';
import { experiment } from './lab/experiment.js';
import { judge } from './lab/judge.js';
import { recordLives } from './lives.js';

const KILLS = 2;
/** Short lives: what matters is how much happens at their ends. */
const KILL_AFTER_MS_MAX = 80;
/** A place that was chosen may turn out to be none. */
const TRIES_MAX = 500;
/** For the kinds of fault that the first history of a trial has no place for. */
const HISTORIES_MAX = 5;

interface Kind {
  readonly name: AnomalyClass;
  readonly kind: string;
  readonly plant: Mutation;
}

const kinds: readonly Kind[] = Object.entries(mutations).flatMap(([name, ofClass]) =>
  Object.entries(ofClass).map(([kind, plant]) => ({ name: name as AnomalyClass, kind, plant })),
);

experiment({
  id: 'R0',
  title: `the checker finds ${kinds.length} kinds of fault, planted in histories of real brokers that it had found good`,
  unit: 'faults of each kind',
  ci: 15,
  long: 1000,
  unitsPerTrial: 50,
  unable: () => (brokerIsBuilt ? null : noBroker),
  trial: async ({ random, findings, say }, faults) => {
    let left = kinds;
    for (let histories = 0; left.length > 0; histories++) {
      assert.ok(histories < HISTORIES_MAX, `no history has a place for "${left.map(({ kind }) => kind).join('", "')}"`);
      const { history, complaints } = await recordLives({
        kills: KILLS,
        random,
        flush: 'ack',
        endsAfter: 'first commit',
        killAfterMsMax: KILL_AFTER_MS_MAX,
      });
      assert.deepEqual(complaints, []);
      judge(checkHistory(history.operations), findings);
      const text = JSON.stringify(history.operations);
      const before = left.length;
      left = left.filter((kind) => !found(text, kind, faults, random));
      say(`${faults} faults each of ${before - left.length} kinds found in ${history.operations.length} operations`);
    }
  },
});

/** False where the history has no place for such a fault. @throws AssertionError where one is not found for what it is */
function found(text: string, { name, kind, plant }: Kind, faults: number, random: Random): boolean {
  for (let fault = 0; fault < faults; fault++) {
    const spoiled = JSON.parse(text);
    let partition: string | null = null;
    for (let tries = 0; partition === null; tries++) {
      if (tries === TRIES_MAX) return false;
      partition = plant(spoiled, random);
    }
    const { anomalies } = checkHistory(spoiled);
    const told = anomalies.filter((anomaly) => anomaly.partition === partition).map((anomaly) => anomaly.class);
    assert.ok(told.includes(name), `"${kind}" in ${partition}: ${[...new Set(told)].join(', ') || 'nothing'}`);
  }
  return true;
}
