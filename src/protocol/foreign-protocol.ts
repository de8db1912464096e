/** Who knocks with another protocol, told by the first bytes: where Kafka has the length of a frame, they read as a huge one. Any thread. */

const HTTP_METHODS = ['GET ', 'POST', 'PUT ', 'HEAD', 'DELE', 'OPTI', 'PATC', 'CONN', 'PRI '];
/** Bytes that tell: as many as a frame's length takes. */
const TELLING_BYTES = 4;
/** A record of type handshake, of any version (RFC 8446, 5.1). */
const TLS_HANDSHAKE = '\x16\x03';

/** A sentence's end that says what speaks there and what to do; null where it may as well be Kafka's protocol gone wrong. */
export function foreignTo(buffer: Buffer, start: number, end: number): string | null {
  const opening = buffer.toString('latin1', start, Math.min(end, start + TELLING_BYTES));
  if (HTTP_METHODS.includes(opening)) {
    return "the client speaks HTTP, and here Kafka's protocol is spoken (http.listener answers HTTP)";
  }
  if (opening.startsWith(TLS_HANDSHAKE)) {
    return 'the client speaks TLS, and this listener does not: set security.protocol=PLAINTEXT in the client';
  }
  if (opening === 'SSH-') return "the client speaks SSH, and here Kafka's protocol is spoken";
  return null;
}
