/** Every message and stored value that the source declares, found by listing its folders. */
import { readdirSync } from 'node:fs';
import type { Api, RecordSchema } from '../../src/protocol/schema.js';

async function exportsOf(folder: string): Promise<unknown[]> {
  const url = new URL(`../../src/protocol/${folder}/`, import.meta.url);
  const files = readdirSync(url).filter((name) => name.endsWith('.js'));
  const modules = await Promise.all(files.sort().map((name) => import(new URL(name, url).href)));
  return modules.flatMap((module) => Object.values(module as object));
}

export const everyApi = (await exportsOf('messages')) as Api[];
/** Kafka has them, too. */
export const everyKafkaApi = everyApi.filter(({ advertised }) => advertised);
export const everyRecord = (await exportsOf('records')) as RecordSchema[];

export function versionsOf({ versions }: { versions: { min: number; max: number } }): number[] {
  return Array.from({ length: versions.max - versions.min + 1 }, (_, i) => versions.min + i);
}
