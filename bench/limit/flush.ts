/** Flush limit: appends batches to each of N files and makes all of them durable, round after round; prints one JSON line. */
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { loadKernel } from '../load/kernel.js';
import { Latencies } from '../load/latencies.js';

const [directory] = process.argv.slice(2);
const [fileCount, batchBytes, batchesPerFile, seconds] = process.argv.slice(3).map(Number);
/** All batches that a round has for one file. */
const share = Buffer.alloc(batchBytes * batchesPerFile, 0x6d);
const kernel = loadKernel();
const folder = openSync(directory, 'r');
const files = Array.from({ length: fileCount }, (_, at) => openSync(join(directory, `${at}.log`), 'w'));
const latencies = new Latencies();
const startedMs = performance.now();
const startedCpu = process.cpuUsage();
const endMs = startedMs + seconds * 1000;
let rounds = 0;
for (let nowMs = startedMs; nowMs < endMs; rounds++) {
  for (const file of files) writeSync(file, share, 0, share.length, rounds * share.length);
  if (kernel === null || kernel.syncfs(folder) !== 0) for (const file of files) fdatasyncSync(file);
  const doneMs = performance.now();
  latencies.record(doneMs - nowMs);
  nowMs = doneMs;
}
const used = process.cpuUsage(startedCpu);
for (const file of files) closeSync(file);
closeSync(folder);
process.stdout.write(
  `${JSON.stringify({
    seconds: (performance.now() - startedMs) / 1000,
    bytes: rounds * files.length * share.length,
    records: 0,
    requests: rounds * files.length * batchesPerFile,
    latencyMs: latencies.percentiles(),
    histogram: latencies.encoded(),
    timeline: null,
    stretches: [],
    extra: {},
    clientCpuSeconds: 0,
    serverCpuSeconds: (used.user + used.system) / 1e6,
    serverResidentBytes: process.memoryUsage().rss,
  })}\n`,
);
