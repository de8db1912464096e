/** A copy of this checkout's sources to start from, with the packages that are installed here. Test process. */
import { cpSync, mkdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../project-root.js';
import { temporaryFolder } from '../temp-folder.js';

/** Without tests and benches, which no broker needs: the build is the shorter for it. */
export function copyOfCheckout(): string {
  const folder = join(temporaryFolder('checkout'), 'millrace');
  mkdirSync(folder);
  for (const entry of ['package.json', 'package-lock.json', 'tsconfig.json', 'src', 'workers']) {
    cpSync(join(projectRoot, entry), join(folder, entry), { recursive: true });
  }
  symlinkSync(join(projectRoot, 'node_modules'), join(folder, 'node_modules'), 'dir');
  return folder;
}

/** When the last build ended. */
export function builtAtMs(checkout: string): number {
  return statSync(join(checkout, 'dist', '.launch-stamp')).mtimeMs;
}
