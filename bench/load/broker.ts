/** What the bench compares: brokers of one make, started by us or running elsewhere. Runs in the process of `millrace bench`. */

/** `never`: acknowledged when written. `ack`: acknowledged when on disk. */
export type FlushPolicy = 'never' | 'ack';

export interface RunningBroker {
  readonly host: string;
  readonly port: number;
  /** Its process on this machine, or null. */
  readonly pid: number | null;
}

/** A broker of its own on an empty folder. */
export interface FreshBroker extends RunningBroker {
  /** When its process was started, on performance.now()'s clock. */
  readonly startedMs: number;
  /** Throws with what it said last, where its process has ended. */
  check(): void;
  /** Ends the process and leaves its folder. */
  end(signal: NodeJS.Signals): Promise<void>;
  /** Starts it once more on the same folder and port, after `end`. */
  startAgain(): FreshBroker;
  /** Ends the process and removes its folder. */
  close(): Promise<void>;
}

/** A broker that tells of its own stalls. */
export interface WatchedBroker extends FreshBroker {
  /** Where it writes what its event loop did. */
  readonly stallFile: string;
  /** Milliseconds that its threads spent collecting garbage between two times since its start. Ends its process. */
  collectingMs(fromMs: number, toMs: number): Promise<number>;
}

export interface Contender {
  readonly name: string;
  readonly role: 'product' | 'peer';
  /** Null: takes part in every cell. Otherwise only in those whose names begin so. */
  readonly onlyCells: string | null;
  /** The broker that serves cells of this flush policy; started at the first call. */
  broker(flush: FlushPolicy): Promise<RunningBroker>;
  /** Settings of a topic that give it the policy, where the broker itself was not started with it. */
  topicConfigs(flush: FlushPolicy): { name: string; value: string }[];
  /** Starts one more on an empty folder; null where it is not ours to start. */
  readonly startFresh: ((flush: FlushPolicy) => Promise<FreshBroker>) | null;
  /** The same, watched from within; null where nobody can look inside. */
  readonly startWatched: ((flush: FlushPolicy) => Promise<WatchedBroker>) | null;
  close(): Promise<void>;
}

/** A broker that somebody else has started. */
export function runningPeer(host: string, port: number, pid: number | null): Contender {
  return {
    name: `${host}:${port}`,
    role: 'peer',
    onlyCells: null,
    broker: async () => ({ host, port, pid }),
    topicConfigs: (flush) => (flush === 'ack' ? [{ name: 'flush.messages', value: '1' }] : []),
    startFresh: null,
    startWatched: null,
    close: async () => {},
  };
}
