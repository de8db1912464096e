/** Disk limit: reads a file that the page cache has forgotten from front to back, and prints one JSON line. */
import { closeSync, fdatasyncSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { emptyPageCache } from '../load/machine.js';

const [directory, bytesText] = process.argv.slice(2);
const wanted = Number(bytesText);
const buffer = Buffer.alloc(1024 * 1024, 0x6d);
const path = join(directory, 'file');
const written = openSync(path, 'w');
for (let at = 0; at < wanted; at += buffer.length) writeSync(written, buffer);
fdatasyncSync(written);
closeSync(written);
emptyPageCache();
const file = openSync(path, 'r');
const startedMs = performance.now();
const startedCpu = process.cpuUsage();
let bytes = 0;
for (let count = buffer.length; count > 0; bytes += count) count = readSync(file, buffer, 0, buffer.length, bytes);
const used = process.cpuUsage(startedCpu);
process.stdout.write(
  `${JSON.stringify({
    seconds: (performance.now() - startedMs) / 1000,
    bytes,
    records: 0,
    requests: 0,
    latencyMs: null,
    histogram: null,
    timeline: null,
    stretches: [],
    extra: {},
    clientCpuSeconds: 0,
    serverCpuSeconds: (used.user + used.system) / 1e6,
    serverResidentBytes: process.memoryUsage().rss,
  })}\n`,
);
closeSync(file);
