/** Key of a share group's whole delivery state of one partition, in `__share_group_state` (KIP-932). Wire only; any thread. */
import { defineRecord, int32, string, uuid } from '../schema.js';

export const shareSnapshotKey = defineRecord({
  name: 'ShareSnapshotKey',
  versions: '0',
  flexible: 'never',
  typeNumber: 0,
  fields: {
    groupId: string(),
    topicId: uuid(),
    partition: int32(),
  },
});
