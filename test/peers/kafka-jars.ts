/** Apache Kafka's released jars in the cache folder, fetched once by Maven from Maven Central. Test process. */
import { spawnSync } from 'node:child_process';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, projectRoot } from '../project-root.js';

const folder = join(cacheFolder, 'kafka-jars');

const FETCH_TIMEOUT_MS = 300_000;

let answer: string | null | undefined;

/** The folder with all jars, or null where Maven is missing or cannot reach a repository. */
export function kafkaJars(): string | null {
  if (answer === undefined) answer = existsSync(folder) || fetchJars() ? folder : null;
  return answer;
}

function fetchJars(): boolean {
  // Test files run side by side: each fetches into a folder of its own, and the first to be ready wins the name.
  const own = `${folder}.${process.pid}`;
  const result = spawnSync(
    'mvn',
    [
      '-q',
      '-B',
      '-f',
      join(projectRoot, 'test', 'peers', 'pom.xml'),
      'dependency:copy-dependencies',
      `-DoutputDirectory=${own}`,
    ],
    { encoding: 'utf8', timeout: FETCH_TIMEOUT_MS },
  );
  if (result.status === 0) {
    try {
      renameSync(own, folder);
    } catch (error) {
      if (!existsSync(folder)) throw error;
    }
  }
  rmSync(own, { recursive: true, force: true });
  return existsSync(folder);
}
