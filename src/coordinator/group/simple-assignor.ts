/** The assignor of share groups (KIP-932): every partition is read, nobody who could read stands idle. Main thread. */
import type { Uuid } from '../../base/uuid.js';
import { type Assignment, has, sizeOf } from './assignment.js';
import type { AssigneeMember } from './assignor.js';
import { uniformAssignor } from './uniform-assignor.js';

/**
 * Each partition goes to one member first, evenly and with few moves. Who is left with nothing then joins others: in the
 * partition with the fewest readers, the one it had so far where that is one of them.
 */
export function simpleAssignor(
  members: readonly AssigneeMember[],
  partitionCounts: ReadonlyMap<Uuid, number>,
): Map<string, Assignment> {
  const given = uniformAssignor(members, partitionCounts);
  const readers = new Map<string, number>();
  const idle = members
    .filter(({ id }) => sizeOf(given.get(id) as Assignment) === 0)
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  for (const { id, topicIds, target } of idle) {
    let best: { topicId: Uuid; partition: number; count: number; had: boolean } | null = null;
    for (const topicId of [...topicIds].sort()) {
      for (let partition = 0; partition < (partitionCounts.get(topicId) ?? 0); partition++) {
        // One reader it has in any case.
        const count = readers.get(`${topicId}:${partition}`) ?? 1;
        const had = has(target, topicId, partition);
        const isBetter = best === null || count < best.count || (count === best.count && had && !best.had);
        if (isBetter) best = { topicId, partition, count, had };
      }
    }
    if (best === null) continue;
    given.set(id, new Map([[best.topicId, new Set([best.partition])]]));
    readers.set(`${best.topicId}:${best.partition}`, best.count + 1);
  }
  return given;
}
