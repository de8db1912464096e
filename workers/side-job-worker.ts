/** Entry of the side-job pool's threads. Decides nothing. */
import { runSideJob } from '../src/log/side-job.js';

export default runSideJob;
