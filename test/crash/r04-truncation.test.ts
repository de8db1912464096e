/**
 * R4: any file of a data folder is cut short at any byte: a start serves exactly the whole batches in front of the cut, and
 * refuses what was flushed behind it; where it is no log, it changes nothing. Test process.
 */
import { cutAt } from './damage/cut.js';
import { examine } from './damage/examination.js';
import { experiment } from './lab/experiment.js';

experiment({
  id: 'R4',
  title: 'a file of a data folder, after a stop or a kill, is cut short at any byte',
  unit: 'cuts',
  ci: 250,
  // There are 45,908 such places: each once, at least.
  long: 46_000,
  trial: async ({ seed, findings }) => {
    const { folder, files, what } = cutAt(seed);
    try {
      findings.acknowledged += (await examine(folder, files)).served;
    } catch (error) {
      throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
    }
  },
});
