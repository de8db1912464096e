/** Apache Kafka itself (KRaft, broker and controller in one process) from its released jars, to hold our answers against. Test process. */
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Overrides } from '../broker-process.js';
import { freePort } from '../free-port.js';
import { ServerProcess } from '../server-process.js';
import { removeTemporaryFolder, temporaryFolder } from '../temp-folder.js';
import { kafkaJars } from './kafka-jars.js';

const CLUSTER_ID = 'bWlsbHJhY2UtcGVlci0wMQ';

const LOGGING = `
appenders=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=[%d] %p %m (%c)%n
rootLogger.level=INFO
rootLogger.appenderRefs=out
rootLogger.appenderRef.out.ref=out
`;

/** Why Apache Kafka cannot run here, or null. */
export function noApacheKafka(): string | null {
  const jars = kafkaJars();
  return 'missing' in jars ? jars.missing : null;
}

/** For `java -cp`; call after {@link noApacheKafka} said null. */
export function kafkaClassPath(): string {
  const jars = kafkaJars();
  if ('missing' in jars) throw new Error(jars.missing);
  return jars.classPath;
}

export interface ApacheKafkaOptions {
  readonly overrides?: Overrides;
  /** The port that clients are told, where a proxy stands in front. */
  readonly advertisedPort?: number;
}

export class ApacheKafka {
  readonly bootstrap: string;
  readonly server: ServerProcess;

  private constructor(
    readonly port: number,
    readonly home: string,
    readonly dataDirectory: string,
  ) {
    this.bootstrap = `127.0.0.1:${port}`;
    this.server = new ServerProcess({
      command: 'java',
      args: [
        '-Xmx512m',
        '-XX:TieredStopAtLevel=1',
        `-Dlog4j2.configurationFile=${join(home, 'log4j2.properties')}`,
        '-cp',
        kafkaClassPath(),
        'kafka.Kafka',
        join(home, 'server.properties'),
      ],
      ready: /Kafka Server started/,
    });
  }

  /** Formats a fresh data folder and starts; throws with Kafka's own output where that fails. */
  static async start(options: ApacheKafkaOptions = {}): Promise<ApacheKafka> {
    const home = temporaryFolder('apache-kafka');
    const port = await freePort();
    const controllerPort = await freePort();
    const dataDirectory = join(home, 'data');
    const settings: Record<string, string | number> = {
      'process.roles': 'broker,controller',
      'node.id': 1,
      'controller.quorum.bootstrap.servers': `127.0.0.1:${controllerPort}`,
      listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${options.advertisedPort ?? port}`,
      'controller.listener.names': 'CONTROLLER',
      'log.dirs': dataDirectory,
      'offsets.topic.replication.factor': 1,
      'offsets.topic.num.partitions': 4,
      'transaction.state.log.replication.factor': 1,
      'transaction.state.log.min.isr': 1,
      'share.coordinator.state.topic.replication.factor': 1,
      'share.coordinator.state.topic.min.isr': 1,
      'group.initial.rebalance.delay.ms': 0,
      ...options.overrides,
    };
    writeFileSync(
      join(home, 'server.properties'),
      Object.entries(settings)
        .map(([key, value]) => `${key}=${value}\n`)
        .join(''),
    );
    writeFileSync(join(home, 'log4j2.properties'), LOGGING);
    const kafka = new ApacheKafka(port, home, dataDirectory);
    kafka.#format();
    await kafka.start();
    return kafka;
  }

  #format(): void {
    if (existsSync(join(this.dataDirectory, 'meta.properties'))) return;
    const config = join(this.home, 'server.properties');
    const result = spawnSync(
      'java',
      ['-cp', kafkaClassPath(), 'kafka.tools.StorageTool', 'format', '--standalone', '-t', CLUSTER_ID, '-c', config],
      { encoding: 'utf8' },
    );
    if (result.status !== 0) throw new Error(`Kafka's StorageTool failed: ${result.stdout}\n${result.stderr}`);
  }

  get stdout(): string {
    return this.server.stdout;
  }

  get stderr(): string {
    return this.server.stderr;
  }

  start(): Promise<void> {
    return this.server.start();
  }

  kill9(): Promise<void> {
    return this.server.kill9();
  }

  stop(): Promise<number | null> {
    return this.server.stop();
  }

  restart(): Promise<void> {
    return this.server.restart();
  }

  async dispose(): Promise<void> {
    await this.server.kill9();
    removeTemporaryFolder(this.home);
  }
}
