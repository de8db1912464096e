/** What a cell of the bench is: one row of work, the same for every broker. Runs in the process of `millrace bench`. */
import type { FlushPolicy, RunningBroker } from './broker.js';
import type { FigureName } from './figures.js';
import type { Job } from './job.js';

/** A limit program that the load client drives, or that does the cell's work by itself. */
export type LoadLimit =
  | { readonly kind: 'receive' }
  | { readonly kind: 'echo' }
  | { readonly kind: 'round-trip' }
  /** `batchByBatch`: the file was written as a log is, and not in pieces of 4 MiB, which get larger pages. */
  | { readonly kind: 'fetch'; readonly way: 'sendfile' | 'copy'; readonly batchByBatch?: boolean }
  | { readonly kind: 'disk-read' }
  | { readonly kind: 'flush'; readonly batchBytes: number; readonly batchesPerFile: number };

/** A limit that is a time. `node`: to start and end Node.js. `recover`: to read `bytes` of log and check their CRCs. */
export type TimedLimit = { readonly kind: 'node' } | { readonly kind: 'recover'; readonly bytes: number };

export type Limit = LoadLimit | TimedLimit;

/** `quick` cells are also in the full set; `named` ones run only where they are asked for, or with --all. */
export type CellSet = 'quick' | 'full' | 'named';

export interface RunOptions {
  readonly broker: RunningBroker;
  /** Made anew for the run; the loaded one where the cell only reads. */
  readonly topic: string;
  /** Filled before the clock starts, for cells that have `preloadBytes`. */
  readonly loadedTopic: string | null;
  readonly seconds: number;
}

interface CellBase {
  readonly name: string;
  readonly title: string;
  readonly set: CellSet;
  /** What the cell is about: ratios are made of this figure. */
  readonly judgedBy: FigureName;
}

/** Work that the load client does against a running broker. */
export interface LoadCell extends CellBase {
  readonly kind: 'load';
  readonly limits: readonly LoadLimit[];
  readonly flush: FlushPolicy;
  readonly partitions: number;
  /** Bytes that a topic of as many partitions holds before the clock starts; 0 where nothing old is read. */
  readonly preloadBytes: number;
  readonly job: (options: RunOptions) => Job;
  /** More clients that run beside the one that is measured. */
  readonly background: (options: RunOptions) => readonly Job[];
  /** Settings that the run's topic has of its own; peers are spared those that only this broker knows. */
  readonly topicConfigs: readonly { readonly name: string; readonly value: string }[];
  /** A run takes at least so long, warm-up included, whatever is asked for. */
  readonly secondsMin: number;
  /** The page cache is emptied before each run, where we may. */
  readonly cold: boolean;
  /** On a broker that has done nothing else: for what it holds and does at rest. */
  readonly fresh: boolean;
  /** Event loop and garbage collection are watched from within the broker, as far as it lets us. */
  readonly stalls: boolean;
}

/** From an empty folder to the first acknowledgement, and idle after it. */
export interface StartCell extends CellBase {
  readonly kind: 'start';
  readonly limits: readonly TimedLimit[];
}

/** From the start on a folder with data in it to the first acknowledgement. */
export interface RestartCell extends CellBase {
  readonly kind: 'restart';
  readonly limits: readonly TimedLimit[];
  readonly partitions: number;
  /** What is written before the broker ends; at the least one batch goes to every partition. */
  readonly bytes: number;
  readonly ending: 'SIGTERM' | 'SIGKILL';
}

/** Producing while sealed segments of another topic are deleted, beside the same while nothing is. */
export interface DeletionCell extends CellBase {
  readonly kind: 'deletion';
  readonly limits: readonly [];
  /** That are deleted in each run. */
  readonly segments: number;
  readonly segmentBytes: number;
  /** What is measured: not longer than the deletion takes, whose effect would be lost in calm seconds behind it. */
  readonly windowSeconds: number;
}

export type Cell = LoadCell | StartCell | RestartCell | DeletionCell;
