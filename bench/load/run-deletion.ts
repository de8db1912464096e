/** Large segments of a topic are deleted while another is produced to: does who produces feel it? Process of `millrace bench`. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { deleteRecords } from '../../src/protocol/messages/21-delete-records.js';
import { describeLogDirs } from '../../src/protocol/messages/35-describe-log-dirs.js';
import { Admin } from './admin.js';
import { besideWarmUpSeconds, createBesideTopic, produceBeside } from './beside.js';
import type { Contender, RunningBroker } from './broker.js';
import type { DeletionCell } from './cell.js';
import { seconds } from './closed-loop.js';
import type { JobResult } from './job.js';
import { fillTopic } from './loaded-topics.js';
import { syncDisks } from './machine.js';
import { clientStartSeconds } from './run-load.js';

/** So that the last of the segments that are to go is sealed. */
const activeBytes = 16 * 1024 * 1024;
const gonePatienceSeconds = 60;
const all = -1;
const timeoutMs = 30_000;

let runs = 0;

/** The run while segments are deleted; what the same took without, just before, is among its figures. */
export async function runDeletion(
  contender: Contender,
  { segments, segmentBytes, windowSeconds }: DeletionCell,
): Promise<JobResult> {
  const broker = await contender.broker('ack');
  const [old, beside] = ['old', 'beside'].map((role) => `bench-${process.pid}-${role}-${runs}`);
  runs++;
  const admin = await Admin.open(broker.host, broker.port);
  try {
    await admin.createTopic(old, 1, [
      { name: 'segment.bytes', value: String(segmentBytes) },
      // All that was deleted goes at once and within the measured seconds.
      { name: 'file.delete.delay.ms', value: '0' },
    ]);
    await createBesideTopic(admin, beside, contender);
    await fillTopic(broker, old, 1, segments * segmentBytes + activeBytes);
    syncDisks();
    const alone = await produceBeside(broker, beside, windowSeconds);
    syncDisks();
    const [during, deletionSeconds] = await Promise.all([
      produceBeside(broker, beside, windowSeconds),
      deleteLater(admin, broker, old, segments),
    ]);
    const [aloneMs, duringMs] = [alone, during].map(({ latencyMs }) => latencyMs?.p99 ?? Number.NaN);
    const extra = { 'p99 alone ms': aloneMs, 'times alone': duringMs / aloneMs, 'deletion s': deletionSeconds };
    return { ...during, extra };
  } finally {
    for (const topic of [old, beside]) await admin.deleteTopic(topic);
    admin.close();
  }
}

/** When the client has warmed up, all but the active segment goes. Resolves with the seconds until their files are gone. */
async function deleteLater(admin: Admin, broker: RunningBroker, topic: string, segments: number): Promise<number> {
  const { results } = await admin.ask(describeLogDirs, 1, { topics: [{ topic, partitions: [0] }] });
  const home = results.find(({ topics }) => topics.length > 0);
  if (home === undefined) throw new Error(`nobody says where ${topic} lies`);
  const folder = join(home.logDir, `${topic}-0`);
  if (logFiles(folder) <= segments) throw new Error(`${topic} has only ${logFiles(folder)} segments`);
  await seconds(clientStartSeconds + besideWarmUpSeconds);
  const startedMs = performance.now();
  const partitions = [{ partitionIndex: 0, offset: all }];
  const { topics } = await admin.ask(deleteRecords, 1, { topics: [{ name: topic, partitions }], timeoutMs });
  const { errorCode } = topics[0].partitions[0];
  if (errorCode !== 'NONE') throw new Error(`DeleteRecords of ${topic}: ${errorCode}`);
  while (logFiles(folder) > 1) {
    if (performance.now() - startedMs > gonePatienceSeconds * 1000) {
      throw new Error(`${broker.host}:${broker.port} still has ${logFiles(folder)} segments of ${topic}`);
    }
    await seconds(0.02);
  }
  return (performance.now() - startedMs) / 1000;
}

/** Those that were renamed and wait to be unlinked, too. */
function logFiles(folder: string): number {
  return readdirSync(folder).filter((name) => /\.log(\.|$)/.test(name)).length;
}
