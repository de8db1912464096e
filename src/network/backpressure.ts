/** How the way behind the sockets says that it is full: then nobody's next request is read, or not those of one client. Main thread. */
import type { Congestion } from '../base/congestion.js';

export interface Backpressure {
  /** What keeps every further request from being handed on, null while nothing does. */
  readonly congestion: Congestion | null;
  /**
   * What the requests were too much for that were handed on since this was last asked, null where there was room. Others are
   * read meanwhile: one shard that stands still must not keep the clients of the others waiting.
   */
  takeFilled(): Congestion | null;
}
