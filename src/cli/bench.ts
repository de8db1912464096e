/** `bench`: hands its flags to the load bench, whose clients and brokers are processes of their own. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const packageFolder = dirname(createRequire(import.meta.url).resolve('millrace/package.json'));
const entry = join(packageFolder, 'dist', 'bench', 'load', 'main.js');

/** Resolves with the exit code. The bench stands outside of the product, so it is found by its place in the package. */
export async function bench(args: readonly string[]): Promise<number> {
  const { main } = (await import(pathToFileURL(entry).href)) as { main(args: readonly string[]): Promise<number> };
  return main(args);
}
