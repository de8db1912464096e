/** Topic ids and the like: 16 bytes on the wire, 22 characters of unpadded base64url everywhere else (KIP-516). */
import { randomBytes } from 'node:crypto';

export type Uuid = string;

/** All zero bytes: "no id". */
export const ZERO_UUID: Uuid = 'AAAAAAAAAAAAAAAAAAAAAA';

/** A random version-4 id whose text does not begin with a dash, so that command lines can take it. */
export function randomUuid(): Uuid {
  for (;;) {
    const bytes = randomBytes(16);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const text = bytes.toString('base64url');
    if (!text.startsWith('-')) return text;
  }
}
