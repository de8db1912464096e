/** From the bytes of one request to the pieces of its reply: header, handler, body, answer. Main thread. */
import { KafkaError } from '../base/kafka-error.js';
import { Later } from '../base/later.js';
import type { Logger } from '../base/logger.js';
import type { Metrics, Series } from '../metrics/metrics.js';
import { decodeRequest } from '../protocol/compile.js';
import { encodeReply } from '../protocol/frame.js';
import { decodeRequestHeader, type RequestHeader } from '../protocol/header.js';
import { MalformedRequestError } from '../protocol/malformed-request-error.js';
import { apiVersions } from '../protocol/messages/18-api-versions.js';
import type { Api } from '../protocol/schema.js';
import { type ReplyPiece, Writer } from '../protocol/wire.js';
import type { RequestContext } from './request-context.js';

/** A whole response frame, length in front. */
export type Reply = readonly ReplyPiece[];

/** null: nothing is sent (acks=0). A throw or a rejection closes the connection. */
export type Answer = Reply | null | Promise<Reply | null> | Later<Reply | null>;

/** Of a connection, what answering needs. */
export interface Asker {
  contextFor(apiVersion: number, clientId: string | null): RequestContext;
}

/** Answers the request between `start` and `end`. Whatever is to be kept of those bytes is copied before this returns. */
export type Dispatch = (buffer: Buffer, start: number, end: number, asker: Asker) => Answer;

/** What dispatch needs to know of a handler; `request` is whatever `api` decodes to. */
export interface RequestHandler<Services> {
  readonly api: Api;
  handle(request: never, context: RequestContext, services: Services): unknown;
}

/** Why a connection is closed; its message goes into the log. */
export class RefusedRequestError extends Error {
  override name = 'RefusedRequestError';
}

export interface DispatchOptions<Services> {
  /** By API key. */
  readonly handlers: ReadonlyMap<number, RequestHandler<Services>>;
  readonly services: Services;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export function createDispatch<Services>({ handlers, services, logger, metrics }: DispatchOptions<Services>): Dispatch {
  const writer = new Writer();
  /** By API key: counting is an addition. */
  const requests: (Series | undefined)[] = [];
  for (const [key, { api }] of handlers) {
    requests[key] = metrics.counter('kafka_network_requestmetrics_requests_total', { request: api.name });
  }
  const flexibleFromOf = (apiKey: number): number | undefined => handlers.get(apiKey)?.api.flexibleFrom;

  const encode = (api: Api, header: RequestHeader, response: unknown): Reply | null =>
    response === null ? null : encodeReply(api, header.apiVersion, header.correlationId, response as never, writer);

  /** What a handler may throw at its caller: for acks=0 the one way to say that it failed; anything else is a fault of ours. */
  const refuse = (api: Api, header: RequestHeader, error: unknown): never => {
    const { apiVersion } = header;
    if (error instanceof KafkaError) {
      throw new RefusedRequestError(`${api.name} v${apiVersion} failed with ${error.error}: ${error.message}`);
    }
    logger.error({ err: error, api: api.name, apiVersion }, 'A handler failed unexpectedly; its connection is closed.');
    throw new RefusedRequestError(`${api.name} v${apiVersion} met an internal error`);
  };

  return (buffer, start, end, asker) => {
    const header = decodeRequestHeader(buffer, start, end, flexibleFromOf);
    const { apiKey, apiVersion } = header;
    const handler = handlers.get(apiKey);
    if (handler === undefined) throw new RefusedRequestError(`unknown API key ${apiKey} (v${apiVersion})`);
    const { api } = handler;
    (requests[apiKey] as Series).value++;
    if (apiVersion < api.answeredFrom || apiVersion > api.versions.max) {
      if (apiKey === apiVersions.key) return unknownApiVersions(api, header.correlationId, writer);
      throw new RefusedRequestError(
        `${api.name} v${apiVersion} is not spoken, only v${api.answeredFrom} to v${api.versions.max}`,
      );
    }
    let request: unknown;
    try {
      request = decodeRequest(api, apiVersion, buffer, header.bodyStart, end);
    } catch (error) {
      if (!(error instanceof MalformedRequestError)) throw error;
      throw new RefusedRequestError(`a malformed ${api.name} v${apiVersion}: ${error.message}`);
    }
    try {
      const context = asker.contextFor(apiVersion, header.clientId);
      const response = handler.handle(request as never, context, services);
      if (!(response instanceof Promise || response instanceof Later)) return encode(api, header, response);
      const reply = new Later<Reply | null>();
      const fail = (error: unknown): void => {
        try {
          refuse(api, header, error);
        } catch (refusal) {
          reply.reject(refusal);
        }
      };
      response.then((settled: unknown) => {
        let encoded: Reply | null;
        try {
          encoded = encode(api, header, settled);
        } catch (error) {
          fail(error);
          return;
        }
        reply.resolve(encoded);
      }, fail);
      return reply;
    } catch (error) {
      return refuse(api, header, error);
    }
  };
}

/**
 * A client newer than we are asks in a version that we cannot read: it is told our range in version 0, which every client
 * reads, and asks again (KIP-511).
 */
function unknownApiVersions(api: Api, correlationId: number, writer: Writer): Reply {
  const { min, max } = api.versions;
  const response = {
    errorCode: 'UNSUPPORTED_VERSION' as const,
    apiKeys: [{ apiKey: api.key, minVersion: min, maxVersion: max }],
  };
  return encodeReply(apiVersions, 0, correlationId, response, writer);
}
