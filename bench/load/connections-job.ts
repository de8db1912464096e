/** Opens many connections that then keep still, and measures what they cost and whether others feel them. Runs in the load client. */
import type { Socket } from 'node:net';
import { openSocket } from './connect.js';
import { apiVersionsFrame } from './frames.js';
import type { ConnectionsJob, JobResult } from './job.js';
import { residentBytes } from './process-stat.js';
import { runProduceJob } from './produce-job.js';

/** Connections that are being opened at the same time. */
const lotSize = 50;

/** Resolves when the broker has answered: it has accepted the connection and knows who is there. */
async function openIdle({ host, port }: ConnectionsJob): Promise<Socket> {
  let answered!: () => void;
  let failed!: (error: Error) => void;
  const answer = new Promise<void>((resolve, reject) => {
    answered = resolve;
    failed = reject;
  });
  const socket = await openSocket(host, port, answered, (error) => failed(error));
  socket.write(apiVersionsFrame());
  await answer;
  return socket;
}

export async function runConnectionsJob(job: ConnectionsJob): Promise<JobResult> {
  const sockets: Socket[] = [];
  const before = residentBytes(job.serverPid);
  const startedMs = performance.now();
  while (sockets.length < job.idle) {
    const lot = Array.from({ length: Math.min(lotSize, job.idle - sockets.length) }, () => openIdle(job));
    sockets.push(...(await Promise.all(lot)));
  }
  const opened = (performance.now() - startedMs) / 1000;
  const after = residentBytes(job.serverPid);
  try {
    const result = await runProduceJob({ ...job, kind: 'produce', acks: 1 });
    const extra: Record<string, number> = { 'accepts/s': job.idle / opened };
    // Fewer connections than this drown in what a broker allocates for itself meanwhile.
    if (before !== null && after !== null && job.idle >= 100) {
      extra['KiB/connection'] = Math.max(0, after - before) / 1024 / job.idle;
    }
    return { ...result, extra };
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}
