/** The system calls that limit programs and load clients make past Node. Linux with koffi only. */
import { createRequire } from 'node:module';

export interface Kernel {
  /** Bytes moved, or -1: the socket is full (or gone, which its own error event tells). */
  sendfile(socketFd: number, fileFd: number, position: number, length: number): number;
  setSendBuffer(socketFd: number, bytes: number): void;
  /** What the socket sends is not paced, whatever congestion control the machine is set to. */
  setUnpaced(socketFd: number): void;
  syncfs(fd: number): number;
  /** The calling thread's timed waits end when they are due, and not up to 50 us later, as the kernel would have it. */
  endWaitsInTime(): void;
}

const PR_SET_TIMERSLACK = 29;

const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const IPPROTO_TCP = 6;
const TCP_CONGESTION = 13;

/** Null where this is not Linux or koffi is not installed. */
export function loadKernel(): Kernel | null {
  if (process.platform !== 'linux') return null;
  let koffi: typeof import('koffi');
  try {
    koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  } catch (error) {
    // koffi is an optional dependency: without it the limits that need it are left out.
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return null;
    throw error;
  }
  const libc = koffi.load('libc.so.6');
  const sendfile = libc.func('int64_t sendfile(int out, int in, void *offset, size_t count)');
  const setsockopt = libc.func('int setsockopt(int fd, int level, int name, void *value, uint32_t length)');
  const syncfs = libc.func('int syncfs(int fd)');
  const prctl = libc.func('int prctl(int option, ulong first)');
  const offset = new Int32Array(2);
  return {
    sendfile(socketFd, fileFd, position, length) {
      offset[0] = position | 0;
      offset[1] = Math.floor(position / 0x1_0000_0000);
      return Number(sendfile(socketFd, fileFd, offset, length));
    },
    setSendBuffer(socketFd, bytes) {
      if (setsockopt(socketFd, SOL_SOCKET, SO_SNDBUF, new Int32Array([bytes]), 4) !== 0) {
        throw new Error(`setsockopt(SO_SNDBUF) failed on descriptor ${socketFd}`);
      }
    },
    setUnpaced(socketFd) {
      if (setsockopt(socketFd, IPPROTO_TCP, TCP_CONGESTION, Buffer.from('reno'), 4) !== 0) {
        throw new Error(`setsockopt(TCP_CONGESTION) failed on descriptor ${socketFd}`);
      }
    },
    syncfs: (fd) => syncfs(fd) as number,
    endWaitsInTime: () => void prctl(PR_SET_TIMERSLACK, 1),
  };
}
