/** A group in which one member after the other is replaced: how long until it is stable again. Runs in the load client. */
import { findCoordinator } from '../../src/protocol/messages/10-find-coordinator.js';
import { Admin } from './admin.js';
import { ClassicMember } from './classic-member.js';
import { seconds } from './closed-loop.js';
import { ConsumerMember } from './consumer-member.js';
import type { GroupMember } from './group-member.js';
import type { JobResult, RebalanceJob } from './job.js';
import { Meter } from './meter.js';

/** A group that is not stable by then never will be. */
const patienceMs = 60_000;
const findCoordinatorVersion = 2;

class Group {
  readonly members: GroupMember[] = [];
  private onStable: (() => void) | null = null;
  private lastGeneration = -1;

  constructor(
    private readonly job: RebalanceJob,
    private readonly connections: readonly Admin[],
    private readonly fail: (error: Error) => void,
  ) {}

  /** The member of connection `at`, made anew. */
  add(at: number): void {
    const { topic, partitions, heartbeatMs, protocol } = this.job;
    const Member = protocol === 'classic' ? ClassicMember : ConsumerMember;
    this.members[at] = new Member({
      ...{ connection: this.connections[at], group: topic, topic, partitions, heartbeatMs },
      phase: (at + 1) / this.connections.length,
      onChange: () => {
        if (this.onStable !== null && this.isStable()) this.onStable();
      },
    });
    this.members[at].start(this.fail);
  }

  /** One leaves and another comes in its place, at once. */
  async replace(at: number): Promise<void> {
    await this.members[at].leave();
    this.add(at);
  }

  async end(): Promise<void> {
    await Promise.all(this.members.map((member) => member.leave()));
  }

  /** Resolves when, after the change, every member is in the same new generation and each partition is held by one of them. */
  async untilStable(change: () => void | Promise<void>): Promise<void> {
    this.lastGeneration = this.members[0]?.generation ?? -1;
    await change();
    if (this.isStable()) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      this.onStable = resolve;
      timer = setTimeout(() => reject(new Error(`the group was not stable within ${patienceMs} ms`)), patienceMs);
    }).finally(() => clearTimeout(timer));
    this.onStable = null;
  }

  /** From the last request to join until now: what of the rebalance was the broker's, not the heartbeats'. */
  sinceLastJoinMs(): number {
    return performance.now() - Math.max(...this.members.map(({ joinedAtMs }) => joinedAtMs));
  }

  private isStable(): boolean {
    const [first] = this.members;
    const owners = new Uint8Array(this.job.partitions);
    for (const { generation, owned } of this.members) {
      if (generation <= this.lastGeneration || generation !== first.generation) return false;
      for (const partition of owned) if (++owners[partition] > 1) return false;
    }
    return !owners.includes(0);
  }
}

/** Where a broker keeps groups in a topic, that topic is there afterwards. */
async function untilCoordinated(connection: Admin, group: string): Promise<void> {
  const deadlineMs = performance.now() + patienceMs;
  for (;;) {
    const { errorCode } = await connection.ask(findCoordinator, findCoordinatorVersion, { key: group });
    if (errorCode === 'NONE') return;
    if (performance.now() > deadlineMs) throw new Error(`FindCoordinator is still answered ${errorCode}`);
    await seconds(0.05);
  }
}

async function work(job: RebalanceJob, group: Group): Promise<JobResult> {
  await group.untilStable(() => group.add(0));
  const formingFromMs = performance.now();
  await group.untilStable(() => {
    for (let at = 1; at < job.members; at++) group.add(at);
  });
  const formingMs = performance.now() - formingFromMs;
  const meter = new Meter();
  const ownMs: number[] = [];
  let nextToLeave = 0;
  const round = async () => {
    const fromMs = performance.now();
    await group.untilStable(() => group.replace(nextToLeave));
    nextToLeave = (nextToLeave + 1) % job.members;
    return performance.now() - fromMs;
  };
  const warmUntilMs = performance.now() + job.warmUpSeconds * 1000;
  while (performance.now() < warmUntilMs) await round();
  meter.begin(job);
  const untilMs = performance.now() + job.seconds * 1000;
  do {
    meter.latency(await round());
    ownMs.push(group.sinceLastJoinMs());
    meter.requests++;
  } while (performance.now() < untilMs);
  const result = meter.end()();
  await group.end();
  ownMs.sort((a, b) => a - b);
  const extra = { 'forming ms': formingMs, 'after the last join, ms': ownMs[ownMs.length >> 1] };
  return { ...result, extra };
}

export async function runRebalanceJob(job: RebalanceJob): Promise<JobResult> {
  const connections = await Promise.all(Array.from({ length: job.members }, () => Admin.open(job.host, job.port)));
  let fail!: (error: Error) => void;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  try {
    await untilCoordinated(connections[0], job.topic);
    return await Promise.race([work(job, new Group(job, connections, fail)), failed]);
  } finally {
    for (const connection of connections) connection.close();
  }
}
