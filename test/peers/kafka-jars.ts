/** Apache Kafka's released jars in the cache folder, fetched once by Maven from Maven Central. Test process. */
import { spawnSync } from 'node:child_process';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, projectRoot } from '../project-root.js';

const folder = join(cacheFolder, 'kafka-jars');
const FETCH_TIMEOUT_MS = 10 * 60 * 1000;

/** A class path for `java -cp`, or why there is none. */
export type KafkaJars = { readonly classPath: string } | { readonly missing: string };

let known: KafkaJars | undefined;

/** Fetches on first use, which may take minutes. */
export function kafkaJars(): KafkaJars {
  known ??= findKafkaJars();
  return known;
}

function findKafkaJars(): KafkaJars {
  if (spawnSync('java', ['-version']).status !== 0) return { missing: 'Java is not installed' };
  const problem = existsSync(folder) ? null : fetchJars();
  return problem === null ? { classPath: join(folder, '*') } : { missing: problem };
}

/** null when the jars are there. */
function fetchJars(): string | null {
  if (spawnSync('mvn', ['--version']).status !== 0)
    return "Maven is not installed, and Apache Kafka's jars are not here";
  // Test files run side by side: each fetches into a folder of its own, and the first to be ready wins the name.
  const own = `${folder}.${process.pid}`;
  const pom = join(projectRoot, 'test', 'peers', 'pom.xml');
  const result = spawnSync('mvn', ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${own}`], {
    encoding: 'utf8',
    timeout: FETCH_TIMEOUT_MS,
  });
  if (result.status === 0) {
    try {
      renameSync(own, folder);
    } catch (error) {
      if (!existsSync(folder)) throw error;
    }
  }
  rmSync(own, { recursive: true, force: true });
  if (existsSync(folder)) return null;
  const reason = `${result.stdout}${result.stderr}`.split('\n').find((line) => line.includes('ERROR'));
  return `Maven could not fetch Apache Kafka's jars: ${reason ?? 'it gave no reason'}`;
}
