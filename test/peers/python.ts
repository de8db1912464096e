/** A Python that has confluent-kafka: of the cache folder's virtual environment, or the machine's own. Test process. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { cacheFolder, projectRoot } from '../project-root.js';

export const pythonClient = join(projectRoot, 'test', 'clients', 'python', 'client.py');

/** The interpreter to run {@link pythonClient} with, or null. */
export function pythonWithKafka(): string | null {
  const candidates = [join(cacheFolder, 'python', 'bin', 'python'), 'python3'];
  return candidates.find((python) => spawnSync(python, ['-c', 'import confluent_kafka']).status === 0) ?? null;
}

export const noPython = 'no Python with confluent-kafka (.ci/run makes a virtual environment in .cache/python)';
