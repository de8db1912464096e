/**
 * R1: kill -9 of the real process under load, again and again: nothing acknowledged is lost or doubled, nothing read is
 * taken back, committed offsets stay. Test process.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { brokerIsBuilt, noBroker } from '../broker-process.js';
import { checkHistory } from '../history/checker.js';
import { temporaryFolder } from '../temp-folder.js';
import { experiment } from './lab/experiment.js';
import { judge } from './lab/judge.js';
import { recordLives } from './lives.js';

const KILL_AFTER_MS_MAX = 400;

/** A dead process must lose nothing in any flush mode; each trial has one of them. */
const MODES = ['ack', 'never', 'interval', 'never', 'ack'] as const;

experiment({
  id: 'R1',
  title: 'kill -9 and SIGTERM under producers, assigned consumers and groups, with a check of the whole history',
  unit: 'kills',
  ci: 50,
  long: 1000,
  unitsPerTrial: 10,
  unable: () => (brokerIsBuilt ? null : noBroker),
  trial: async ({ seed, random, findings }, kills) => {
    const flush = MODES[seed % MODES.length];
    const { history, complaints, stderr } = await recordLives({
      endsAfter: 'first acknowledgement',
      kills,
      random,
      flush,
      killAfterMsMax: KILL_AFTER_MS_MAX,
    });
    const verdict = checkHistory(history.operations);
    if (verdict.anomalies.length > 0 || complaints.length > 0) {
      const path = join(temporaryFolder('history'), 'history.jsonl');
      history.write(path);
      process.stderr.write(`${path} (kept by MILLRACE_TEST_KEEP=1)\n${stderr.slice(-4_000)}\n`);
    }
    judge(verdict, findings);
    assert.deepEqual(complaints.slice(0, 10), [], `${complaints.length} answers that should not have been`);
    assert.ok(verdict.counts.acknowledged > 0);
  },
});
