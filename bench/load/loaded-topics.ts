/** Topics that are filled once and then read by all cells of the same size. Runs in the process of `millrace bench`. */
import { Admin } from './admin.js';
import type { Contender, RunningBroker } from './broker.js';
import type { LoadCell } from './cell.js';
import { runBlaster } from './run-blaster.js';

const batchBytes = 64 * 1024;

/** Writes at least `bytesMin`, and at least one batch to every partition. */
export async function fillTopic(broker: RunningBroker, topic: string, partitions: number, bytesMin: number) {
  const { host, port, pid } = broker;
  // One batch for all is little where the partitions are many; connections do not go round theirs at the same pace.
  const small = bytesMin / partitions < batchBytes;
  const single = { kind: 'blobs', recordBytes: 100, records: 1 } as const;
  const filling = {
    kind: 'produce',
    ...{ host, port, topic, partitions, serverPid: pid },
    ...{ warmUpSeconds: 0, seconds: fillSecondsMax, connections: 4, inFlight: 4 },
    acks: 1,
  } as const;
  if (small) await runBlaster({ ...filling, shape: single, bytesMax: 1.5 * singleBatchBytes * partitions });
  if (bytesMin > 1) await runBlaster({ ...filling, shape: logLines, bytesMax: bytesMin });
}

const fillSecondsMax = 300;
const logLines = { kind: 'log-lines', batchBytes } as const;
/** A batch of one record of 100 bytes takes this much of a log. */
const singleBatchBytes = 172;

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
    await fillTopic(broker, topic, cell.partitions, cell.preloadBytes);
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
