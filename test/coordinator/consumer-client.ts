/** A consumer of KIP-848 as clients write them: heartbeats, takes what it is given, gives back what it shall not have. Test process. */
import { randomUuid } from '../../src/base/uuid.js';
import type { ConsumerHeartbeatRequest } from '../../src/coordinator/group/consumer-decisions.js';
import type { ConsumerHeartbeatResponse } from '../../src/coordinator/group/consumer-membership.js';
import { GROUP, type GroupWorld } from './group-world.js';

export type HeartbeatAs = Partial<ConsumerHeartbeatRequest> & { readonly version?: number };

export async function heartbeat(
  world: GroupWorld,
  { version = 1, ...request }: HeartbeatAs,
): Promise<ConsumerHeartbeatResponse> {
  return world.groups.consumerHeartbeat(
    {
      groupId: GROUP,
      memberId: '',
      memberEpoch: 0,
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: -1,
      subscribedTopicNames: null,
      subscribedTopicRegex: null,
      serverAssignor: null,
      topicPartitions: null,
      ...request,
    },
    { clientId: 'client', clientHost: '/127.0.0.1', clientMakesId: version >= 1 },
  );
}

export interface ConsumerOptions {
  readonly topics?: readonly string[];
  readonly regex?: string | null;
  readonly instanceId?: string | null;
  readonly assignor?: string | null;
  readonly rebalanceTimeoutMs?: number;
}

export class ConsumerClient {
  memberId = randomUuid();
  epoch = 0;
  /** As `topicId:partition`: a topic made anew is another one. */
  readonly owned = new Set<string>();
  readonly errors: string[] = [];
  topics: readonly string[];
  /** What it was last told to have. */
  private target = new Set<string>();
  /** The next heartbeat says everything: after a join, and after whatever went wrong. */
  private sayAll = true;
  /** What it gives back takes until it says so. */
  slow = false;
  private readonly topicNames = new Map<string, string>();

  constructor(
    readonly world: GroupWorld,
    readonly options: ConsumerOptions = {},
  ) {
    this.topics = options.topics ?? (options.regex ? [] : ['logs']);
  }

  /** One heartbeat; its error. */
  async beat(): Promise<string> {
    const isJoin = this.epoch === 0;
    const all = this.sayAll || isJoin;
    const { regex = null, instanceId = null, assignor = null, rebalanceTimeoutMs = 30_000 } = this.options;
    const { memberId, epoch } = this;
    const answer = await heartbeat(this.world, {
      memberId,
      memberEpoch: epoch,
      instanceId,
      serverAssignor: all ? assignor : null,
      rebalanceTimeoutMs: all ? rebalanceTimeoutMs : -1,
      subscribedTopicNames: all ? [...this.topics] : null,
      subscribedTopicRegex: all ? regex : null,
      topicPartitions: isJoin ? [] : this.listed(),
    });
    // A life that ended meanwhile hears nothing.
    if (memberId !== this.memberId || epoch !== this.epoch) return 'NONE';
    const error = answer.errorCode;
    if (error !== 'NONE') {
      this.errors.push(error);
      this.sayAll = true;
      if (error === 'FENCED_MEMBER_EPOCH' || error === 'UNKNOWN_MEMBER_ID') this.dropEverything();
      if (error === 'GROUP_ID_NOT_FOUND') this.dropEverything();
      return error;
    }
    this.sayAll = false;
    this.epoch = answer.memberEpoch;
    if (answer.assignment) {
      this.target = new Set();
      for (const { topicId, partitions } of answer.assignment.topicPartitions) {
        this.topicNames.set(topicId, this.world.topics.byId(topicId)?.name ?? topicId);
        for (const partition of partitions) this.target.add(`${topicId}:${partition}`);
      }
    }
    this.revoke(this.slow);
    for (const partition of this.target) this.owned.add(partition);
    return error;
  }

  /** Gives back what it shall not have any more, unless it takes its time. */
  revoke(takesItsTime = false): void {
    if (takesItsTime) return;
    for (const partition of this.owned) if (!this.target.has(partition)) this.owned.delete(partition);
  }

  private listed(): { topicId: string; partitions: number[] }[] {
    const byTopic = new Map<string, number[]>();
    for (const partition of this.owned) {
      const [topicId, index] = partition.split(':');
      byTopic.set(topicId, [...(byTopic.get(topicId) ?? []), Number(index)]);
    }
    return [...byTopic].map(([topicId, partitions]) => ({ topicId, partitions }));
  }

  subscribe(...topics: string[]): void {
    this.topics = topics;
    this.sayAll = true;
  }

  private dropEverything(): void {
    this.epoch = 0;
    this.owned.clear();
    this.target.clear();
    this.sayAll = true;
  }

  /** The process died; the next one has another id. */
  crash(): void {
    this.dropEverything();
    this.memberId = randomUuid();
  }

  /** `away`: as a static member that means to come back. */
  async leave(away = false): Promise<string> {
    const { memberId } = this;
    const { instanceId = null } = this.options;
    this.crash();
    const answer = await heartbeat(this.world, { memberId, instanceId, memberEpoch: away ? -2 : -1 });
    return answer.errorCode;
  }

  /** What it has, by the names of topics. */
  get has(): string {
    const named = [...this.owned].map((partition) => {
      const [topicId, index] = partition.split(':');
      return `${this.topicNames.get(topicId)}:${index}`;
    });
    return named.sort().join(' ');
  }
}

/** Rounds of heartbeats, an interval apart. */
export async function beatAll(clients: readonly ConsumerClient[], rounds = 1, intervalMs = 5_000): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const client of clients) await client.beat();
    await clients[0]?.world.clock.advanceAndIdle(intervalMs);
  }
}
