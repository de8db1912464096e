/** What members of classic groups ask for: to join, to be given their part, to stay alive, to leave. Main thread. */
import type { ErrorName } from '../../base/error-code.js';
import type { joinGroup } from '../../protocol/messages/11-join-group.js';
import type { heartbeat } from '../../protocol/messages/12-heartbeat.js';
import type { leaveGroup } from '../../protocol/messages/13-leave-group.js';
import type { syncGroup } from '../../protocol/messages/14-sync-group.js';
import type { RequestOf, ResponseOf } from '../../protocol/schema.js';
import type { ClassicGroup } from './classic-group.js';
import { joinError, joined, membersForLeader, syncError, synced } from './group-answers.js';
import type { GroupEnvironment } from './group-environment.js';
import {
  type JoinResponse,
  keptClientId,
  Member,
  type MemberIdentity,
  type MemberProtocol,
  NAMING_CHARS_MAX,
  NO_BYTES,
  newMemberId,
  offersTheSame,
  type SyncResponse,
} from './member.js';
import { NEW_MEMBER_JOIN_TIMEOUT_MS, Rebalance } from './rebalance.js';

export type JoinRequest = RequestOf<typeof joinGroup>;
export type SyncRequest = RequestOf<typeof syncGroup>;
export type HeartbeatRequest = RequestOf<typeof heartbeat>;
export type LeaveRequest = RequestOf<typeof leaveGroup>;
export type LeaveResponse = ResponseOf<typeof leaveGroup>;

/** What a join depends on beside its request. */
export interface JoinContext {
  readonly clientId: string | null;
  readonly clientHost: string;
  /** JoinGroup 4 and later: a new dynamic member is first handed its id (KIP-394). */
  readonly idBeforeJoin: boolean;
  /** JoinGroup 9 and later: a leader can be told that the assignment stands. */
  readonly canSkipAssignment: boolean;
}

export class Membership {
  readonly rebalance: Rebalance;

  constructor(private readonly env: GroupEnvironment) {
    this.rebalance = new Rebalance(env);
  }

  /** Takes copies of what it keeps of `request`. */
  join(group: ClassicGroup, request: JoinRequest, context: JoinContext): JoinResponse | Promise<JoinResponse> {
    const { memberId, groupInstanceId, protocolType, protocols } = request;
    if (!this.hasRoomFor(group, memberId, groupInstanceId)) {
      const member = group.members.get(memberId);
      if (member) this.rebalance.remove(group, member, 'GROUP_MAX_SIZE_REACHED', 'the group is full');
      this.rebalance.forgetPendingJoin(group, memberId);
      return joinError('GROUP_MAX_SIZE_REACHED', '');
    }
    if (!group.accepts(protocolType, protocols)) return joinError('INCONSISTENT_GROUP_PROTOCOL', memberId);
    if (memberId !== '') return this.joinKnown(group, request, context);
    return groupInstanceId === null
      ? this.joinNewDynamic(group, request, context)
      : this.joinStatic(group, groupInstanceId, request, context);
  }

  private hasRoomFor(group: ClassicGroup, memberId: string, instanceId: string | null): boolean {
    const sizeMax = this.env.config.get('group.max.size');
    if (group.members.size < sizeMax || group.state === 'Empty') return true;
    // A static member that comes back takes its own place, not another one.
    if (memberId === '' && instanceId !== null && group.staticMembers.has(instanceId)) return true;
    const member = group.members.get(memberId);
    if (group.state !== 'PreparingRebalance') return member !== undefined;
    return Boolean(member?.joining) || group.joiningCount < sizeMax;
  }

  private joinNewDynamic(
    group: ClassicGroup,
    request: JoinRequest,
    context: JoinContext,
  ): JoinResponse | Promise<JoinResponse> {
    const id = newMemberId(keptClientId(context.clientId));
    if (!context.idBeforeJoin) return this.admit(group, identityOf(id, request, context), request.protocolType);
    this.rebalance.expectJoin(group, id, request.sessionTimeoutMs);
    return joinError('MEMBER_ID_REQUIRED', id);
  }

  private joinStatic(
    group: ClassicGroup,
    instanceId: string,
    request: JoinRequest,
    context: JoinContext,
  ): JoinResponse | Promise<JoinResponse> {
    const identity = identityOf(newMemberId(instanceId), request, context);
    const member = group.staticMembers.get(instanceId);
    return member ? this.takeBack(group, member, identity, context) : this.admit(group, identity, request.protocolType);
  }

  private joinKnown(
    group: ClassicGroup,
    request: JoinRequest,
    context: JoinContext,
  ): JoinResponse | Promise<JoinResponse> {
    const { memberId, groupInstanceId, protocols } = request;
    if (group.pendingJoins.has(memberId)) {
      // A static member is never handed an id first, so this id is not its own.
      if (groupInstanceId !== null) return joinError('UNKNOWN_MEMBER_ID', memberId);
      this.rebalance.endPendingJoin(group, memberId);
      return this.admit(group, identityOf(memberId, request, context), request.protocolType);
    }
    const error = group.checkMember(memberId, groupInstanceId);
    const member = group.members.get(memberId);
    if (error !== 'NONE' || !member) return joinError(error, memberId);
    const isUnchanged = offersTheSame(member.protocols, protocols);
    // A leader that joins again wants to assign again; anyone else that did not change has only missed the answer.
    const answerAgain =
      (group.state === 'CompletingRebalance' && isUnchanged) ||
      (group.state === 'Stable' && isUnchanged && memberId !== group.leader);
    if (answerAgain) {
      this.rebalance.watch(group, member);
      return joined(group, member);
    }
    member.update(identityOf(memberId, request, context));
    const answer = this.park(member);
    this.rebalance.prepareOrComplete(group, memberId === group.leader ? 'the leader joined again' : 'a member changed');
    return answer;
  }

  private admit(group: ClassicGroup, identity: MemberIdentity, protocolType: string): Promise<JoinResponse> {
    const member = new Member(identity);
    member.isNew = true;
    group.add(member, protocolType);
    if (group.state === 'PreparingRebalance' && group.isInitialJoin) group.joinedDuringInitialDelay = true;
    const answer = this.park(member);
    this.rebalance.watch(group, member, NEW_MEMBER_JOIN_TIMEOUT_MS);
    this.rebalance.prepareOrComplete(group, 'a member joined');
    return answer;
  }

  /** A static member that was away, or was started again: its place is kept, its old id is fenced (KIP-345). */
  private takeBack(
    group: ClassicGroup,
    member: Member,
    identity: MemberIdentity,
    { canSkipAssignment }: JoinContext,
  ): JoinResponse | Promise<JoinResponse> {
    member.answerJoin(joinError('FENCED_INSTANCE_ID', member.id));
    member.answerSync(syncError('FENCED_INSTANCE_ID'));
    const leaderBefore = group.leader ?? '';
    group.rename(member, identity.id);
    member.isUnheard = false;
    member.update(identity);
    if (group.state === 'Stable' && group.chooseProtocol() === group.protocol) {
      return this.welcomeBack(group, member, leaderBefore, canSkipAssignment);
    }
    const answer = this.park(member);
    this.rebalance.watch(group, member);
    this.rebalance.prepareOrComplete(group, 'a static member came back');
    return answer;
  }

  /** The generation goes on. A leader that cannot be told to skip its assignment is not told that it leads. */
  private async welcomeBack(
    group: ClassicGroup,
    member: Member,
    leaderBefore: string,
    canSkipAssignment: boolean,
  ): Promise<JoinResponse> {
    this.rebalance.watch(group, member);
    const leads = member.id === group.leader && canSkipAssignment;
    const answer: JoinResponse = {
      ...joined(group, member),
      leader: canSkipAssignment ? (group.leader ?? '') : leaderBefore,
      skipAssignment: leads,
      members: leads ? membersForLeader(group) : [],
    };
    const value = group.metadata(this.env.clock.nowMs(), ({ assignment }) => assignment);
    const error = await this.env.write(group, [{ type: 'group', group: group.id, value }]);
    return error === 'NONE' ? answer : joinError(error, answer.memberId);
  }

  private park(member: Member): Promise<JoinResponse> {
    // The client has given up on what it asked before: there is one answer, and it goes to the newer request.
    member.answerJoin(joinError('REBALANCE_IN_PROGRESS', member.id));
    member.answerSync(syncError('REBALANCE_IN_PROGRESS'));
    return new Promise((resolve) => {
      member.joining = resolve;
    });
  }

  sync(group: ClassicGroup, request: SyncRequest): SyncResponse | Promise<SyncResponse> {
    const { memberId, groupInstanceId, generationId, protocolType, protocolName } = request;
    const error = group.checkMember(memberId, groupInstanceId);
    const member = group.members.get(memberId);
    if (error !== 'NONE' || !member) return syncError(error);
    if (generationId !== group.generation) return syncError('ILLEGAL_GENERATION');
    if (
      (protocolType !== null && protocolType !== group.protocolType) ||
      (protocolName !== null && protocolName !== group.protocol)
    ) {
      return syncError('INCONSISTENT_GROUP_PROTOCOL');
    }
    if (group.state === 'PreparingRebalance') return syncError('REBALANCE_IN_PROGRESS');
    this.endPendingSync(group, memberId);
    if (group.state === 'Stable') {
      this.rebalance.watch(group, member);
      return this.whenSettled(group, synced(group, member));
    }
    member.answerSync(syncError('REBALANCE_IN_PROGRESS'));
    const answer = new Promise<SyncResponse>((resolve) => {
      member.syncing = resolve;
    });
    if (memberId === group.leader) this.assign(group, request.assignments);
    return answer;
  }

  private endPendingSync(group: ClassicGroup, memberId: string): void {
    group.pendingSyncs.delete(memberId);
    if (group.pendingSyncs.size === 0 && group.syncPhase) this.env.deadlines.clear(group.syncPhase);
  }

  /** The leader has spoken: the generation is stable, and everyone that waits hears its part once that is on disk. */
  private assign(group: ClassicGroup, assignments: SyncRequest['assignments']): void {
    const given = new Map(assignments.map(({ memberId, assignment }) => [memberId, Buffer.from(assignment)]));
    const value = group.metadata(this.env.clock.nowMs(), (member) => given.get(member.id) ?? NO_BYTES);
    const written = this.env.write(group, [{ type: 'group', group: group.id, value }]);
    for (const member of group.members.values()) {
      const { syncing } = member;
      if (!syncing) continue;
      member.syncing = null;
      this.rebalance.watch(group, member);
      const answer = synced(group, member);
      void written.then((error) => syncing(error === 'NONE' ? answer : syncError(error)));
    }
  }

  private whenSettled(group: ClassicGroup, answer: SyncResponse): SyncResponse | Promise<SyncResponse> {
    const settled = this.env.settled(group);
    if (!settled) return answer;
    return settled.then((error) => (error === 'NONE' ? answer : syncError(error)));
  }

  heartbeat(group: ClassicGroup, { memberId, groupInstanceId, generationId }: HeartbeatRequest): ErrorName {
    const error = group.checkMember(memberId, groupInstanceId);
    const member = group.members.get(memberId);
    if (error !== 'NONE' || !member) return error;
    if (generationId !== group.generation) return 'ILLEGAL_GENERATION';
    this.rebalance.watch(group, member);
    return group.state === 'PreparingRebalance' ? 'REBALANCE_IN_PROGRESS' : 'NONE';
  }

  /** A static member may come back under its name for as long as its session lasts. */
  disconnected(group: ClassicGroup, memberId: string, reason: string): void {
    const member = group.members.get(memberId);
    if (!member || member.instanceId !== null) return;
    this.env.logger.info({ group: group.id, member: memberId, reason }, 'group member is gone');
    this.rebalance.remove(group, member, 'UNKNOWN_MEMBER_ID', reason);
  }

  /** Takes out one member after the other; the others rebalance once. */
  leave(group: ClassicGroup, leaving: LeaveRequest['members']): NonNullable<LeaveResponse['members']> {
    let removed = false;
    const answers = leaving.map(({ memberId, groupInstanceId }) => {
      const member = this.leavingMember(group, memberId, groupInstanceId);
      if (member instanceof Member) {
        this.rebalance.drop(group, member, 'UNKNOWN_MEMBER_ID');
        removed = true;
      }
      return { memberId, groupInstanceId, errorCode: member instanceof Member ? ('NONE' as const) : member };
    });
    if (removed) this.rebalance.prepareOrComplete(group, 'members left');
    return answers;
  }

  /** The member to take out, or what to say instead. An empty member id is an administrator's: the instance is enough. */
  private leavingMember(group: ClassicGroup, memberId: string, instanceId: string | null): Member | ErrorName {
    if (memberId === '' && instanceId !== null) return group.staticMembers.get(instanceId) ?? 'UNKNOWN_MEMBER_ID';
    if (group.pendingJoins.has(memberId)) {
      this.rebalance.forgetPendingJoin(group, memberId);
      return 'NONE';
    }
    const error = group.checkMember(memberId, instanceId);
    return error === 'NONE' ? (group.members.get(memberId) ?? 'UNKNOWN_MEMBER_ID') : error;
  }
}

function identityOf(id: string, request: JoinRequest, context: JoinContext): MemberIdentity {
  const { groupInstanceId, sessionTimeoutMs, protocols } = request;
  return {
    id,
    instanceId: groupInstanceId,
    clientId: keptClientId(context.clientId),
    clientHost: context.clientHost,
    sessionTimeoutMs,
    rebalanceTimeoutMs: rebalanceTimeoutOf(request),
    protocols: copied(protocols),
  };
}

/** JoinGroup 0 knows one timeout only. */
export function rebalanceTimeoutOf({ sessionTimeoutMs, rebalanceTimeoutMs }: JoinRequest): number {
  return rebalanceTimeoutMs < 0 ? sessionTimeoutMs : rebalanceTimeoutMs;
}

/** What a request holds are views into a buffer that is used again. */
export function copied(protocols: JoinRequest['protocols']): MemberProtocol[] {
  return protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) }));
}

/** Whether all names of `request` can be kept. */
export function hasKeepableNames({ protocolType, groupInstanceId, protocols }: JoinRequest): boolean {
  const names = [protocolType, groupInstanceId ?? '', ...protocols.map(({ name }) => name)];
  return names.every(({ length }) => length <= NAMING_CHARS_MAX);
}
