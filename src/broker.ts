/** The broker: with services.ts the only file that knows every room; builds, wires, starts and stops them in order. Main thread. */
import { EventEmitter } from 'node:events';
import { assert } from './base/assert.js';
import { type Clock, systemClock } from './base/clock.js';
import type { Congestion } from './base/congestion.js';
import { type Logger, silentLogger } from './base/logger.js';
import { releaseVersion } from './base/release.js';
import { TimerWheel } from './base/timer-wheel.js';
import { ZERO_UUID } from './base/uuid.js';
import { isEveryInterface } from './config/listeners.js';
import type { BrokerConfig } from './config/load.js';
import type { HttpServer, Readiness } from './http/http-server.js';
import { nodeFileSystem } from './log/file-system.js';
import { LogDirectories, type LogDirectory } from './log/log-directories.js';
import { catalogueLogConfig } from './metadata/internal-topics.js';
import { topicCollector, topicDiskCollector } from './metadata/topic-metrics.js';
import { CATALOGUE_TOPIC } from './metadata/topic-name.js';
import { TopicRegistry } from './metadata/topic-registry.js';
import { type MetricFamily, Metrics } from './metrics/metrics.js';
import { processCollector } from './metrics/process-metrics.js';
import type { Backpressure } from './network/backpressure.js';
import type { Dispatch } from './network/dispatch.js';
import { limitsFrom, Server } from './network/server.js';
import type { InternalLog } from './partition/internal-log.js';
import { awaitMissing } from './partition/missing-directories.js';
import { PartitionClient } from './partition/partition-client.js';
import { type InternalLogParts, PartitionInternalLog } from './partition/partition-internal-log.js';
import { Purgatory } from './partition/purgatory.js';
import { SegmentFiles } from './partition/segment-files.js';
import { createSideJobs, type SideJobs } from './partition/side-jobs.js';
import { BrokerServices } from './services.js';

const SHARD_ENTRY = new URL('../workers/shard-worker.js', import.meta.url);
const SIDE_JOB_ENTRY = new URL('../workers/side-job-worker.js', import.meta.url);

/** Short recoveries are over before the first client is answered; with longer ones, what is ready serves already. */
const RECOVERY_PATIENCE_MS = 2000;
/** Descriptors that all shards together keep open for writing. */
const OPEN_FILES_MAX = 8192;

export interface BrokerOptions {
  readonly config: BrokerConfig;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

export interface BrokerEvents {
  /** The broker cannot go on and has closed itself. */
  failed: [reason: string];
}

/** An address to dial for one to listen on; IPv6 in brackets. */
function dialled(host: string): string {
  if (isEveryInterface(host)) return host === '::' ? '[::1]' : '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

/** What a started broker consists of; made in `start`, taken apart in `close`. */
interface Running {
  readonly clusterId: string;
  readonly directories: LogDirectories;
  readonly partitions: PartitionClient;
  readonly segmentFiles: SegmentFiles;
  readonly sideJobs: SideJobs;
  readonly topics: TopicRegistry;
  readonly services: BrokerServices;
  readonly purgatory: Purgatory;
  readonly wheel: TimerWheel;
}

/** Stands behind the sockets until there is a broker: nothing is read from them, so that early requests wait at the client's end. */
class Gate implements Backpressure, Congestion {
  private target: Dispatch | null = null;
  private partitions: PartitionClient | null = null;
  private readonly waiting: (() => void)[] = [];

  readonly dispatch: Dispatch = (buffer, start, end, asker) => {
    assert(this.target !== null, 'no request is handed on before the gate is open');
    return this.target(buffer, start, end, asker);
  };

  get congestion(): Congestion | null {
    return this.partitions === null ? this : this.partitions.congestion;
  }

  takeFilled(): Congestion | null {
    return this.partitions === null ? null : this.partitions.takeFilled();
  }

  /** When it is opened. */
  onRelieved(listener: () => void): void {
    this.waiting.push(listener);
  }

  open(dispatch: Dispatch, partitions: PartitionClient): void {
    this.target = dispatch;
    this.partitions = partitions;
    for (const resume of this.waiting.splice(0)) resume();
  }
}

export class Broker extends EventEmitter<BrokerEvents> {
  private readonly logger: Logger;
  private readonly clock: Clock;
  private server: Server | null = null;
  private running: Running | null = null;
  private starting: Promise<void> | null = null;
  private closing: Promise<void> | null = null;
  private readonly counted = new Metrics();
  private http: HttpServer | null = null;
  private startedAtMs = 0;

  constructor(private readonly options: BrokerOptions) {
    super();
    this.logger = options.logger ?? silentLogger;
    this.clock = options.clock ?? systemClock;
    this.counted.collect(processCollector(releaseVersion()));
    this.counted.collect((put) => {
      put('millrace_connections', {}, this.server?.connectionCount ?? 0);
    });
  }

  /**
   * `host:port` of each listener, separated by commas, as a client in this machine dials it: loopback where the broker
   * listens on every interface. Ports that were 0 are filled in once the broker has started; empty before.
   */
  get bootstrapServers(): string {
    return (this.server?.addresses ?? []).map(({ host, port }) => `${dialled(host)}:${port}`).join(',');
  }

  /** `host:port` where metrics and health are asked for over HTTP; empty where they are not, or not yet. */
  get httpAddress(): string {
    return this.http?.address ?? '';
  }

  /** What the broker counts, at this moment: the families that GET /metrics shows, in the order of the table of instruments. */
  metrics(): Promise<MetricFamily[]> {
    return this.counted.read();
  }

  get shardCount(): number {
    return this.options.config.get('shards');
  }

  get dataDirectories(): readonly string[] {
    const { running } = this;
    return running === null ? this.options.config.dataDirectories : running.directories.all.map(({ path }) => path);
  }

  get durability(): string {
    return this.options.config.get('flush');
  }

  get clusterId(): string {
    return this.running?.clusterId ?? '';
  }

  /**
   * Binds, claims the data folder, recovers, serves. Rejects with one sentence for the operator (a taken port, a folder
   * that cannot be used), leaving everything as it was: it may then be tried again.
   */
  start(): Promise<void> {
    if (this.closing !== null) return Promise.reject(new Error('The broker was closed; make another one.'));
    if (this.starting !== null) return Promise.reject(new Error('The broker was started already.'));
    this.starting = this.serve().catch((error) => {
      this.starting = null;
      throw error;
    });
    return this.starting;
  }

  private async serve(): Promise<void> {
    const { config } = this.options;
    this.startedAtMs = this.clock.monotonicMs();
    const segmentFiles = new SegmentFiles();
    // Ports first: if one is taken, no file has been touched yet. Requests wait until the logs can serve them.
    const gate = new Gate();
    const server = new Server({
      listeners: config.listeners,
      dispatch: gate.dispatch,
      files: segmentFiles,
      backpressure: gate,
      clock: this.clock,
      logger: this.logger,
      limits: limitsFrom(config),
    });
    await server.start();
    this.server = server;
    try {
      await this.startHttp();
      this.running = await this.build(gate, segmentFiles);
    } catch (error) {
      this.server = null;
      await server.close(0);
      await this.closeHttp();
      throw error;
    }
    this.checkpointLater();
  }

  private async startHttp(): Promise<void> {
    const listener = this.options.config.httpListener;
    if (listener === null) return;
    // Loaded only where it is wanted: a start does not wait for it.
    const { HttpServer } = await import('./http/http-server.js');
    const { logger, counted: metrics } = this;
    const http = new HttpServer({ ...listener, metrics, logger, readiness: () => this.readiness() });
    await http.start();
    this.http = http;
  }

  private async closeHttp(): Promise<void> {
    const { http } = this;
    this.http = null;
    await http?.close();
  }

  private readiness(): Readiness {
    if (this.closing !== null) return { ready: false, reasons: ['the broker stops'] };
    if (this.running === null) return { ready: false, reasons: ['the broker starts'] };
    const { opening, all } = this.running.partitions.counts();
    if (opening === 0) return { ready: true, reasons: [] };
    return { ready: false, reasons: [`${opening} of ${all} partitions are still being recovered`] };
  }

  /** A start after a crash scans from here; written by the side-job pool, as it waits for the disk. */
  private checkpointLater(): void {
    const delayMs = this.options.config.get('log.flush.offset.checkpoint.interval.ms');
    this.clock.after(delayMs, () => {
      const { running } = this;
      if (running === null) return;
      void running.partitions.checkpoint();
      this.checkpointLater();
    });
  }

  private async build(gate: Gate, segmentFiles: SegmentFiles): Promise<Running> {
    const { config } = this.options;
    const { logger, clock } = this;
    const directories = new LogDirectories(
      {
        files: nodeFileSystem,
        logger,
        nodeId: config.nodeId,
        clusterId: config.get('cluster.id'),
        catalogueFolder: `${CATALOGUE_TOPIC}-0`,
      },
      config.dataDirectories,
    );
    const { clusterId } = directories.claimFirst();
    let fatal: string | null = null;
    const compaction = config.compaction;
    const scrubIntervalMs = config.get('log.scrub.interval.ms');
    const sideJobs = createSideJobs({
      entry: SIDE_JOB_ENTRY,
      threads: {
        compacting: compaction?.threads ?? 0,
        checking: scrubIntervalMs > 0 ? 1 : 0,
        preparing: this.shardCount,
      },
      folders: directories.all.map(({ path }) => path),
      clock,
      logger,
    });
    const partitions = new PartitionClient({
      shardEntry: SHARD_ENTRY,
      shards: this.shardCount,
      ringBytes: config.get('ring.bytes'),
      directories,
      openFilesMax: Math.ceil(OPEN_FILES_MAX / this.shardCount),
      retentionCheckMs: config.get('log.retention.check.interval.ms'),
      compaction,
      scrubIntervalMs,
      budgetBytes: config.get('log.budget.bytes'),
      clock,
      logger,
      metrics: this.counted,
      segmentFiles,
      sideJobs,
      onFatal: (reason) => {
        fatal = reason;
        void this.fail(reason);
      },
    });
    try {
      const internalLog = (
        handle: Parameters<PartitionClient['opened']>[0],
        onDamage: InternalLogParts['onDamage'] = 'stepOver',
      ): InternalLog => new PartitionInternalLog({ partitions, handle, segmentFiles, clock, logger, onDamage });
      const catalogue = partitions.open({
        topic: CATALOGUE_TOPIC,
        topicId: ZERO_UUID,
        index: 0,
        config: catalogueLogConfig(config),
        directoryId: null,
      });
      const topics = new TopicRegistry({ config, log: internalLog(catalogue, 'refuse'), partitions, logger, clock });
      await topics.replay();
      directories.claimOthers(topics.knownLogDirs);
      for (const { claimed } of directories.all) {
        if (claimed !== null && claimed.garbage.length > 0) void sideJobs.delete(claimed.garbage);
      }
      if (!directories.clean) await topics.raiseNodeEpoch();
      partitions.leaderEpoch = topics.nodeEpoch;
      if (directories.all.length > 1) await topics.rememberLogDirs(directories.paths());
      await topics.open();
      for (const [reason, count] of partitions.absences()) logger.error({ partitions: count }, `off line: ${reason}`);
      awaitMissing(directories, clock, sideJobs.probe, (directory) => {
        this.welcome(directory, { directories, topics, partitions, sideJobs }).catch((error: unknown) => {
          logger.error(
            { err: error, folder: directory.path },
            'what lives in the folder comes back with the next start',
          );
        });
      });
      await this.patience(partitions.allOpened(), RECOVERY_PATIENCE_MS);
      const wheel = new TimerWheel(clock);
      const purgatory = new Purgatory(partitions, clock, wheel);
      const services = new BrokerServices({
        ...{ config, clusterId, clock, wheel, logger, metrics: this.counted, topics, partitions, purgatory },
        internalLog,
      });
      // A coordinator that cannot be read yet answers so itself, and must not keep the others from serving.
      await this.patience(services.load(), RECOVERY_PATIENCE_MS);
      // Nothing was running yet that could have been closed over it.
      if (fatal !== null) throw new Error(fatal);
      gate.open(services.dispatch, partitions);
      this.counted.collect(topicCollector(topics, partitions));
      this.counted.collect(topicDiskCollector(topics, partitions, clock));
      this.counted.collect((put) => {
        const offline = directories.all.filter(({ claimed, trouble }) => claimed === null || trouble !== null);
        put('kafka_log_logmanager_offlinelogdirectorycount', {}, offline.length);
      });
      partitions.watchDisks();
      services.begin();
      logger.info(
        {
          tookMs: Math.round(clock.monotonicMs() - this.startedAtMs),
          clean: directories.clean,
          leaderEpoch: topics.nodeEpoch,
        },
        'the broker serves',
      );
      return {
        ...{ clusterId, directories, partitions, segmentFiles, sideJobs, topics, services, purgatory, wheel },
      };
    } catch (error) {
      await partitions.terminate();
      await sideJobs.close();
      segmentFiles.close();
      directories.release(false, null);
      // What stood still because its shard died says little; what killed the shard does.
      throw fatal === null ? error : new Error(`The broker cannot start: ${fatal}.`, { cause: error });
    }
  }

  /** A folder that was missing is there: its partitions serve, with an epoch that says whether its last owner crashed. */
  private async welcome(
    directory: LogDirectory,
    { directories, topics, partitions, sideJobs }: Pick<Running, 'directories' | 'topics' | 'partitions' | 'sideJobs'>,
  ): Promise<void> {
    const { claimed } = directory;
    if (claimed === null) return;
    if (claimed.garbage.length > 0) void sideJobs.delete(claimed.garbage);
    if (!claimed.clean) await topics.raiseNodeEpoch();
    partitions.leaderEpoch = topics.nodeEpoch;
    partitions.welcome(directory);
    await topics.rememberLogDirs(directories.paths());
  }

  private patience(done: Promise<unknown>, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.clock.after(ms, resolve);
      void done.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  /** Stops accepting, answers what is under way, flushes, leaves the mark of a clean stop. May be called at any time, twice too. */
  close(): Promise<void> {
    this.closing ??= this.takeApart();
    return this.closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async takeApart(): Promise<void> {
    // What is half built cannot be taken apart; a start that fails has cleaned up, and its caller is told why.
    await this.starting?.catch(() => undefined);
    const { running, server } = this;
    this.running = null;
    if (running === null) return;
    // Whoever waits is answered first, or the connections would stay busy until their patience ends.
    running.purgatory.close();
    await running.services.close();
    running.wheel.close();
    await server?.close();
    await this.closeHttp();
    const failure = await running.partitions.close();
    if (failure !== null)
      this.logger.error({ reason: failure }, 'a log could not be closed cleanly; the next start will scan');
    // The folder is given back when nothing of ours writes there any more.
    await running.sideJobs.close();
    running.segmentFiles.close();
    const { directories, partitions } = running;
    directories.release(failure === null, (directory) => partitions.progress(directory));
  }

  private async fail(reason: string): Promise<void> {
    const { running } = this;
    if (running === null || this.closing !== null) return;
    this.running = null;
    this.closing = (async () => {
      running.purgatory.close();
      running.wheel.close();
      await this.server?.close();
      await this.closeHttp();
      await running.partitions.terminate();
      await running.sideJobs.close();
      running.segmentFiles.close();
      const { directories, partitions } = running;
      directories.release(false, (directory) => partitions.progress(directory));
    })();
    try {
      await this.closing;
    } catch (error) {
      // The disk that killed the shards may refuse this too; whoever listens hears of the first cause all the same.
      this.logger.error({ error: (error as Error).message }, 'the data folder could not be given back');
    }
    this.emit('failed', reason);
  }
}
