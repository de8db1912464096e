/** Which release this is, as the package says. Any thread. */
import { createRequire } from 'node:module';

export function releaseVersion(): string {
  return (createRequire(import.meta.url)('millrace/package.json') as { version: string }).version;
}
