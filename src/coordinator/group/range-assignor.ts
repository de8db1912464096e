/** Assigns each topic in ranges: the same members get the same partitions of topics of the same size. Main thread. */
import type { Uuid } from '../../base/uuid.js';
import type { Assignment } from './assignment.js';
import type { AssigneeMember } from './assignor.js';

export function rangeAssignor(
  members: readonly AssigneeMember[],
  partitionCounts: ReadonlyMap<Uuid, number>,
): Map<string, Assignment> {
  // A static member keeps its place when it comes back under another id.
  const place = ({ id, instanceId }: AssigneeMember) => (instanceId === null ? `1${id}` : `0${instanceId}`);
  const ordered = members
    .map((member) => ({ member, place: place(member) }))
    .sort((a, b) => (a.place < b.place ? -1 : 1))
    .map(({ member }) => member);
  const given = new Map<string, Map<Uuid, Set<number>>>(ordered.map(({ id }) => [id, new Map()]));
  for (const [topicId, count] of partitionCounts) {
    const readers = ordered.filter(({ topicIds }) => topicIds.has(topicId));
    const share = Math.floor(count / readers.length);
    const larger = count % readers.length;
    let next = 0;
    for (const [i, { id }] of readers.entries()) {
      const end = next + share + (i < larger ? 1 : 0);
      if (end > next) given.get(id)?.set(topicId, new Set(Array.from({ length: end - next }, (_, j) => next + j)));
      next = end;
    }
  }
  return given;
}
