/** A group of any protocol: one id is one group of one type, which an empty group may change. Main thread. */
import { ClassicGroup } from './classic-group.js';
import { ConsumerGroup } from './consumer-group.js';
import type { GroupRecord } from './group-record.js';
import { ShareGroup } from './share-group.js';
import { isOfShareGroups } from './share-group-record.js';

export type Group = ClassicGroup | ConsumerGroup | ShareGroup;

/**
 * `group` with `record` in it: the same object, unless the record makes it a group of another type. Its offsets
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
    case 'old-topics':
      return group;
    case 'group':
      return !(group instanceof ClassicGroup) && record.value ? new ClassicGroup(group.id, group.offsets) : group;
    case 'epoch':
      if (group instanceof ConsumerGroup && record.value === null) return new ClassicGroup(group.id, group.offsets);
      break;
    case 'share-epoch':
      if (group instanceof ShareGroup && record.value === null) return new ClassicGroup(group.id, group.offsets);
      break;
    default:
  }
  if (!(group instanceof ClassicGroup) || !record.value) return group;
  return isOfShareGroups(record) ? new ShareGroup(group.id, group.offsets) : new ConsumerGroup(group.id, group.offsets);
}
