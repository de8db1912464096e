/** Topics that are filled once and then read by all cells of the same size. Runs in the process of `millrace bench`. */
import { Admin } from './admin.js';
import type { Contender, RunningBroker } from './broker.js';
import type { LoadCell } from './cells.js';
import { runBlaster } from './run-blaster.js';

const batchBytes = 64 * 1024;

export class LoadedTopics {
  private readonly topics = new Map<string, { topic: string; broker: RunningBroker }>();

  /** Rejects where the broker would not take the records; a later call then tries anew. */
  async topicOf(contender: Contender, cell: LoadCell): Promise<string> {
    const key = `${contender.name} ${cell.flush} ${cell.partitions} ${cell.preloadBytes}`;
    const known = this.topics.get(key);
    if (known !== undefined) return known.topic;
    const broker = await contender.broker(cell.flush);
    const topic = `bench-${process.pid}-loaded-${this.topics.size}`;
    const admin = await Admin.open(broker.host, broker.port);
    await admin.createTopic(topic, cell.partitions, contender.topicConfigs(cell.flush));
    admin.close();
    await runBlaster({
      kind: 'produce',
      host: broker.host,
      port: broker.port,
      topic,
      partitions: cell.partitions,
      serverPid: broker.pid,
      warmUpSeconds: 0,
      seconds: 60,
      connections: 4,
      inFlight: 4,
      acks: 1,
      shape: { kind: 'log-lines', batchBytes },
      bytesMax: cell.preloadBytes,
    });
    this.topics.set(key, { topic, broker });
    return topic;
  }

  async deleteAll(): Promise<void> {
    for (const { topic, broker } of this.topics.values()) {
      const admin = await Admin.open(broker.host, broker.port);
      await admin.deleteTopic(topic);
      admin.close();
    }
  }
}
