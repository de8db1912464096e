/**
 * R6: whatever a crash may leave behind the end of a log or an index, torn batches, prepared room, noise, what the file held
 * before: a start ends the log where it ended, serves all of it, and nothing else. Test process.
 */
import { dataFolder } from './damage/data-folder.js';
import { examine } from './damage/examination.js';
import { withTail } from './damage/tails.js';
import { experiment } from './lab/experiment.js';

experiment({
  id: 'R6',
  title: 'torn batches, zeros, noise, old bytes and more behind the end of a log or an index',
  unit: 'tails',
  ci: 200,
  long: 3000,
  trial: async ({ random, findings }) => {
    const folder = dataFolder(random(2) === 0 ? 'killed' : 'stopped');
    const { files, what } = withTail(folder, random);
    try {
      findings.acknowledged += (await examine(folder, files)).served;
    } catch (error) {
      throw new Error(`${folder.ending}, ${what}: ${(error as Error).message}`, { cause: error });
    }
  },
});
