/** A broker under strace: which system calls it makes on its files, and its death in front of one of them. Test process. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** One call of the enumeration: the broker is killed when one of its threads is about to make its `ordinal`-th of them. */
export interface CrashPoint {
  readonly call: string;
  /** Counted from 1, by thread, since the thread began. */
  readonly ordinal: number;
}

/** All that changes files or makes changes last. Those with a question mark are not there on every architecture. */
const CALLS = [
  ...['?open', 'openat', '?mkdir', 'mkdirat', 'write', 'writev', 'pwrite64', 'pwritev', '?ftruncate', 'fallocate'],
  ...[
    'fdatasync',
    'fsync',
    'syncfs',
    '?rename',
    '?renameat',
    'renameat2',
    '?unlink',
    'unlinkat',
    '?rmdir',
    'utimensat',
  ],
];

/** The tracer is not the parent, so that the broker is whom the test kills and waits for. */
const STRACE = ['strace', '--daemonize', '--follow-forks', '--quiet=all', '--seccomp-bpf', '--signal=none'];

/** null where strace can be used here, otherwise why not. */
export function noStrace(): string | null {
  const { status, error } = spawnSync(STRACE[0], [...STRACE.slice(1), '--output=/dev/null', '--trace=fsync', 'true']);
  return status === 0 ? null : `strace cannot be used here: ${error?.message ?? `it ended with ${status}`}`;
}

/** Put in front of the broker's command: writes its calls to a file. */
export function tracing(path: string): readonly string[] {
  return [...STRACE, '--decode-fds=path', '--string-limit=4096', `--output=${path}`, `--trace=${CALLS.join(',')}`];
}

/** Put in front of the broker's command. */
export function dyingAt({ call, ordinal }: CrashPoint): readonly string[] {
  const inject = `--inject=${call}:signal=SIGKILL:when=${ordinal}`;
  return [...STRACE, '--output=/dev/null', `--trace=${call}`, inject];
}

const CALL = /^(\d+) +(\w+)\((.*)$/;

/** Every point of a trace at which a file in `folder` is about to change or to be made durable. */
export function crashPoints(tracePath: string, folder: string): CrashPoint[] {
  const counts = new Map<string, number>();
  const points = new Map<string, CrashPoint>();
  for (const line of readFileSync(tracePath, 'utf8').split('\n')) {
    const [, thread, call, rest] = CALL.exec(line) ?? [];
    if (call === undefined) continue;
    const counter = `${thread} ${call}`;
    const ordinal = (counts.get(counter) ?? 0) + 1;
    counts.set(counter, ordinal);
    // Of paths the whole argument, of descriptors what strace says they are; who only opens to read changes nothing.
    const isThere = rest.includes(`"${folder}/`) || rest.includes(`<${folder}`);
    const changes = !call.startsWith('open') || rest.includes('O_CREAT');
    if (isThere && changes) points.set(`${call} ${ordinal}`, { call, ordinal });
  }
  return [...points.values()].sort((a, b) => (a.call < b.call ? -1 : a.call > b.call ? 1 : a.ordinal - b.ordinal));
}
