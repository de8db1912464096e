/** Server-side assignors (KIP-848): what they are given, what they give, and which there are. Main thread. */
import type { Uuid } from '../../base/uuid.js';
import type { Assignment } from './assignment.js';
import { rangeAssignor } from './range-assignor.js';
import { uniformAssignor } from './uniform-assignor.js';

export interface AssigneeMember {
  readonly id: string;
  readonly instanceId: string | null;
  /** Only topics that exist. */
  readonly topicIds: ReadonlySet<Uuid>;
  /** What it was to have so far. */
  readonly target: Assignment;
}

/**
 * Gives every partition that somebody reads to one of those who do. The same question has the same answer, whatever
 * the order of the members.
 */
export type Assignor = (
  members: readonly AssigneeMember[],
  partitionCounts: ReadonlyMap<Uuid, number>,
) => Map<string, Assignment>;

export const assignors = {
  uniform: uniformAssignor,
  range: rangeAssignor,
} as const satisfies Record<string, Assignor>;

export type AssignorName = keyof typeof assignors;

export function isAssignor(name: string): name is AssignorName {
  return Object.hasOwn(assignors, name);
}
