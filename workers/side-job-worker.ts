/** Entry of the side-job pool's threads. Decides nothing. */
export { runSideJob } from '../src/log/side-job.js';
