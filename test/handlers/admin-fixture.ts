/** Everything that the administrative handlers need, without threads or sockets, and one way to ask them. */
import assert from 'node:assert/strict';
import type { Logger } from '../../src/base/logger.js';
import type { Handler, RequestContext, Services } from '../../src/handlers/handler.js';
import { GroupConfigs } from '../../src/metadata/group-configs.js';
import { ProducerIds } from '../../src/metadata/producer-ids.js';
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from '../../src/protocol/compile.js';
import type { Api, DecodedResponseOf, EncodableRequestOf } from '../../src/protocol/schema.js';
import { Writer } from '../../src/protocol/wire.js';
import { type Fixture, startRegistry } from '../metadata/registry-fixture.js';

export interface AdminFixture extends Fixture {
  readonly services: Services;
  /** Messages of the warnings that were logged. */
  readonly warnings: string[];
  /** Sends a request through both codecs, as a client of `version` would; the newest version unless one is given. */
  ask<A extends Api>(
    handler: Handler<A>,
    request: EncodableRequestOf<A>,
    version?: number,
    context?: Partial<RequestContext>,
  ): Promise<DecodedResponseOf<A>>;
}

export async function startAdmin(overrides: Readonly<Record<string, string>> = {}): Promise<AdminFixture> {
  const fixture = await startRegistry(undefined, overrides);
  const { topics, partitions, clock } = fixture;
  const warnings: string[] = [];
  const logger: Logger = {
    debug() {},
    info() {},
    warn: (_fields, message) => warnings.push(message),
    error: (fields, message) => assert.fail(`${message}: ${JSON.stringify(fields)}`),
  };
  // Groups, fetch sessions and purgatory belong to handlers that are tried elsewhere.
  const services = {
    config: topics.config,
    clusterId: 'cluster-of-this-test',
    clock,
    logger,
    topics,
    partitions,
    groupConfigs: new GroupConfigs(topics.catalogue, () => topics.config, logger),
    producerIds: new ProducerIds(topics.catalogue),
  } as unknown as Services;
  return {
    ...fixture,
    services,
    warnings,
    async ask(handler, request, version = handler.api.versions.max, context = {}) {
      const { api } = handler;
      const question = bytes((writer) => encodeRequest(api, version, request, writer));
      const answer = await handler.handle(
        decodeRequest(api, version, question),
        { ...client(version), ...context },
        services,
      );
      assert.ok(answer !== null, 'administrative requests are always answered');
      return decodeResponse(
        api,
        version,
        bytes((writer) => encodeResponse(api, version, answer, writer)),
      );
    },
  };
}

function bytes(write: (writer: Writer) => void): Buffer {
  const writer = new Writer();
  write(writer);
  return Buffer.concat(
    writer.finish().map((piece) => (Buffer.isBuffer(piece) ? piece : assert.fail('no file has a part in this'))),
  );
}

function client(apiVersion: number): RequestContext {
  return {
    connectionId: 1,
    apiVersion,
    clientId: 'test',
    clientHost: '10.0.0.9',
    localHost: '10.0.0.1',
    localPort: 9092,
    listener: 'PLAINTEXT',
    closed: new AbortController().signal,
  };
}
