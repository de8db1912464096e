/** Temporary folders that are gone when the test process is. Test process. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folders = new Set<string>();

process.on('exit', () => {
  if (process.env.MILLRACE_TEST_KEEP) return;
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

export function temporaryFolder(label: string): string {
  const folder = mkdtempSync(join(tmpdir(), `millrace-${label}-`));
  folders.add(folder);
  return folder;
}

/** Removes a folder of {@link temporaryFolder} before the process ends. MILLRACE_TEST_KEEP=1 keeps all for a look. */
export function removeTemporaryFolder(folder: string): void {
  if (process.env.MILLRACE_TEST_KEEP) return;
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  folders.delete(folder);
}
