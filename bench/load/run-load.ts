/** One run of a load cell against one broker: topic, clients, and what is looked at beside them. Process of `millrace bench`. */
import { Admin, openWhenUp } from './admin.js';
import type { Contender, FlushPolicy, FreshBroker, RunningBroker, WatchedBroker } from './broker.js';
import type { LoadCell } from './cell.js';
import { seconds } from './closed-loop.js';
import type { JobResult } from './job.js';
import { fillTopic, type LoadedTopics } from './loaded-topics.js';
import { emptyPageCache } from './machine.js';
import { withinPageCache } from './page-cache-room.js';
import { descriptors } from './process-stat.js';
import { runBlaster } from './run-blaster.js';
import { takeReading } from './stalls.js';

let topicsMade = 0;

/** Beside the measured seconds, background clients run for as long as it may take until those have begun and ended. */
const backgroundMarginSeconds = 2;

/** With so many partitions it is of interest how many descriptors they hold. */
const manyPartitions = 256;

export async function runLoad(
  contender: Contender,
  cell: LoadCell,
  secondsPerRun: number,
  loaded: LoadedTopics,
): Promise<JobResult> {
  if (cell.fresh && contender.startFresh !== null) {
    const fresh = await contender.startFresh(cell.flush);
    try {
      (await openWhenUp(fresh.host, fresh.port, () => fresh.check())).close();
      return await runOnNewTopic(fresh, contender, cell, secondsPerRun, null);
    } finally {
      await fresh.close();
    }
  }
  const broker = await contender.broker(cell.flush);
  const loadedTopic = cell.preloadBytes > 0 ? await loaded.topicOf(contender, cell) : null;
  if (cell.cold) emptyPageCache();
  const options = { broker, topic: loadedTopic ?? '', loadedTopic, seconds: secondsPerRun };
  if (loadedTopic !== null && cell.background(options).length === 0) return runBlaster(cell.job(options));
  return runOnNewTopic(broker, contender, cell, secondsPerRun, loadedTopic);
}

async function runOnNewTopic(
  broker: RunningBroker,
  contender: Pick<Contender, 'role' | 'topicConfigs'>,
  cell: LoadCell,
  secondsPerRun: number,
  loadedTopic: string | null,
): Promise<JobResult> {
  const topic = `bench-${process.pid}-${topicsMade++}`;
  const admin = await Admin.open(broker.host, broker.port);
  try {
    const own = cell.topicConfigs.filter(({ name }) => contender.role === 'product' || !name.startsWith('millrace.'));
    await admin.createTopic(topic, cell.partitions, [...contender.topicConfigs(cell.flush), ...own]);
    const result = await runClients(broker, cell, topic, secondsPerRun, loadedTopic);
    // ext4 gives no inode out again within a minute of its deletion and looks at each of them for every new file: after some
    // thousand deletions the next run would measure that (750 first batches a second instead of 18,000).
    if (cell.partitions < manyPartitions) await admin.deleteTopic(topic);
    return result;
  } finally {
    admin.close();
  }
}

async function runClients(
  broker: RunningBroker,
  cell: LoadCell,
  topic: string,
  secondsPerRun: number,
  loadedTopic: string | null,
): Promise<JobResult> {
  const options = { broker, topic, loadedTopic, seconds: secondsPerRun };
  const background = cell
    .background({ ...options, seconds: secondsPerRun + backgroundMarginSeconds })
    .map((job) => runBlaster(job));
  const [result] = await Promise.all([runBlaster(withinPageCache(cell.job(options), cell)), ...background]);
  const open = cell.partitions >= manyPartitions ? descriptors(broker.pid) : null;
  return open === null ? result : { ...result, extra: { ...result.extra, descriptors: open } };
}

/** Shares of a run that are watched: after the warm-up, before the client ends. */
const watchedShare = 0.8;
/** A load client needs so long to start, make its batches and connect. */
export const clientStartSeconds = 0.5;

/** A run on a broker of its own that tells of its event loop and its garbage collections. */
export async function runWatched(
  startWatched: (flush: FlushPolicy) => Promise<WatchedBroker>,
  cell: LoadCell,
  secondsPerRun: number,
): Promise<JobResult> {
  const broker = await startWatched(cell.flush);
  const check = () => broker.check();
  try {
    (await openWhenUp(broker.host, broker.port, check)).close();
    const loadedTopic = cell.preloadBytes > 0 ? await fillFor(broker, cell) : null;
    const watch = async () => {
      const { warmUpSeconds } = cell.job({ broker, topic: '', loadedTopic, seconds: secondsPerRun });
      await seconds(clientStartSeconds + warmUpSeconds);
      await takeReading(broker.pid ?? 0, broker.stallFile, check);
      const fromMs = performance.now() - broker.startedMs;
      await seconds(secondsPerRun * watchedShare);
      const reading = await takeReading(broker.pid ?? 0, broker.stallFile, check);
      return { reading, fromMs, toMs: performance.now() - broker.startedMs };
    };
    const work =
      loadedTopic === null
        ? runOnNewTopic(broker, { role: 'product', topicConfigs: () => [] }, cell, secondsPerRun, null)
        : runBlaster(cell.job({ broker, topic: loadedTopic, loadedTopic, seconds: secondsPerRun }));
    const [result, { reading, fromMs, toMs }] = await Promise.all([work, watch()]);
    const collecting = await broker.collectingMs(fromMs, toMs);
    const extra = {
      'loop p99 ms': reading.loopP99Ms,
      'loop max ms': reading.loopMaxMs,
      'GC %': (100 * collecting) / (toMs - fromMs),
    };
    return { ...result, extra: { ...result.extra, ...extra } };
  } finally {
    await broker.close();
  }
}

async function fillFor(broker: FreshBroker, { partitions, preloadBytes }: LoadCell): Promise<string> {
  const topic = 'bench-loaded';
  const admin = await Admin.open(broker.host, broker.port);
  await admin.createTopic(topic, partitions, []);
  admin.close();
  await fillTopic(broker, topic, partitions, preloadBytes);
  return topic;
}
