/**
 * Judges what the members of one group told of themselves: who held a partition when, what was read, what was committed.
 * Test process.
 *
 *   member a   assigned |=========| revoked
 *   reads                0..9 10..19
 *   commits                  10
 *   member b                        assigned |========
 *   reads                                     20..   goes on where a stopped; not before 10, not behind 20
 */

/** What a member says. Times are on the machine's monotonic clock, which all its processes share. */
export type MemberEvent = { readonly atMs: number; readonly member: string } & (
  | { readonly tells: 'assigned' | 'revoked' | 'lost'; readonly partitions: readonly number[] }
  /** It is about to leave, and holds nothing any more. */
  | { readonly tells: 'gone' }
  /** It died. */
  | { readonly tells: 'killed' }
  /** Offsets `from` to `to`, the latter not included. */
  | { readonly tells: 'read'; readonly partition: number; readonly from: number; readonly to: number }
  /** A commit was acknowledged: `offset` is the next to be read. */
  | { readonly tells: 'committed'; readonly partition: number; readonly offset: number }
);

export type OwnershipRule =
  /** Two members held a partition at once, and neither had been told that it had lost its own. */
  | 'two-holders'
  /** A member read what it did not hold. */
  | 'stray-read'
  /** Records were passed over. */
  | 'skipped'
  /** A member read records of its partition in another order than that of their offsets. */
  | 'out-of-order'
  /** A new holder began in front of what had been committed before it was told. */
  | 'went-back'
  /** A record at the end was never read. */
  | 'unread';

export interface OwnershipAnomaly {
  readonly rule: OwnershipRule;
  readonly partition: number;
  readonly text: string;
}

export interface OwnershipVerdict {
  readonly anomalies: readonly OwnershipAnomaly[];
  /** Records that the group read, those that were read again included. */
  readonly records: number;
  readonly holdings: number;
}

interface Holding {
  readonly member: string;
  readonly sinceMs: number;
  /** What had been committed when it began. */
  readonly committed: number;
  /** Null until it has read something. */
  next: number | null;
  /** Who came while it still held the partition. */
  overlappedBy: string | null;
}

class PartitionOwnership {
  readonly anomalies: OwnershipAnomaly[] = [];
  records = 0;
  holdings = 0;
  readTo = 0;
  readonly #current = new Map<string, Holding>();
  #committed = 0;

  constructor(private readonly partition: number) {}

  begin(member: string, sinceMs: number): void {
    this.end(member, 'lost');
    for (const other of this.#current.values()) other.overlappedBy ??= member;
    this.#current.set(member, { member, sinceMs, committed: this.#committed, next: null, overlappedBy: null });
    this.holdings++;
  }

  /** Who has lost a partition, or is dead, could not know that another had it already. */
  end(member: string, how: 'given up' | 'lost'): void {
    const holding = this.#current.get(member);
    if (!holding) return;
    this.#current.delete(member);
    if (how === 'given up') this.#checkOverlap(holding);
  }

  read(member: string, from: number, to: number): void {
    const holding = this.#current.get(member);
    if (!holding) {
      this.#tell('stray-read', `${member} read ${from}-${to - 1} without holding it`);
      return;
    }
    if (holding.next === null) {
      if (from < holding.committed)
        this.#tell('went-back', `${member} began at ${from}, and ${holding.committed} was committed`);
    } else if (from !== holding.next) {
      const rule = from > holding.next ? 'skipped' : 'out-of-order';
      this.#tell(rule, `${member} went on at ${from} instead of ${holding.next}`);
    }
    if (from > this.readTo && holding.next === null)
      this.#tell('skipped', `${member} began at ${from}, and no one had read ${this.readTo}`);
    holding.next = to;
    this.readTo = Math.max(this.readTo, to);
    this.records += to - from;
  }

  /** Commits of who no longer holds the partition may have been overtaken before they were heard of. */
  commit(member: string, offset: number): void {
    if (this.#current.has(member)) this.#committed = Math.max(this.#committed, offset);
  }

  finish(end: number): void {
    for (const holding of this.#current.values()) this.#checkOverlap(holding);
    if (this.readTo < end) this.#tell('unread', `read up to ${this.readTo} of ${end}`);
  }

  #checkOverlap({ member, sinceMs, overlappedBy }: Holding): void {
    if (overlappedBy === null) return;
    this.#tell('two-holders', `${member} held it since ${sinceMs.toFixed(1)} when ${overlappedBy} was given it, too`);
  }

  #tell(rule: OwnershipRule, text: string): void {
    this.anomalies.push({ rule, partition: this.partition, text: `partition ${this.partition}: ${text}` });
  }
}

/** `ends[p]` is how many records partition p holds; the events may come in any order. */
export function judgeOwnership(events: readonly MemberEvent[], ends: readonly number[]): OwnershipVerdict {
  const partitions = ends.map((_, partition) => new PartitionOwnership(partition));
  for (const event of [...events].sort((a, b) => a.atMs - b.atMs)) {
    const { member, atMs } = event;
    switch (event.tells) {
      case 'assigned':
        for (const partition of event.partitions) partitions[partition].begin(member, atMs);
        break;
      case 'revoked':
        for (const partition of event.partitions) partitions[partition].end(member, 'given up');
        break;
      case 'lost':
        for (const partition of event.partitions) partitions[partition].end(member, 'lost');
        break;
      case 'gone':
        for (const partition of partitions) partition.end(member, 'given up');
        break;
      case 'killed':
        for (const partition of partitions) partition.end(member, 'lost');
        break;
      case 'read':
        partitions[event.partition].read(member, event.from, event.to);
        break;
      case 'committed':
        partitions[event.partition].commit(member, event.offset);
        break;
    }
  }
  partitions.forEach((partition, at) => {
    partition.finish(ends[at]);
  });
  return {
    anomalies: partitions.flatMap(({ anomalies }) => anomalies),
    records: partitions.reduce((sum, { records }) => sum + records, 0),
    holdings: partitions.reduce((sum, { holdings }) => sum + holdings, 0),
  };
}
