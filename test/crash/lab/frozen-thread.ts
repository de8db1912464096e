/** One thread of another process that is held, as a debugger would, while all others of it go on. Linux, and the right to trace. Test process. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/**
 * Seizes the thread, stops it, says so, and lets it go when its standard input ends. It is stopped where it waits to be woken,
 * for some time at most: elsewhere, and where it waits for a lock, it may have one of the allocator or the collector in hand, and
 * others would stand with it.
 */
const HOLD = `import ctypes, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
SEIZE, INTERRUPT, DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000
FUTEX = ("202", "98", "240")  # on x64, arm64, 32 bits
thread = int(sys.argv[1])
def ptrace(request):
    if libc.ptrace(request, thread, None, None) != 0: sys.exit(os.strerror(ctypes.get_errno()))
while True:
    ptrace(SEIZE)
    ptrace(INTERRUPT)
    os.waitpid(thread, WALL)
    call = open(f"/proc/{thread}/syscall").read().split()
    if len(sys.argv) < 3 or (call[0] in FUTEX and int(call[4], 16) != 0): break
    ptrace(DETACH)
    time.sleep(0.001)
print("held", flush=True)
sys.stdin.read()
ptrace(DETACH)`;

export class FrozenThread {
  private constructor(private readonly child: ChildProcess) {}

  /** null where threads can be held here, otherwise why not. */
  static unable(): string | null {
    const sleeper = spawn('sleep', ['10'], { stdio: 'ignore' });
    const { status, stderr, error } = spawnSync('python3', ['-c', HOLD, String(sleeper.pid)], {
      encoding: 'utf8',
      input: '',
    });
    sleeper.kill('SIGKILL');
    return status === 0 ? null : `threads cannot be held here: ${error?.message ?? stderr.trim()}`;
  }

  /** Resolves when the thread stands. */
  static async hold(thread: number): Promise<FrozenThread> {
    const child = spawn('python3', ['-c', HOLD, String(thread), 'asleep'], { stdio: ['pipe', 'pipe', 'inherit'] });
    const [first] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
    if (String(first).trim() !== 'held') throw new Error(`thread ${thread} could not be held`);
    return new FrozenThread(child);
  }

  async thaw(): Promise<void> {
    const exited = once(this.child, 'exit');
    this.child.stdin?.end();
    await exited;
  }
}
