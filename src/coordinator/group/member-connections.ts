/** Over which connection each member was heard last, and whose connection is gone. Main thread. */

/** Of one connection: which member spoke over it for each group. A client speaks for one member of a group. */
type Spoken = Map<string, string>;

export class MemberConnections {
  /** By group and member, the connection that was used last. Every entry has its counterpart in `spoken`. */
  private readonly latest = new Map<string, Map<string, AbortSignal>>();
  private readonly spoken = new WeakMap<AbortSignal, Spoken>();

  constructor(private readonly onGone: (groupId: string, memberId: string) => void) {}

  /** `connection` is aborted when it closes. It may be closed already: the answer to a join takes its time. */
  heard(groupId: string, memberId: string, connection: AbortSignal): void {
    const spoken = this.spokenOver(connection);
    const before = spoken.get(groupId);
    if (before !== undefined && before !== memberId) this.forget(groupId, before, connection);
    spoken.set(groupId, memberId);
    const members = this.latest.get(groupId);
    if (members) members.set(memberId, connection);
    else this.latest.set(groupId, new Map([[memberId, connection]]));
    if (connection.aborted) this.closed(connection);
  }

  private spokenOver(connection: AbortSignal): Spoken {
    let spoken = this.spoken.get(connection);
    if (!spoken) {
      spoken = new Map();
      this.spoken.set(connection, spoken);
      connection.addEventListener('abort', () => this.closed(connection), { once: true });
    }
    return spoken;
  }

  private closed(connection: AbortSignal): void {
    const spoken = this.spoken.get(connection);
    this.spoken.delete(connection);
    for (const [groupId, memberId] of spoken ?? []) {
      if (this.forget(groupId, memberId, connection)) this.onGone(groupId, memberId);
    }
  }

  /** Whether it was the member's latest connection: who came back over another is not gone. */
  private forget(groupId: string, memberId: string, connection: AbortSignal): boolean {
    const members = this.latest.get(groupId);
    if (members?.get(memberId) !== connection) return false;
    members.delete(memberId);
    if (members.size === 0) this.latest.delete(groupId);
    return true;
  }
}
