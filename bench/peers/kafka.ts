/** Apache Kafka on the same machine: KRaft, broker and controller in one process, flags as in Kafka's own scripts. Process of `millrace bench`. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openWhenUp } from '../load/admin.js';
import type { Contender, FreshBroker } from '../load/broker.js';
import { BrokerProcess } from '../load/broker-process.js';
import { freePort } from '../load/child.js';
import { kafkaJars } from './kafka-jars.js';

/** What kafka-server-start.sh and kafka-run-class.sh of release 4.3 give the virtual machine. */
const jvmFlags = [
  '-Xmx1G',
  '-Xms1G',
  '-server',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
  '-Djava.awt.headless=true',
];

const logging = `appenders=out
appender.out.type=Console
appender.out.name=out
appender.out.target=SYSTEM_ERR
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%p %m%n
rootLogger.level=WARN
rootLogger.appenderRefs=out
rootLogger.appenderRef.out.ref=out
`;

/** `warmUp` is run once against the long-lived broker before anything is measured: a cold JVM is not what people run. */
export function apacheKafka(
  directory: string,
  extraSettings: Readonly<Record<string, string>>,
  warmUp: (broker: FreshBroker) => Promise<void>,
): Contender {
  const jars = kafkaJars();
  const all: FreshBroker[] = [];
  let serving: Promise<FreshBroker> | null = null;

  const start = async (): Promise<FreshBroker> => {
    const home = await mkdtemp(join(directory, 'kafka-'));
    const port = await freePort();
    const controllerPort = await freePort();
    const config = join(home, 'server.properties');
    const loggingConfig = join(home, 'log4j2.properties');
    await writeFile(loggingConfig, logging);
    await writeFile(
      config,
      Object.entries({
        'process.roles': 'broker,controller',
        'node.id': 1,
        'controller.quorum.bootstrap.servers': `127.0.0.1:${controllerPort}`,
        listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
        'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
        'controller.listener.names': 'CONTROLLER',
        'log.dirs': join(home, 'data'),
        'offsets.topic.replication.factor': 1,
        'transaction.state.log.replication.factor': 1,
        'transaction.state.log.min.isr': 1,
        'share.coordinator.state.topic.replication.factor': 1,
        'share.coordinator.state.topic.min.isr': 1,
        // Deleted topics give their pages back between two runs, not a minute later.
        'log.segment.delete.delay.ms': 1000,
        ...extraSettings,
      })
        .map(([key, value]) => `${key}=${value}\n`)
        .join(''),
    );
    const java = [`-Dlog4j2.configurationFile=${loggingConfig}`, '-cp', `${jars}/*`];
    const format = [...java, 'kafka.tools.StorageTool', 'format', '--standalone', '-t', 'bWlsbHJhY2UtYmVuY2gtMQ'];
    const formatted = spawnSync('java', [...format, '-c', config], { encoding: 'utf8' });
    if (formatted.status !== 0) {
      throw new Error(`StorageTool: ${formatted.error?.message ?? formatted.stdout + formatted.stderr}`);
    }
    const args = [...jvmFlags, ...java, 'kafka.Kafka', config];
    const fresh = new BrokerProcess({ name: 'Apache Kafka', command: 'java', args, port, home });
    all.push(fresh);
    return fresh;
  };

  return {
    name: 'Apache Kafka',
    role: 'peer',
    onlyCells: null,
    broker() {
      serving ??= start().then(async (fresh) => {
        (await openWhenUp(fresh.host, fresh.port, () => fresh.check())).close();
        await warmUp(fresh);
        return fresh;
      });
      return serving;
    },
    topicConfigs: (flush) => (flush === 'ack' ? [{ name: 'flush.messages', value: '1' }] : []),
    startFresh: start,
    startWatched: null,
    async close() {
      for (const fresh of all) await fresh.close();
    },
  };
}
