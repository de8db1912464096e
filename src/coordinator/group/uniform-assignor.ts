/** Assigns as evenly as subscriptions allow while moving as little as that takes. Main thread. */
import type { Uuid } from '../../base/uuid.js';
import type { Assignment } from './assignment.js';
import type { AssigneeMember } from './assignor.js';

interface Seat {
  readonly member: AssigneeMember;
  load: number;
}

interface Reads {
  readonly readers: readonly Seat[];
  /** By partition. */
  readonly owners: (Seat | undefined)[];
}

export function uniformAssignor(
  members: readonly AssigneeMember[],
  partitionCounts: ReadonlyMap<Uuid, number>,
): Map<string, Assignment> {
  const seats = [...members].sort((a, b) => (a.id < b.id ? -1 : 1)).map((member): Seat => ({ member, load: 0 }));
  const topics = new Map<Uuid, Reads>();
  for (const [topicId, count] of [...partitionCounts].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const readers = seats.filter(({ member }) => member.topicIds.has(topicId));
    if (readers.length > 0) topics.set(topicId, { readers, owners: Array.from({ length: count }, () => undefined) });
  }
  keep(seats, topics);
  for (const { readers, owners } of topics.values()) {
    for (const [partition, owner] of owners.entries()) if (!owner) give(owners, partition, leastLoaded(readers));
  }
  level(topics);
  const given = new Map<string, Map<Uuid, Set<number>>>(seats.map(({ member }) => [member.id, new Map()]));
  for (const [topicId, { owners }] of topics) {
    for (const [partition, owner] of owners.entries()) {
      const mine = owner && given.get(owner.member.id);
      if (!mine) continue;
      const partitions = mine.get(topicId);
      if (partitions) partitions.add(partition);
      else mine.set(topicId, new Set([partition]));
    }
  }
  return given;
}

/** Everyone keeps what it has and may still have. */
function keep(seats: readonly Seat[], topics: ReadonlyMap<Uuid, Reads>): void {
  for (const seat of seats) {
    for (const [topicId, partitions] of seat.member.target) {
      const owners = topics.get(topicId)?.owners;
      if (!owners || !seat.member.topicIds.has(topicId)) continue;
      for (const partition of partitions) {
        if (partition < owners.length && !owners[partition]) give(owners, partition, seat);
      }
    }
  }
}

function give(owners: (Seat | undefined)[], partition: number, seat: Seat): void {
  const before = owners[partition];
  if (before) before.load -= 1;
  owners[partition] = seat;
  seat.load += 1;
}

function leastLoaded(readers: readonly Seat[]): Seat {
  let least = readers[0];
  for (const seat of readers) if (seat.load < least.load) least = seat;
  return least;
}

/**
 * Moves partitions from who has two more than somebody else who reads the topic. Each move makes the sum of the squares
 * of the loads smaller, so there is a last one.
 */
function level(topics: ReadonlyMap<Uuid, Reads>): void {
  for (let moved = true; moved; ) {
    moved = false;
    for (const { readers, owners } of topics.values()) {
      for (const [partition, owner] of owners.entries()) {
        const least = leastLoaded(readers);
        if (!owner || owner.load - least.load < 2) continue;
        give(owners, partition, least);
        moved = true;
      }
    }
  }
}
