/** Starts the load client for one job and waits for its result. Runs in the process of `millrace bench`. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Job, JobResult } from './job.js';

const program = fileURLToPath(new URL('./blaster.js', import.meta.url));

/** Rejects with what the client said on stderr where it failed or took a minute more than it was asked to. */
export function runBlaster(job: Job): Promise<JobResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, JSON.stringify(job)], { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let complaint = '';
    const deadline = setTimeout(
      () => {
        complaint += 'no end in sight: the client was stopped';
        child.kill('SIGKILL');
      },
      (job.warmUpSeconds + job.seconds + 60) * 1000,
    );
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint += text;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(deadline);
      if (code === 0) resolve(JSON.parse(out) as JobResult);
      else reject(new Error(`load client (${job.kind} to ${job.host}:${job.port}): ${complaint.trim()}`));
    });
  });
}
