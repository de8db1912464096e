/**
 * fast-check as every property test has it: the same cases in each run, so that a red run is due to what changed;
 * `MILLRACE_TEST_SEED=random npm test` draws others, a number replays them. Test process.
 */
import fc from 'fast-check';

const wanted = process.env.MILLRACE_TEST_SEED ?? '20260701';
if (wanted !== 'random') fc.configureGlobal({ seed: Number(wanted) });

export { fc };
