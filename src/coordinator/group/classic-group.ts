/** A classic consumer group: its members, generation and committed offsets, and the one way durable changes get in. Main thread. */
import { assert } from '../../base/assert.js';
import type { ErrorName } from '../../base/error-code.js';
import type { Deadline } from '../../base/timer-wheel.js';
import { CommittedOffsets } from './committed-offsets.js';
import { subscribedTopics } from './embedded-protocol.js';
import type { GroupMetadata, GroupRecord } from './group-record.js';
import { Member, type MemberProtocol, NO_BYTES } from './member.js';

/**
 * As DescribeGroups and ListGroups spell them. A group that is not there is called Dead.
 *
 * ```
 *            first join               all joined, or time is up           leader's assignment
 *   Empty ─────────────► PreparingRebalance ─────────────► CompletingRebalance ─────────────► Stable
 *     ▲                   │        ▲   ▲                          │                             │
 *     └── nobody is left ─┘        │   └── a member joins or goes ┘                             │
 *                                  └──────────── a member joins, goes or changes ───────────────┘
 * ```
 */
export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable';

/** The type of protocol whose metadata is a consumer's subscription: the one kind that is ever looked into. */
const CONSUMER_PROTOCOL_TYPE = 'consumer';

/**
 * What is durable (a stable or empty generation, and the offsets) changes only in {@link ClassicGroup.replay}, live as
 * at start. A rebalance under way is not durable, in Kafka neither: after a restart its members join again.
 */
export class ClassicGroup {
  state: GroupState = 'Empty';
  /** Wall-clock milliseconds of the last durable change of state; -1 where the log does not say. */
  stateSinceMs = -1;
  generation = 0;
  protocolType: string | null = null;
  protocol: string | null = null;
  leader: string | null = null;
  readonly members = new Map<string, Member>();
  readonly staticMembers = new Map<string, Member>();
  /** Ids handed out to new members that have not come back with them yet (KIP-394), with the time they have to. */
  readonly pendingJoins = new Map<string, Deadline>();
  /** Members of this generation that have not asked for their assignment yet. */
  readonly pendingSyncs = new Set<string>();
  /** The end of the join phase, and of the time to ask for an assignment. */
  joinPhase: Deadline | null = null;
  syncPhase: Deadline | null = null;
  /** The join phase is the first of an empty group: it ends by time, not when all known members have joined. */
  isInitialJoin = false;
  joinedDuringInitialDelay = false;
  /** How much longer the initial join phase may be drawn out by further members. */
  initialJoinRemainingMs = 0;
  /** The highest generation that any member was told, durable or not. */
  private generationGivenOut = 0;
  private topics: ReadonlySet<string> | null = null;

  constructor(
    readonly id: string,
    readonly offsets = new CommittedOffsets(),
  ) {}

  /** Nothing of it is in the log, and nobody is in it. */
  get isForgettable(): boolean {
    return this.state === 'Empty' && this.generation === 0 && this.pendingJoins.size === 0 && this.offsets.isEmpty;
  }

  /** Nobody is in it or on the way, and only its own record keeps it. */
  get mayExpire(): boolean {
    return this.state === 'Empty' && this.pendingJoins.size === 0 && this.generation > 0;
  }

  /** All but its offsets. */
  tombstones(): GroupRecord[] {
    return [{ type: 'group', group: this.id, value: null }];
  }

  replay(record: GroupRecord): void {
    if (record.type === 'offset') {
      if (record.value) this.offsets.set(record.topic, record.partition, record.value);
      else this.offsets.delete(record.topic, record.partition);
      return;
    }
    if (record.type !== 'group') return;
    if (record.value) this.replayMetadata(record.value);
    else this.replayMetadata({ protocolType: '', generation: 0, protocol: null, leader: null, members: [] });
  }

  private replayMetadata(value: GroupMetadata): void {
    this.generation = value.generation;
    this.generationGivenOut = Math.max(this.generationGivenOut, value.generation);
    this.protocolType = value.protocolType === '' ? null : value.protocolType;
    this.protocol = value.protocol;
    this.leader = value.leader;
    this.stateSinceMs = value.currentStateTimestamp ?? -1;
    const kept = new Set<string>();
    for (const recorded of value.members) {
      kept.add(recorded.memberId);
      let member = this.members.get(recorded.memberId);
      if (!member) {
        const { memberId, clientId, clientHost, sessionTimeout, subscription } = recorded;
        // Records of version 0 know one timeout only.
        const rebalanceTimeout = recorded.rebalanceTimeout ?? -1;
        member = new Member({
          id: memberId,
          instanceId: recorded.groupInstanceId ?? null,
          clientId,
          clientHost,
          sessionTimeoutMs: sessionTimeout,
          rebalanceTimeoutMs: rebalanceTimeout === -1 ? sessionTimeout : rebalanceTimeout,
          protocols: [{ name: value.protocol ?? '', metadata: subscription }],
        });
        member.isUnheard = true;
        this.enter(member);
      }
      member.assignment = recorded.assignment;
    }
    for (const member of [...this.members.values()]) if (!kept.has(member.id)) this.drop(member);
    this.state = kept.size > 0 ? 'Stable' : 'Empty';
    this.topics = null;
  }

  /** The record value that makes the generation at hand durable, with what the leader gives each member. */
  metadata(nowMs: number, assignmentOf: (member: Member) => Buffer): GroupMetadata {
    return {
      protocolType: this.protocolType ?? '',
      generation: this.generation,
      protocol: this.protocol,
      leader: this.leader,
      currentStateTimestamp: nowMs,
      members: [...this.members.values()].map((member) => ({
        memberId: member.id,
        groupInstanceId: member.instanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        rebalanceTimeout: member.rebalanceTimeoutMs,
        sessionTimeout: member.sessionTimeoutMs,
        subscription: member.metadataFor(this.protocol),
        assignment: assignmentOf(member),
      })),
    };
  }

  /** Adds a member that joins by itself. The first one becomes leader and decides the type of protocol. */
  add(member: Member, protocolType: string): void {
    if (this.members.size === 0) this.protocolType = protocolType;
    this.leader ??= member.id;
    this.enter(member);
  }

  private enter(member: Member): void {
    this.members.set(member.id, member);
    if (member.instanceId !== null) this.staticMembers.set(member.instanceId, member);
  }

  /** Takes the member out; whoever calls answers what it waits for. */
  drop(member: Member): void {
    this.members.delete(member.id);
    this.pendingSyncs.delete(member.id);
    // Its instance may have come back already, in a record that has no place for the old id.
    if (member.instanceId !== null && this.staticMembers.get(member.instanceId) === member) {
      this.staticMembers.delete(member.instanceId);
    }
    if (this.leader === member.id) this.leader = this.members.keys().next().value ?? null;
  }

  /** A static member came back: the same place in the group under a new id. */
  rename(member: Member, id: string): void {
    this.members.delete(member.id);
    if (this.leader === member.id) this.leader = id;
    if (this.pendingSyncs.delete(member.id)) this.pendingSyncs.add(id);
    member.id = id;
    this.members.set(id, member);
  }

  /**
   * UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID where the instance has come back under another id, or NONE.
   *
   * An id that an instance was given while the group rebalanced is not durable. So after a restart the log may hold the older
   * of two ids, and whoever has the newer one is asked to join again, where Kafka fences it for good; until the id of the
   * log is heard of.
   */
  checkMember(memberId: string, instanceId: string | null): ErrorName {
    const member = this.members.get(memberId);
    if (instanceId !== null) {
      const owner = this.staticMembers.get(instanceId);
      if (!owner) return 'UNKNOWN_MEMBER_ID';
      if (owner !== member) return owner.isUnheard ? 'UNKNOWN_MEMBER_ID' : 'FENCED_INSTANCE_ID';
    }
    if (!member) return 'UNKNOWN_MEMBER_ID';
    member.isUnheard = false;
    return 'NONE';
  }

  get joiningCount(): number {
    let count = 0;
    for (const member of this.members.values()) if (member.joining) count += 1;
    return count;
  }

  get hasEveryoneJoined(): boolean {
    return this.pendingJoins.size === 0 && this.joiningCount === this.members.size;
  }

  /** The longest that any member may take to join again. */
  get rebalanceTimeoutMs(): number {
    let longest = 0;
    for (const { rebalanceTimeoutMs } of this.members.values()) longest = Math.max(longest, rebalanceTimeoutMs);
    return longest;
  }

  /** A leader that did not join again hands over to any member that did; false where there is none. */
  electJoinedLeader(): boolean {
    if (this.leader !== null && this.members.get(this.leader)?.joining) return true;
    for (const member of this.members.values()) {
      if (!member.joining) continue;
      this.leader = member.id;
      return true;
    }
    return false;
  }

  /** Whether a member that offers `protocols` could live with all the others. */
  accepts(protocolType: string, protocols: readonly MemberProtocol[]): boolean {
    if (protocolType === '' || protocols.length === 0) return false;
    if (this.state === 'Empty' || this.members.size === 0) return true;
    if (protocolType !== this.protocolType) return false;
    const common = this.commonProtocols();
    return protocols.some(({ name }) => common.has(name));
  }

  get hasCommonProtocol(): boolean {
    return this.commonProtocols().size > 0;
  }

  /** What every member offers. */
  private commonProtocols(): ReadonlySet<string> {
    let common: Set<string> | null = null;
    for (const { protocols } of this.members.values()) {
      const offered = new Set<string>();
      for (const { name } of protocols) if (common === null || common.has(name)) offered.add(name);
      common = offered;
    }
    return common ?? new Set();
  }

  /** Each member votes for the first of its protocols that all offer; the most votes win, the earliest voted among equals. */
  chooseProtocol(): string {
    const common = this.commonProtocols();
    const votes = new Map<string, number>();
    for (const { protocols } of this.members.values()) {
      const choice = protocols.find(({ name }) => common.has(name));
      if (choice) votes.set(choice.name, (votes.get(choice.name) ?? 0) + 1);
    }
    let winner: string | null = null;
    let most = 0;
    for (const [name, count] of votes) {
      if (count <= most) continue;
      winner = name;
      most = count;
    }
    assert(winner !== null, 'members whose protocols share nothing are refused when they join');
    return winner;
  }

  /** Enters the next generation: members will be told its number, the log hears of it when it is stable. */
  beginGeneration(): void {
    this.generation = this.generationAfterThis();
    this.generationGivenOut = this.generation;
    this.protocol = this.chooseProtocol();
    this.state = 'CompletingRebalance';
    this.topics = null;
  }

  /** Never a number that some member has been told already, even if the log has lost it. */
  generationAfterThis(): number {
    return Math.max(this.generation, this.generationGivenOut) + 1;
  }

  /** Called on a group that was read again from its log: generations go on from where `lost` was. */
  continueFrom(lost: ClassicGroup): void {
    this.generationGivenOut = Math.max(this.generationGivenOut, lost.generationGivenOut);
  }

  clearAssignments(): void {
    for (const member of this.members.values()) member.assignment = NO_BYTES;
  }

  /** True while a consumer of this generation reads `topic`. */
  isSubscribedTo(topic: string): boolean {
    if (this.protocolType !== CONSUMER_PROTOCOL_TYPE || this.members.size === 0) return false;
    this.topics ??= subscribedTopics([...this.members.values()].map((member) => member.metadataFor(this.protocol)));
    // Metadata that does not read as a subscription could stand for any topic.
    return this.topics === null || this.topics.has(topic);
  }

  get isConsumerGroup(): boolean {
    return this.protocolType === CONSUMER_PROTOCOL_TYPE;
  }
}
