/**
 * A small text file of our own: its first line names it and bears the CRC-32C of all that follows. Read and written by whoever
 * owns the folder.
 *
 * ```
 *  title CRC-32C-of-the-body-in-hex \n
 *  body
 * ```
 */
import { crc32c } from '../record/crc32c.js';
import { readTextFile } from './checkpoint.js';
import type { FileSystem } from './file-system.js';

function firstLine(title: string, body: string): string {
  return `${title} ${crc32c(Buffer.from(body)).toString(16).padStart(8, '0')}`;
}

/** Old content or new, never a mixture; `durable` false where a loss does no harm. */
export function writeChecksummedText(
  files: FileSystem,
  path: string,
  title: string,
  body: string,
  durable: boolean,
): void {
  files.writeFileAtomically(path, Buffer.from(`${firstLine(title, body)}\n${body}`), durable);
}

/** The body; undefined where there is no such file, null where it is there and cannot be believed. */
export function readChecksummedText(files: FileSystem, path: string, title: string): string | null | undefined {
  const text = readTextFile(files, path);
  if (text === null) return undefined;
  const lineEnd = text.indexOf('\n');
  const body = text.slice(lineEnd + 1);
  return text.slice(0, lineEnd) === firstLine(title, body) ? body : null;
}
