/**
 * R25: the engine's shards on a simulated disk, clock and dice: appends, reads, deletions, faults, rot and crashes by the
 * thousand, from a seed; a life that breaks a promise is shortened until it can be read. Test process.
 */
import { experiment } from './lab/experiment.js';
import { operationsOf } from './simulation/operation.js';
import { shortened } from './simulation/shorten.js';
import { Simulation } from './simulation/simulation.js';

const OPERATIONS = 2000;
const CRASHES_MIN = 5;

experiment({
  id: 'R25',
  title: `deterministic simulation of shards, logs and group commit, ${OPERATIONS} operations and ${CRASHES_MIN} crashes or more a seed`,
  unit: 'seeds',
  ci: 70,
  ciSeed: 1,
  long: 20_000,
  trial: ({ seed, findings }) => {
    const operations = operationsOf(seed, OPERATIONS, CRASHES_MIN);
    const { failure, acknowledgedRecords } = new Simulation(seed).run(operations);
    findings.acknowledged += acknowledgedRecords;
    if (failure === null) return;
    const { left, trace } = shortened(seed, operations, failure);
    throw new Error(`${failure.message}\n${left.length} operations do it:\n${trace.join('\n')}`, { cause: failure });
  },
});
