/** Key of a change of a share group's delivery state of one partition, in `__share_group_state` (KIP-932). Wire only; any thread. */
import { defineRecord, int32, string, uuid } from '../schema.js';

export const shareUpdateKey = defineRecord({
  name: 'ShareUpdateKey',
  versions: '0',
  flexible: 'never',
  typeNumber: 1,
  fields: {
    groupId: string(),
    topicId: uuid(),
    partition: int32(),
  },
});
