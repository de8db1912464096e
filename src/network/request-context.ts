/** Where a request came from, as handlers see it: one object for all requests of a connection in one API version. Main thread. */

/** Of a connection, what every one of its requests shares. */
export interface Origin {
  readonly connectionId: number;
  readonly clientHost: string;
  readonly localHost: string;
  readonly localPort: number;
  readonly listener: string;
  /** Aborted when the connection closes; made when it is first asked for. */
  readonly closed: AbortSignal;
}

export class RequestContext {
  readonly connectionId: number;
  /** The client's address as text. */
  readonly clientHost: string;
  /** The address that the client dialled. */
  readonly localHost: string;
  readonly localPort: number;
  readonly listener: string;
  readonly #origin: Origin;

  constructor(
    origin: Origin,
    readonly apiVersion: number,
    readonly clientId: string | null,
  ) {
    this.connectionId = origin.connectionId;
    this.clientHost = origin.clientHost;
    this.localHost = origin.localHost;
    this.localPort = origin.localPort;
    this.listener = origin.listener;
    this.#origin = origin;
  }

  /** Most requests never ask, so the signal is not made for them. */
  get closed(): AbortSignal {
    return this.#origin.closed;
  }
}
