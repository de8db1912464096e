/** How much memory a process takes, as Linux tells it. Test process. */
import { existsSync, readFileSync } from 'node:fs';

/** Bytes of a line of /proc/PID/status; null where there is no such file system. */
export function memoryOf(pid: number, line: 'VmRSS' | 'VmHWM'): number | null {
  const path = `/proc/${pid}/status`;
  if (!existsSync(path)) return null;
  return 1024 * Number(new RegExp(`${line}:\\s+(\\d+)`).exec(readFileSync(path, 'utf8'))?.[1]);
}
