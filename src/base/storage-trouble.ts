/** What a disk can do to a log: every trouble by its name, with the system's errors that mean it, and the way back. Any thread. */

interface Trouble {
  /** Errors of the operating system. */
  readonly codes: readonly string[];
  readonly effect: string;
  readonly wayBack: string;
}

const CLOSED = 'The log is closed: nothing of what was under way is acknowledged, clients get `KAFKA_STORAGE_ERROR`.';
const READ_AGAIN = 'Read again from disk after 0.5 s, later every 30 s';

/** The names are values of the label `trouble` of millrace_storage_errors_total, and stand in the log's lines. */
export const storageTroubles = {
  'disk full': {
    codes: ['ENOSPC', 'EDQUOT', 'EFBIG'],
    effect: 'What was just sent is not stored, producers get `NOT_ENOUGH_REPLICAS`; all else goes on.',
    wayBack: 'Make room: producing resumes by itself.',
  },
  'flush failed': {
    codes: ['any error of fdatasync, fsync or syncfs'],
    effect: `${CLOSED} A flush that failed is never tried again: the system forgets what it could not write.`,
    wayBack: `${READ_AGAIN}, as far as the disk has it; what was acknowledged without a flush and is still in memory is written there once more.`,
  },
  'not writable': {
    codes: ['EROFS', 'EACCES', 'EPERM'],
    effect: CLOSED,
    wayBack: `Mount it for writing, or give the broker the right to. ${READ_AGAIN}.`,
  },
  gone: {
    codes: ['ENOENT', 'ENOTDIR', 'ENODEV', 'ENXIO', 'ESTALE'],
    effect: `${CLOSED} No empty log takes its place.`,
    wayBack: `Bring the folder or the file back. ${READ_AGAIN}.`,
  },
  'out of descriptors': {
    codes: ['EMFILE', 'ENFILE'],
    effect: CLOSED,
    wayBack: `Raise \`ulimit -n\` (or \`fs.file-max\`). ${READ_AGAIN}.`,
  },
  'disk error': {
    codes: ['EIO', 'any other'],
    effect: CLOSED,
    wayBack: `See what the kernel says of the disk (\`dmesg\`). ${READ_AGAIN}.`,
  },
} as const satisfies Record<string, Trouble>;

export type StorageTrouble = keyof typeof storageTroubles;

const byCode = new Map<string, StorageTrouble>();
for (const [name, { codes }] of Object.entries(storageTroubles)) {
  for (const code of codes) byCode.set(code, name as StorageTrouble);
}

/** By the `code` of a system error ('EIO'). */
export function troubleOf(code: string): StorageTrouble {
  return byCode.get(code) ?? 'disk error';
}
