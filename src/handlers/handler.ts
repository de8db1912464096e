/** What every handler is: one API, one function from request to response. Main thread. */
import type { Clock } from '../base/clock.js';
import type { Later } from '../base/later.js';
import type { Logger } from '../base/logger.js';
import type { BrokerConfig } from '../config/load.js';
import type { GroupCoordinator } from '../coordinator/group/group-coordinator.js';
import type { ShareCoordinator } from '../coordinator/share/share-coordinator.js';
import type { GroupConfigs } from '../metadata/group-configs.js';
import type { ProducerIds } from '../metadata/producer-ids.js';
import type { TopicRegistry } from '../metadata/topic-registry.js';
import type { Partitions } from '../partition/partitions.js';
import type { Purgatory } from '../partition/purgatory.js';
import type { Api, RequestOf, ResponseOf } from '../protocol/schema.js';
import type { FetchSessions } from './fetch-sessions.js';

/** The broker's rooms, as far as handlers may use them. */
export interface Services {
  readonly config: BrokerConfig;
  readonly clusterId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly topics: TopicRegistry;
  readonly partitions: Partitions;
  readonly groups: GroupCoordinator;
  readonly shares: ShareCoordinator;
  readonly groupConfigs: GroupConfigs;
  readonly producerIds: ProducerIds;
  readonly fetchSessions: FetchSessions;
  readonly purgatory: Purgatory;
}

/** Where a request came from. */
export interface RequestContext {
  readonly connectionId: number;
  readonly apiVersion: number;
  readonly clientId: string | null;
  /** The client's address as text. */
  readonly clientHost: string;
  /** The address that the client dialled: what Metadata advertises unless a setting says otherwise. */
  readonly localHost: string;
  readonly localPort: number;
  readonly listener: string;
  /** Aborted when the connection closes: parked work may stop. */
  readonly closed: AbortSignal;
}

export type Handled<A extends Api> =
  | ResponseOf<A>
  | Promise<ResponseOf<A>>
  | null
  | Promise<null>
  | Later<ResponseOf<A> | null>;

export interface Handler<A extends Api = Api> {
  readonly api: A;
  /**
   * Answers one request. Whatever it keeps of the request's bytes it copies before its first await (append before you await):
   * the buffer behind them is reused. null means that nothing is sent (acks=0). A thrown KafkaError is a programmer's
   * error here: errors go into the response's own fields.
   */
  handle(request: RequestOf<A>, context: RequestContext, services: Services): Handled<A>;
}

export function handler<A extends Api>(api: A, handle: Handler<A>['handle']): Handler<A> {
  return { api, handle };
}
