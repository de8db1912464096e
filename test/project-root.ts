/** Where this checkout lives, found by walking up to package.json: compiled tests sit at different depths. Test process. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

function findRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('no package.json above the tests');
    folder = parent;
  }
  return folder;
}

export const projectRoot = findRoot();

/** The built broker's entry; `dist` unless MILLRACE_TEST_BUILD names another output folder. */
export const brokerEntry = join(projectRoot, process.env.MILLRACE_TEST_BUILD ?? 'dist', 'src', 'main.js');

/** A folder that git ignores, for jars, virtual environments and built clients. */
export const cacheFolder = join(projectRoot, '.cache');

const logFolder = join(projectRoot, '..', 'shared', 'data', 'loghub');

/** The lines of one real log file without their line ends, or null where the collection is absent. */
export function realLogLines(file: string): string[] | null {
  const path = join(logFolder, file);
  if (!existsSync(path)) return null;
  return readFileSync(path, 'utf8')
    .split(/\r?\n/)
    .filter((line) => line.length > 0);
}

export const noRealLogs = `no real log lines: ${logFolder} is absent`;
