/** What the process knows of itself: release, start, processor time, memory. Main thread. */
import { performance } from 'node:perf_hooks';
import type { Collector } from './metrics.js';

const MICROSECONDS = 1e-6;
const MILLISECONDS = 1e-3;

export function processCollector(version: string): Collector {
  return (put) => {
    put('millrace_build_info', { version, node: process.versions.node }, 1);
    put('millrace_event_loop_active_seconds_total', {}, performance.eventLoopUtilization().active * MILLISECONDS);
    put('process_start_time_seconds', {}, performance.timeOrigin * MILLISECONDS);
    const { user, system } = process.cpuUsage();
    put('process_cpu_seconds_total', {}, (user + system) * MICROSECONDS);
    put('process_resident_memory_bytes', {}, process.memoryUsage.rss());
  };
}
