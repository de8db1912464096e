/** One start of a broker of its own: on an empty folder, or on one that an earlier life has left. Process of `millrace bench`. */
import { firstAck, firstAckOf, openWhenUp } from './admin.js';
import { blobBatch } from './batches.js';
import type { FlushPolicy, FreshBroker } from './broker.js';
import type { RestartCell } from './cell.js';
import { seconds } from './closed-loop.js';
import { type Figures, startFigures } from './figures.js';
import { fillTopic } from './loaded-topics.js';
import { CpuWindow, descriptors } from './process-stat.js';

const idleSeconds = 5;
/** What follows a start (just-in-time compiling, first collections) is not idling yet. */
const settleSeconds = 2;
const topic = 'first';

type Start = (flush: FlushPolicy) => Promise<FreshBroker>;

export async function runStart(start: Start): Promise<Figures> {
  const broker = await start('ack');
  try {
    await firstAck(broker.host, broker.port, blobBatch(100, 1, 1).bytes, () => broker.check());
    const startToAckMs = performance.now() - broker.startedMs;
    await seconds(settleSeconds);
    const cpu = new CpuWindow(broker.pid);
    await seconds(idleSeconds);
    const { serverCpuSeconds, serverResidentBytes } = cpu.end();
    const percent = serverCpuSeconds === null ? null : (100 * serverCpuSeconds) / idleSeconds;
    return startFigures(startToAckMs, percent, serverResidentBytes);
  } finally {
    await broker.close();
  }
}

export async function runRestart(start: Start, { partitions, bytes, ending }: RestartCell): Promise<Figures> {
  const before = await start('never');
  let broker = before;
  try {
    const admin = await openWhenUp(before.host, before.port, () => before.check());
    await admin.createTopic(topic, partitions, []);
    admin.close();
    await fillTopic(before, topic, partitions, Math.max(bytes, 1));
    await before.end(ending);
    broker = before.startAgain();
    await firstAckOf(topic, broker.host, broker.port, blobBatch(100, 1, 1).bytes, () => broker.check());
    const figures = startFigures(performance.now() - broker.startedMs, null, null);
    const cpu = new CpuWindow(broker.pid).end();
    const open = descriptors(broker.pid);
    return {
      ...figures,
      serverResidentMb: cpu.serverResidentBytes === null ? null : cpu.serverResidentBytes / 1e6,
      extra: open === null ? {} : { descriptors: open },
    };
  } finally {
    await broker.close();
  }
}
