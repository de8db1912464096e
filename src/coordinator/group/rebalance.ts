/** How a classic group goes from one generation to the next, and loses members on the way. Main thread. */
import type { ErrorName } from '../../base/error-code.js';
import type { ClassicGroup } from './classic-group.js';
import { joinError, joined, syncError } from './group-answers.js';
import type { GroupEnvironment } from './group-environment.js';
import { type Member, NO_BYTES } from './member.js';

/** Nobody heartbeats while its first JoinGroup waits, so a client that went away meanwhile is noticed only by this. */
export const NEW_MEMBER_JOIN_TIMEOUT_MS = 5 * 60_000;

export class Rebalance {
  constructor(private readonly env: GroupEnvironment) {}

  /** Begins a join phase, unless one is under way already; ends it where nobody is left to wait for. */
  prepareOrComplete(group: ClassicGroup, reason: string): void {
    if (group.state === 'PreparingRebalance') this.completeIfEveryoneJoined(group);
    else this.prepare(group, reason);
  }

  private prepare(group: ClassicGroup, reason: string): void {
    const { deadlines, config, logger } = this.env;
    logger.debug({ group: group.id, generation: group.generation, state: group.state, reason }, 'group rebalances');
    this.abortSyncs(group, 'REBALANCE_IN_PROGRESS');
    const isInitial = group.state === 'Empty';
    group.state = 'PreparingRebalance';
    group.isInitialJoin = isInitial;
    if (isInitial) {
      const delayMs = config.get('group.initial.rebalance.delay.ms');
      group.joinedDuringInitialDelay = false;
      group.initialJoinRemainingMs = Math.max(group.rebalanceTimeoutMs - delayMs, 0);
      deadlines.set(this.joinPhaseOf(group), delayMs);
    } else if (group.hasEveryoneJoined) {
      this.complete(group);
    } else {
      deadlines.set(this.joinPhaseOf(group), group.rebalanceTimeoutMs);
    }
  }

  /** Everyone in the group counts as alive from now, and is asked to join. */
  restart(group: ClassicGroup, reason: string): void {
    for (const member of group.members.values()) this.watch(group, member);
    this.prepare(group, reason);
  }

  completeIfEveryoneJoined(group: ClassicGroup): void {
    if (group.state === 'PreparingRebalance' && !group.isInitialJoin && group.hasEveryoneJoined) this.complete(group);
  }

  /** Counts a member's life from now. What waits for an answer needs no heartbeat. */
  watch(group: ClassicGroup, member: Member, timeoutMs = member.sessionTimeoutMs): void {
    member.session ??= this.env.deadlines.create(() => this.expireMember(group, member));
    this.env.deadlines.set(member.session, timeoutMs);
  }

  /** Takes a member out, answering what it waits for with `error`, and lets the others go on. */
  remove(group: ClassicGroup, member: Member, error: ErrorName, reason: string): void {
    this.drop(group, member, error);
    this.prepareOrComplete(group, reason);
  }

  /** Takes a member out without letting the others know: the caller does, once, for all that it takes out. */
  drop(group: ClassicGroup, member: Member, error: ErrorName): void {
    if (member.session) this.env.deadlines.clear(member.session);
    group.drop(member);
    member.answerJoin(joinError(error, member.id));
    member.answerSync(syncError(error));
  }

  /** Waits for a new member to come back with the id it was handed (KIP-394). */
  expectJoin(group: ClassicGroup, memberId: string, sessionTimeoutMs: number): void {
    const deadline = this.env.deadlines.create(() => this.forgetPendingJoin(group, memberId));
    group.pendingJoins.set(memberId, deadline);
    this.env.deadlines.set(deadline, sessionTimeoutMs);
  }

  /** The member came back: it counts as a member from here on. */
  endPendingJoin(group: ClassicGroup, memberId: string): void {
    const deadline = group.pendingJoins.get(memberId);
    if (deadline) this.env.deadlines.clear(deadline);
    group.pendingJoins.delete(memberId);
  }

  /** The member will not come back: others may be waiting for nobody else. */
  forgetPendingJoin(group: ClassicGroup, memberId: string): void {
    this.endPendingJoin(group, memberId);
    this.completeIfEveryoneJoined(group);
    if (group.isForgettable) this.env.forget(group);
  }

  /** Answers whoever waits for an assignment that will not come, and takes back what was handed out. */
  private abortSyncs(group: ClassicGroup, error: ErrorName): void {
    if (group.syncPhase) this.env.deadlines.clear(group.syncPhase);
    group.pendingSyncs.clear();
    if (group.state !== 'CompletingRebalance') return;
    group.clearAssignments();
    for (const member of group.members.values()) {
      if (!member.syncing) continue;
      this.watch(group, member);
      member.answerSync(syncError(error));
    }
  }

  /** Answers everything that waits with `error`: the group is about to be read again, or the broker to stop. */
  abandon(group: ClassicGroup, error: ErrorName): void {
    const { deadlines } = this.env;
    if (group.joinPhase) deadlines.clear(group.joinPhase);
    if (group.syncPhase) deadlines.clear(group.syncPhase);
    for (const deadline of group.pendingJoins.values()) deadlines.clear(deadline);
    group.pendingJoins.clear();
    for (const member of group.members.values()) {
      if (member.session) deadlines.clear(member.session);
      member.answerJoin(joinError(error, member.id));
      member.answerSync(syncError(error));
    }
  }

  private expireMember(group: ClassicGroup, member: Member): void {
    if (group.members.get(member.id) !== member) return;
    // It will be watched again when it is answered.
    if ((member.joining && !member.isNew) || member.syncing) return;
    this.env.logger.info({ group: group.id, member: member.id }, 'group member timed out');
    this.remove(group, member, 'UNKNOWN_MEMBER_ID', 'a member timed out');
  }

  private joinPhaseOf(group: ClassicGroup) {
    group.joinPhase ??= this.env.deadlines.create(() => this.endJoinPhase(group));
    return group.joinPhase;
  }

  /** Time is up. The first join phase of an empty group is drawn out for as long as members keep coming. */
  private endJoinPhase(group: ClassicGroup): void {
    if (group.state !== 'PreparingRebalance') return;
    if (group.isInitialJoin && group.joinedDuringInitialDelay && group.initialJoinRemainingMs > 0) {
      const delayMs = this.env.config.get('group.initial.rebalance.delay.ms');
      const nextMs = Math.min(delayMs, group.initialJoinRemainingMs);
      group.joinedDuringInitialDelay = false;
      group.initialJoinRemainingMs -= nextMs;
      this.env.deadlines.set(this.joinPhaseOf(group), nextMs);
      return;
    }
    this.complete(group);
  }

  /** Ends the join phase: who is late is dropped, who joined is told the new generation. */
  private complete(group: ClassicGroup): void {
    const { deadlines, clock, logger } = this.env;
    deadlines.clear(this.joinPhaseOf(group));
    group.isInitialJoin = false;
    for (const member of [...group.members.values()]) {
      // Static members may be away for as long as their session lasts.
      if (!member.joining && member.instanceId === null) this.drop(group, member, 'UNKNOWN_MEMBER_ID');
    }
    if (group.members.size === 0) {
      this.becomeEmpty(group, clock.nowMs());
      return;
    }
    if (!group.electJoinedLeader()) {
      deadlines.set(this.joinPhaseOf(group), group.rebalanceTimeoutMs);
      return;
    }
    group.beginGeneration();
    const { id, generation, protocol, leader, members } = group;
    logger.info({ group: id, generation, protocol, leader, members: members.size }, 'group has a new generation');
    for (const member of group.members.values()) {
      member.isNew = false;
      group.pendingSyncs.add(member.id);
      this.watch(group, member);
      member.answerJoin(joined(group, member));
    }
    group.syncPhase ??= deadlines.create(() => this.dropPendingSyncs(group));
    deadlines.set(group.syncPhase, group.rebalanceTimeoutMs);
  }

  private becomeEmpty(group: ClassicGroup, nowMs: number): void {
    const value = {
      ...group.metadata(nowMs, () => NO_BYTES),
      generation: group.generationAfterThis(),
      protocol: null,
      leader: null,
    };
    this.env.logger.info({ group: group.id, generation: value.generation }, 'group is empty');
    // Nobody waits for this one; where it fails the group is read again, and its last members time out once more.
    void this.env.write(group, [{ type: 'group', group: group.id, value }]);
  }

  /** Members that took part in a generation and never asked what it gave them. */
  private dropPendingSyncs(group: ClassicGroup): void {
    const { state, pendingSyncs } = group;
    if (pendingSyncs.size === 0 || (state !== 'CompletingRebalance' && state !== 'Stable')) return;
    for (const id of [...pendingSyncs]) {
      const member = group.members.get(id);
      if (member) this.drop(group, member, 'UNKNOWN_MEMBER_ID');
    }
    this.prepareOrComplete(group, 'members did not sync');
  }
}
