/**
 * R5: bits and bytes that rot at rest, sectors that read as zeros or as another's, in any file of a data folder, the catalogue
 * and the list of what is damaged already among them. Sound records are served byte for byte, no others are, `verify` finds
 * what is not sound, caches are built anew, what the catalogue has lost refuses the start, and `repair` gives the log back.
 * Test process.
 */
import { dataFolder } from './damage/data-folder.js';
import { examine } from './damage/examination.js';
import { rotten } from './damage/rot.js';
import { experiment } from './lab/experiment.js';

experiment({
  id: 'R5',
  title: 'bits, bytes, sectors and pages that rot in any file of a data folder, after a stop or a kill',
  unit: 'faults',
  ci: 200,
  long: 50_000,
  unitsPerTrial: 1,
  trial: async ({ random, findings }) => {
    const folder = dataFolder(random(3) === 0 ? 'killed' : 'stopped');
    const { files, what } = rotten(folder, random);
    try {
      findings.acknowledged += (await examine(folder, files)).served;
    } catch (error) {
      throw new Error(`${folder.ending}, ${what}: ${(error as Error).message}`, { cause: error });
    }
  },
});
