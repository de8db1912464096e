/** From a checked history to what the laboratory reports: what counts as lost, as duplicated, as reordered. Test process. */
import assert from 'node:assert/strict';
import type { AnomalyClass, Verdict } from '../../history/checker.js';
import type { Findings } from './experiment.js';

const ANOMALIES_SHOWN = 10;

type Kind = 'lost' | 'duplicated' | 'reordered';

const kinds: Partial<Record<AnomalyClass, Kind>> = {
  'lost-write': 'lost',
  unseen: 'lost',
  hole: 'lost',
  'torn-batch': 'lost',
  'committed-offset': 'lost',
  'went-back': 'lost',
  duplicate: 'duplicated',
  'nonmonotonic-send': 'reordered',
  'nonmonotonic-poll': 'reordered',
  'int-nonmonotonic-poll': 'reordered',
  'inconsistent-offsets': 'reordered',
};

/** Adds up what the checker found. @throws AssertionError where it found anything */
export function judge({ anomalies, counts }: Verdict, findings: Findings): void {
  findings.acknowledged += counts.acknowledged;
  for (const anomaly of anomalies) {
    const kind = kinds[anomaly.class];
    if (kind !== undefined) findings[kind] += 1;
  }
  assert.deepEqual(anomalies.slice(0, ANOMALIES_SHOWN), [], `${anomalies.length} anomalies`);
}
