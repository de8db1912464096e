/** Frames: an int32 that says how many bytes follow, then those. Cutting them out of what arrived, and writing whole ones. */
import { KiB, MiB } from '../base/units.js';
import { encodeRequest, encodeResponse } from './compile.js';
import { foreignTo } from './foreign-protocol.js';
import { encodeRequestHeader, encodeResponseHeader } from './header.js';
import { MalformedRequestError } from './malformed-request-error.js';
import type { Api, EncodableRequestOf, ResponseOf } from './schema.js';
import { FRAME_PREFIX_BYTES, type ReplyPiece, type Writer } from './wire.js';

/*
 *  0        4                      4 + length
 *  | length | header, body …       |
 */
export { FRAME_PREFIX_BYTES };

/** Kafka's `socket.request.max.bytes`: the largest frame that a client who may speak may send. */
export const FRAME_BYTES_MAX = 100 * MiB;
/** Kafka's `sasl.server.max.receive.size`: the largest frame before a client has said who it is. */
export const UNAUTHENTICATED_FRAME_BYTES_MAX = 512 * KiB;

/**
 * The length that the frame starting at `start` announces, without its prefix; -1 while the prefix is incomplete.
 * @throws MalformedRequestError where it is negative or more than `frameBytesMax`: the connection cannot go on.
 */
export function frameLength(buffer: Buffer, start: number, end: number, frameBytesMax: number): number {
  if (end - start < FRAME_PREFIX_BYTES) return -1;
  const length = buffer.readInt32BE(start);
  if (length >= 0 && length <= frameBytesMax) return length;
  const foreign = foreignTo(buffer, start, end);
  if (foreign !== null) throw new MalformedRequestError(foreign);
  const bound = length < 0 ? '' : `, and at most ${frameBytesMax} are read`;
  throw new MalformedRequestError(`a frame announces ${length} bytes${bound}`);
}

/** Where the frame starting at `start` ends, prefix included; -1 while it has not arrived whole. Throws as {@link frameLength}. */
export function frameEnd(buffer: Buffer, start: number, end: number, frameBytesMax: number): number {
  const length = frameLength(buffer, start, end, frameBytesMax);
  const stop = start + FRAME_PREFIX_BYTES + length;
  return length === -1 || stop > end ? -1 : stop;
}

/** A whole response frame. If it throws, nothing stays behind in `writer`. */
export function encodeReply<A extends Api>(
  api: A,
  apiVersion: number,
  correlationId: number,
  response: ResponseOf<A>,
  writer: Writer,
): ReplyPiece[] {
  return wholeFrame(writer, () => {
    encodeResponseHeader(api, apiVersion, correlationId, writer);
    encodeResponse(api, apiVersion, response, writer);
  });
}

/** For clients: a whole request frame. */
export function encodeRequestFrame<A extends Api>(
  api: A,
  apiVersion: number,
  correlationId: number,
  clientId: string | null,
  request: EncodableRequestOf<A>,
  writer: Writer,
): ReplyPiece[] {
  return wholeFrame(writer, () => {
    encodeRequestHeader(api, apiVersion, correlationId, clientId, writer);
    encodeRequest(api, apiVersion, request, writer);
  });
}

function wholeFrame(writer: Writer, write: () => void): ReplyPiece[] {
  try {
    writer.startFrame();
    write();
    return writer.finish();
  } catch (error) {
    writer.abandon();
    throw error;
  }
}
