/** The Go client of the client tests (franz-go), built into the cache folder. Test process. */
import { spawnSync } from 'node:child_process';
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, projectRoot } from '../project-root.js';

const BUILD_TIMEOUT_MS = 300_000;

/** Path of the program; built where Go is installed and its modules can be had, else null. */
export function goClient(): string | null {
  const program = join(cacheFolder, 'go-client');
  // Built beside and renamed: another test file may be running the one that is there.
  const own = `${program}.${process.pid}`;
  const build = spawnSync('go', ['build', '-o', own, '.'], {
    cwd: join(projectRoot, 'test', 'clients', 'go'),
    env: { ...process.env, GOFLAGS: '-mod=mod', CGO_ENABLED: '0' },
    timeout: BUILD_TIMEOUT_MS,
  });
  if (build.status === 0) renameSync(own, program);
  return existsSync(program) ? program : null;
}

export const noGoClient = 'no Go, or its modules cannot be fetched';
