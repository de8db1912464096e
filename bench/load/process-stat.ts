/** CPU time and memory of a process on this machine, from Linux's /proc; null elsewhere. */
import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks per second of /proc/PID/stat: 100 on every Linux port that Node runs on. */
const ticksPerSecond = 100;

/** User and system seconds that all threads of the process have used, or null where /proc does not say. */
export function cpuSeconds(pid: number | null): number | null {
  const stat = readProc(pid, 'stat');
  if (stat === null) return null;
  // The second field is the program's name in parentheses and may hold blanks: count from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Resident bytes, or null where /proc does not say. */
export function residentBytes(pid: number | null): number | null {
  const match = readProc(pid, 'status')?.match(/^VmRSS:\s+(\d+) kB/m);
  return match ? Number(match[1]) * 1024 : null;
}

/** Open descriptors, or null where /proc does not say. */
export function descriptors(pid: number | null): number | null {
  return namesIn(pid, 'fd')?.length ?? null;
}

/** How often its threads went to sleep and were woken again since they began, or null where /proc does not say. */
export function wakeUps(pid: number | null): number | null {
  const threads = namesIn(pid, 'task');
  if (threads === null) return null;
  return threads.reduce((sum, thread) => {
    const match = readProc(pid, `task/${thread}/status`)?.match(/^voluntary_ctxt_switches:\s+(\d+)/m);
    return sum + (match ? Number(match[1]) : 0);
  }, 0);
}

function namesIn(pid: number | null, folder: string): string[] | null {
  return pid === null ? null : nullWhereAbsent(() => readdirSync(`/proc/${pid}/${folder}`));
}

function readProc(pid: number | null, file: string): string | null {
  return pid === null ? null : nullWhereAbsent(() => readFileSync(`/proc/${pid}/${file}`, 'latin1'));
}

function nullWhereAbsent<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    // No /proc on this system, or the process has ended: both mean that there is nothing to report.
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

/** Reads both processes' CPU at the ends of the measured window. */
export class CpuWindow {
  private readonly client = process.cpuUsage();
  private readonly server: number | null;
  constructor(private readonly serverPid: number | null) {
    this.server = cpuSeconds(serverPid);
  }
  end(): { clientCpuSeconds: number; serverCpuSeconds: number | null; serverResidentBytes: number | null } {
    const used = process.cpuUsage(this.client);
    const now = cpuSeconds(this.serverPid);
    return {
      clientCpuSeconds: (used.user + used.system) / 1e6,
      serverCpuSeconds: now === null || this.server === null ? null : now - this.server,
      serverResidentBytes: residentBytes(this.serverPid),
    };
  }
}
