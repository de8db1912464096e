/** Which partitions of which topics somebody has, shall have or gives back; never changed once made. Main thread. */
import type { Uuid } from '../../base/uuid.js';

/** No topic in it is without partitions. */
export type Assignment = ReadonlyMap<Uuid, ReadonlySet<number>>;

export interface TopicPartitions {
  readonly topicId: Uuid;
  readonly partitions: readonly number[];
}

export const NO_PARTITIONS: Assignment = new Map();

export function assignmentOf(listed: readonly TopicPartitions[]): Assignment {
  const assignment = new Map<Uuid, Set<number>>();
  for (const { topicId, partitions } of listed) {
    if (partitions.length === 0) continue;
    const known = assignment.get(topicId);
    if (known) for (const partition of partitions) known.add(partition);
    else assignment.set(topicId, new Set(partitions));
  }
  return assignment;
}

/** Partitions in ascending order. */
export function listed(assignment: Assignment): { topicId: Uuid; partitions: number[] }[] {
  return [...assignment].map(([topicId, partitions]) => ({
    topicId,
    partitions: [...partitions].sort((a, b) => a - b),
  }));
}

/** The partitions of `assignment` that `keep` says yes to. */
export function filtered(assignment: Assignment, keep: (topicId: Uuid, partition: number) => boolean): Assignment {
  const kept = new Map<Uuid, Set<number>>();
  for (const [topicId, partitions] of assignment) {
    const some = new Set<number>();
    for (const partition of partitions) if (keep(topicId, partition)) some.add(partition);
    if (some.size > 0) kept.set(topicId, some);
  }
  return kept;
}

export function has(assignment: Assignment, topicId: Uuid, partition: number): boolean {
  return assignment.get(topicId)?.has(partition) ?? false;
}

export function without(assignment: Assignment, taken: Assignment): Assignment {
  return filtered(assignment, (topicId, partition) => !has(taken, topicId, partition));
}

export function overlap(one: Assignment, other: Assignment): Assignment {
  return filtered(one, (topicId, partition) => has(other, topicId, partition));
}

export function together(one: Assignment, other: Assignment): Assignment {
  return assignmentOf([...listed(one), ...listed(other)]);
}

export function sizeOf(assignment: Assignment): number {
  let size = 0;
  for (const partitions of assignment.values()) size += partitions.size;
  return size;
}

/** Whether all of `part` is in `whole`. */
export function includes(whole: Assignment, part: Assignment): boolean {
  for (const [topicId, partitions] of part) {
    for (const partition of partitions) if (!has(whole, topicId, partition)) return false;
  }
  return true;
}

export function same(one: Assignment, other: Assignment): boolean {
  return one === other || (sizeOf(one) === sizeOf(other) && includes(one, other));
}
