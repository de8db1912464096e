/** Finds Apache Kafka's released jars, or fetches them by Maven into the checkout's cache folder. Process of `millrace bench`. */
import { spawnSync } from 'node:child_process';
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../load/checkout.js';

/** The folder with all jars; KAFKA_JARS names one that is there already. Throws where there is none and none can be fetched. */
export function kafkaJars(): string {
  const given = process.env.KAFKA_JARS;
  if (given !== undefined && given !== '') return given;
  const root = checkout();
  const folder = join(root, '.cache', 'kafka-jars');
  if (existsSync(folder)) return folder;
  const pom = join(root, 'test', 'peers', 'pom.xml');
  if (!existsSync(pom))
    throw new Error('Apache Kafka is measured from a checkout, or with its jars named by KAFKA_JARS');
  const partial = `${folder}.${process.pid}`;
  const args = ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${partial}`];
  const fetched = spawnSync('mvn', args, { encoding: 'utf8', timeout: 300_000 });
  if (fetched.status !== 0) {
    throw new Error(`Maven could not fetch Apache Kafka's jars: ${fetched.error?.message ?? fetched.stdout}`);
  }
  renameSync(partial, folder);
  return folder;
}
