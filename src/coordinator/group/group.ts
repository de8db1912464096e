/** A group of either protocol: one id is one group of one type, which an empty group may change. Main thread. */
import { ClassicGroup } from './classic-group.js';
import { ConsumerGroup } from './consumer-group.js';
import type { GroupRecord } from './group-record.js';

export type Group = ClassicGroup | ConsumerGroup;

/**
 * `group` with `record` in it: the same object, unless the record makes it a group of the other type. Its offsets
 * belong to the id and stay.
 */
export function replayed(group: Group, record: GroupRecord): Group {
  const next = ofTypeFor(group, record);
  next.replay(record);
  return next;
}

function ofTypeFor(group: Group, record: GroupRecord): Group {
  switch (record.type) {
    case 'offset':
      return group;
    case 'group':
      return group instanceof ConsumerGroup && record.value ? new ClassicGroup(group.id, group.offsets) : group;
    case 'epoch':
      if (group instanceof ConsumerGroup && record.value === null) return new ClassicGroup(group.id, group.offsets);
      break;
    case 'old-topics':
      return group;
    default:
  }
  return group instanceof ClassicGroup && record.value ? new ConsumerGroup(group.id, group.offsets) : group;
}
