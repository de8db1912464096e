/** The one door to koffi: the few Linux system calls that Node has no function for. Any thread; loads at the first use. */
import { createRequire } from 'node:module';
import { endianness } from 'node:os';
import type * as Koffi from 'koffi';

/** Which calls work on this machine. Whoever wants one has a road without it. */
export interface Available {
  readonly sendfile: boolean;
  readonly send: boolean;
  readonly syncfs: boolean;
  readonly setsockopt: boolean;
  readonly preadNoWait: boolean;
  readonly fadvise: boolean;
  readonly lock: boolean;
}

// Numbers of Linux' generic ABI. The machines below share them; others (mips, sparc, s390x) have their own, so they go without.
const ARCHITECTURES = ['x64', 'arm64', 'riscv64', 'loong64'];
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const IPPROTO_TCP = 6;
const TCP_CONGESTION = 13;
const POSIX_FADV_WILLNEED = 3;
const POSIX_FADV_DONTNEED = 4;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const RWF_NOWAIT = 0x8;
const F_OFD_SETLK = 37;
const F_WRLCK = 1;
const EACCES = 13;
export const EAGAIN = 11;
export const EINTR = 4;

/** Bytes between two looks of {@link isCached}: read-ahead brings pages in larger runs than this. */
const SAMPLE_STRIDE_BYTES = 64 * 1024;

type IntCall = (...args: unknown[]) => number;

interface Libc {
  readonly errno: () => number;
  readonly sendfile: IntCall | null;
  readonly send: IntCall | null;
  readonly syncfs: IntCall | null;
  readonly setsockopt: IntCall | null;
  readonly preadv2: IntCall | null;
  readonly posixFadvise: IntCall | null;
  readonly fcntl: IntCall | null;
  readonly missing: string;
}

const SIGNATURES = {
  sendfile: 'int64_t sendfile(int out_fd, int in_fd, void *offset, size_t count)',
  send: 'int64_t send(int fd, const void *bytes, size_t length, int flags)',
  syncfs: 'int syncfs(int fd)',
  setsockopt: 'int setsockopt(int fd, int level, int option, const void *value, uint32_t length)',
  preadv2: 'int64_t preadv2(int fd, const void *iov, int count, int64_t offset, int flags)',
  posix_fadvise: 'int posix_fadvise(int fd, int64_t offset, int64_t length, int advice)',
  // Variadic in C; on the architectures above a pointer travels the same way either way.
  fcntl: 'int fcntl(int fd, int command, void *lock)',
} as const;

let loaded: Libc | undefined;

function libc(): Libc {
  loaded ??= load();
  return loaded;
}

function nothing(why: string): Libc {
  return {
    errno: () => 0,
    sendfile: null,
    send: null,
    syncfs: null,
    setsockopt: null,
    preadv2: null,
    posixFadvise: null,
    fcntl: null,
    missing: `${why}: sendfile, syncfs, send buffer sizes, cache hints and file locks are done without`,
  };
}

function load(): Libc {
  if (process.platform !== 'linux') return nothing(`system calls are made on Linux only, this is ${process.platform}`);
  if (!ARCHITECTURES.includes(process.arch) || endianness() !== 'LE') {
    return nothing(`system calls are made on ${ARCHITECTURES.join(', ')} only, this is ${process.arch}`);
  }
  if (process.env.MILLRACE_NO_KOFFI === '1') return nothing('MILLRACE_NO_KOFFI=1 is set');
  let koffi: typeof Koffi;
  let self: Koffi.LibraryHandle;
  try {
    koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
    self = koffi.load(null);
  } catch (error) {
    return nothing(`the optional package koffi does not load (${firstLine(error)})`);
  }
  const lacking: string[] = [];
  const bind = (name: keyof typeof SIGNATURES): IntCall | null => {
    try {
      return self.func(SIGNATURES[name]) as IntCall;
    } catch (error) {
      lacking.push(`${name} (${firstLine(error)})`);
      return null;
    }
  };
  const sendfile = bind('sendfile');
  const send = bind('send');
  const syncfs = bind('syncfs');
  const setsockopt = bind('setsockopt');
  const preadv2 = bind('preadv2');
  const posixFadvise = bind('posix_fadvise');
  const fcntl = bind('fcntl');
  if (preadv2) pointIovAtProbe(koffi);
  return {
    errno: () => koffi.errno(),
    sendfile,
    send,
    syncfs,
    setsockopt,
    preadv2,
    posixFadvise,
    fcntl,
    missing: lacking.length === 0 ? '' : `this C library lacks ${lacking.join(', ')}: done without`,
  };
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? '';
}

/** What works here. The first look loads koffi. */
export const available: Available = {
  get sendfile() {
    return libc().sendfile !== null;
  },
  get send() {
    return libc().send !== null;
  },
  get syncfs() {
    return libc().syncfs !== null;
  },
  get setsockopt() {
    return libc().setsockopt !== null;
  },
  get preadNoWait() {
    return libc().preadv2 !== null;
  },
  get fadvise() {
    return libc().posixFadvise !== null;
  },
  get lock() {
    return libc().fcntl !== null;
  },
};

/** One plain sentence on what this machine lacks, for a log line; empty where nothing does. */
export function missing(): string {
  return libc().missing;
}

// Scratch space is per thread, since each thread has its own copy of this module; calls are synchronous, so one of each does.
const offsetScratch = new Uint32Array(2);
const intScratch = new Int32Array(1);

function result(value: number): number {
  return value < 0 ? -libc().errno() : value;
}

/**
 * Moves up to `length` bytes of `fileFd` from `position` to `socketFd` (which must not block), the file's own position unmoved.
 * Answers the bytes taken, 0 at the end of the file, or the negative errno (-{@link EAGAIN}: the send buffer is full).
 */
export function sendfile(socketFd: number, fileFd: number, position: number, length: number): number {
  const call = libc().sendfile;
  if (!call) throw new Error(libc().missing);
  offsetScratch[0] = position >>> 0;
  offsetScratch[1] = Math.floor(position / 2 ** 32);
  return result(call(socketFd, fileFd, offsetScratch, length));
}

/**
 * Hands the first `length` bytes to a socket without waiting and without a signal. Answers the bytes taken, or the negative
 * errno (-{@link EAGAIN}: the send buffer is full).
 */
export function send(socketFd: number, bytes: Uint8Array, length: number): number {
  const call = libc().send;
  if (!call) throw new Error(libc().missing);
  return result(call(socketFd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL));
}

/** Sets SO_SNDBUF (the kernel doubles it for its own bookkeeping). Answers 0 or the negative errno. */
export function setSendBuffer(fd: number, bytes: number): number {
  const call = libc().setsockopt;
  if (!call) throw new Error(libc().missing);
  intScratch[0] = bytes;
  return result(call(fd, SOL_SOCKET, SO_SNDBUF, intScratch, 4));
}

/**
 * Sets TCP_CONGESTION, the congestion control of what this socket sends; of a socket that listens also for all that it
 * accepts. `reno` is there on every Linux, and nobody needs a right for it. Answers 0 or the negative errno.
 */
export function setCongestionControl(fd: number, name: 'reno'): number {
  const call = libc().setsockopt;
  if (!call) throw new Error(libc().missing);
  return result(call(fd, IPPROTO_TCP, TCP_CONGESTION, Buffer.from(name), name.length));
}

/**
 * Flushes the whole file system that `fd` lies on. Answers 0 or the negative errno: from Linux 5.8 on also for a page that
 * failed to be written since `fd` was opened, whichever file it belonged to.
 */
export function syncfs(fd: number): number {
  const call = libc().syncfs;
  if (!call) throw new Error(libc().missing);
  return result(call(fd));
}

/**
 * Drops the clean cached pages of `length` bytes of `fd`, 0 for all that there are, from `position` on, so that the next read
 * comes from the disk. Answers 0 or the negative errno.
 */
export function fadviseDontNeed(fd: number, position: number, length: number): number {
  return fadvise(fd, position, length, POSIX_FADV_DONTNEED);
}

/** Starts reading a range ahead without waiting for it. Answers 0 or the negative errno. */
export function fadviseWillNeed(fd: number, position: number, length: number): number {
  return fadvise(fd, position, length, POSIX_FADV_WILLNEED);
}

function fadvise(fd: number, position: number, length: number, advice: number): number {
  const call = libc().posixFadvise;
  if (!call) throw new Error(libc().missing);
  // This one answers errno itself. Subtracted, because -0 is no answer.
  return 0 - call(fd, position, length, advice);
}

/*
 * struct iovec, one entry:
 *   0        8        16
 *   | base   | length |      base: address of one native byte, which a collected Buffer could not move away
 */
const iovec = new BigUint64Array(2);

function pointIovAtProbe(koffi: typeof Koffi): void {
  iovec[0] = koffi.address(koffi.alloc('uint8_t', 1));
  iovec[1] = 1n;
}

/**
 * Whether reading the range would not wait for a disk, judged by one byte every 64 KiB and the last one (preadv2 with
 * RWF_NOWAIT). False also where nobody can say (another platform, some network file systems); what lies behind the end of
 * the file counts as cached.
 */
export function isCached(fd: number, position: number, length: number): boolean {
  const { preadv2 } = libc();
  if (!preadv2) return false;
  const last = position + length - 1;
  for (let at = position; at < last; at += SAMPLE_STRIDE_BYTES) {
    if (preadv2(fd, iovec, 1, at, RWF_NOWAIT) < 0) return false;
  }
  return length <= 0 || preadv2(fd, iovec, 1, last, RWF_NOWAIT) >= 0;
}

/*
 * struct flock on 64-bit Linux:
 *   0        2        4      8         16        24      28    32
 *   | type   | whence | pad  | start   | length  | pid   | pad |     length 0: to the end, however far that moves
 */
const FLOCK_BYTES = 32;

/**
 * Takes the write lock on all of a file, without waiting. It is the lock that Apache Kafka takes on its `.lock`, but it
 * belongs to the descriptor and not to the process (F_OFD_SETLK, Linux 3.15): each keeps the other out, two threads of one
 * process that open the file keep each other out, too, and it goes with this descriptor or with the process.
 */
export function lockFile(fd: number): 'locked' | 'busy' | 'unavailable' {
  const { fcntl, errno } = libc();
  if (!fcntl) return 'unavailable';
  const flock = new Int16Array(FLOCK_BYTES / 2);
  flock[0] = F_WRLCK;
  if (fcntl(fd, F_OFD_SETLK, flock) === 0) return 'locked';
  const code = errno();
  return code === EAGAIN || code === EACCES ? 'busy' : 'unavailable';
}
