/** A change of a share group's delivery state of one partition, in `__share_group_state` (KIP-932). Wire only; any thread. */
import { array, defineRecord, int8, int16, int32, int64 } from '../schema.js';

export const shareUpdateValue = defineRecord({
  name: 'ShareUpdateValue',
  versions: '0',
  flexible: 0,
  fields: {
    // Of the snapshot that it changes.
    snapshotEpoch: int32(),
    leaderEpoch: int32(),
    // -1 where it stays.
    startOffset: int64(),
    deliveryCompleteCount: int32({ tag: 0, default: -1 }),
    stateBatches: array({
      firstOffset: int64(),
      lastOffset: int64(),
      // 0 available, 2 acknowledged, 4 archived.
      deliveryState: int8(),
      deliveryCount: int16(),
    }),
  },
});
