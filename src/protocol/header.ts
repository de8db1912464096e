/** Headers of requests and responses, versions 0 to 2 and 0 to 1. Any thread. */
import { HEADER_BYTES_MAX } from './limits.js';
import { MalformedRequestError } from './malformed-request-error.js';
import type { Api } from './schema.js';
import { short, skipTags, type Writer } from './wire.js';

/*
 * request   int16 apiKey | int16 apiVersion | int32 correlationId | v1+: int16 length, clientId | v2: tags
 * response  int32 correlationId | v1: tags
 *
 * The client id is never compact, because a broker must be able to read a header whose version it does not know.
 */
const FIXED_BYTES = 8;

export interface RequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
  /** Where the body starts, counted as `start` was. */
  readonly bodyStart: number;
}

/** ApiVersions answers in header version 0 whatever the version: the client does not know yet what we speak (KIP-511). */
const API_VERSIONS_KEY = 18;

export function requestHeaderVersion(flexibleFrom: number, apiVersion: number): 1 | 2 {
  return apiVersion >= flexibleFrom ? 2 : 1;
}

export function responseHeaderVersion(apiKey: number, flexibleFrom: number, apiVersion: number): 0 | 1 {
  return apiKey !== API_VERSIONS_KEY && apiVersion >= flexibleFrom ? 1 : 0;
}

/**
 * Reads the header of the request that lies between `start` and `end`. `flexibleFromOf` gives an API's first flexible
 * version, undefined for an API nobody knows: its header is read as version 1, so that the refusal can name the client.
 * @throws MalformedRequestError where the bytes are no header, or one of more than {@link HEADER_BYTES_MAX}.
 */
export function decodeRequestHeader(
  buffer: Buffer,
  start: number,
  end: number,
  flexibleFromOf: (apiKey: number) => number | undefined,
): RequestHeader {
  const limit = Math.min(end, start + HEADER_BYTES_MAX);
  if (limit - start < FIXED_BYTES + 2) short(start, limit);
  const apiKey = buffer.readInt16BE(start);
  const apiVersion = buffer.readInt16BE(start + 2);
  const correlationId = buffer.readInt32BE(start + 4);
  const clientIdBytes = buffer.readInt16BE(start + FIXED_BYTES);
  let p = start + FIXED_BYTES + 2;
  let clientId: string | null = null;
  if (clientIdBytes >= 0) {
    if (clientIdBytes > limit - p) short(p, limit);
    clientId = buffer.toString('utf8', p, p + clientIdBytes);
    p += clientIdBytes;
  } else if (clientIdBytes !== -1) {
    throw new MalformedRequestError(`a client id of ${clientIdBytes} bytes`);
  }
  if (apiVersion >= (flexibleFromOf(apiKey) ?? Number.POSITIVE_INFINITY)) p = skipTags(buffer, p, limit);
  return { apiKey, apiVersion, correlationId, clientId, bodyStart: p };
}

export function encodeRequestHeader(
  api: Api,
  apiVersion: number,
  correlationId: number,
  clientId: string | null,
  writer: Writer,
): void {
  writer.int16(api.key);
  writer.int16(apiVersion);
  writer.int32(correlationId);
  if (clientId === null) writer.int16(-1);
  else writer.string(clientId);
  if (requestHeaderVersion(api.flexibleFrom, apiVersion) === 2) writer.int8(0);
}

export function encodeResponseHeader(api: Api, apiVersion: number, correlationId: number, writer: Writer): void {
  writer.int32(correlationId);
  if (responseHeaderVersion(api.key, api.flexibleFrom, apiVersion) === 1) writer.int8(0);
}

/** For clients: the correlation id, and where the body starts. */
export function decodeResponseHeader(
  api: Api,
  apiVersion: number,
  buffer: Buffer,
  start: number,
  end: number,
): { correlationId: number; bodyStart: number } {
  if (end - start < 4) short(start, end);
  const correlationId = buffer.readInt32BE(start);
  const flexible = responseHeaderVersion(api.key, api.flexibleFrom, apiVersion) === 1;
  return { correlationId, bodyStart: flexible ? skipTags(buffer, start + 4, end) : start + 4 };
}
