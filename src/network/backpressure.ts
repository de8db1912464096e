/** How the way behind the sockets says that it is full: then nobody's next request is read. Main thread. */

export interface Backpressure {
  /** True while a shard's ring has no room: no further request is handed on. */
  readonly congested: boolean;
  /** Calls `listener` once, when there is room again. */
  onRelieved(listener: () => void): void;
}
