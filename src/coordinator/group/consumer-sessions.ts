/** How long members of consumer groups may be silent, or owe what they were told to do, before they count as gone. Main thread. */
import type { Deadlines } from '../../base/deadlines.js';
import type { GroupValues } from '../../metadata/group-configs.js';
import type { ConsumerGroup, Debt } from './consumer-group.js';
import type { ConsumerMember } from './consumer-member.js';

export interface ConsumerSessionsOptions {
  readonly deadlines: Deadlines;
  readonly groupConfigs: GroupValues;
  /** Called on a member that is not watched any more. */
  readonly onGone: (group: ConsumerGroup, memberId: string, reason: string) => void;
}

export class ConsumerSessions {
  constructor(private readonly options: ConsumerSessionsOptions) {}

  /** The member has spoken: its life counts from now. */
  watch(group: ConsumerGroup, { id, classic }: ConsumerMember): void {
    const { deadlines, groupConfigs } = this.options;
    let session = group.sessions.get(id);
    if (!session) {
      session = deadlines.create(() => this.gone(group, id, 'its session ended'));
      group.sessions.set(id, session);
    }
    deadlines.set(session, classic?.sessionTimeoutMs ?? groupConfigs.value(group.id, 'consumer.session.timeout.ms'));
  }

  unwatch(group: ConsumerGroup, memberId: string): void {
    const session = group.sessions.get(memberId);
    if (session) this.options.deadlines.clear(session);
    group.sessions.delete(memberId);
    this.settle(group, memberId);
  }

  /** What the member was told to do it has `rebalanceTimeoutMs` for; being told again gives it no more time. */
  owe(group: ConsumerGroup, { id, epoch, rebalanceTimeoutMs }: ConsumerMember, kind: Debt['kind']): void {
    const known = group.debts.get(id);
    if (known?.kind === kind && known.epoch === epoch) return;
    this.settle(group, id);
    if (rebalanceTimeoutMs < 0) return;
    const { deadlines } = this.options;
    const deadline = deadlines.create(() => this.gone(group, id, `it owed the group a ${kind}`));
    group.debts.set(id, { kind, epoch, deadline });
    deadlines.set(deadline, rebalanceTimeoutMs);
  }

  /** The member has done what it was told to. */
  settle(group: ConsumerGroup, memberId: string): void {
    const debt = group.debts.get(memberId);
    if (debt) this.options.deadlines.clear(debt.deadline);
    group.debts.delete(memberId);
  }

  private gone(group: ConsumerGroup, memberId: string, reason: string): void {
    this.unwatch(group, memberId);
    this.options.onGone(group, memberId, reason);
  }
}
