/** A way that is full for now: whoever sent what waits in front of it is not read until there is room. Main thread. */
export interface Congestion {
  /** Calls `listener` once, when there is room again. */
  onRelieved(listener: () => void): void;
}
