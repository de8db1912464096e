/** A logger that keeps what it is told, for tests of what operators read. */
import type { Logger } from '../../src/base/logger.js';

export interface Line {
  readonly level: 'info' | 'warn' | 'error';
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export function listening(): { readonly logger: Logger; readonly lines: readonly Line[] } {
  const lines: Line[] = [];
  const note = (level: Line['level']) => (fields: object, message: string) =>
    void lines.push({ level, fields: { ...fields }, message });
  return { logger: { debug() {}, info: note('info'), warn: note('warn'), error: note('error') }, lines };
}
