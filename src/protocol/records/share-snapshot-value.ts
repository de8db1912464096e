/** A share group's whole delivery state of one partition, in `__share_group_state` (KIP-932). Wire only; any thread. */
import { array, defineRecord, int8, int16, int32, int64 } from '../schema.js';

export const shareSnapshotValue = defineRecord({
  name: 'ShareSnapshotValue',
  versions: '0',
  flexible: 0,
  fields: {
    snapshotEpoch: int32(),
    stateEpoch: int32(),
    leaderEpoch: int32(),
    startOffset: int64(),
    // Of the offsets from the start offset on, those that are over and done with (KIP-1226).
    deliveryCompleteCount: int32({ tag: 0, default: -1 }),
    createTimestamp: int64(),
    writeTimestamp: int64(),
    stateBatches: array({
      firstOffset: int64(),
      lastOffset: int64(),
      // 0 available, 2 acknowledged, 4 archived.
      deliveryState: int8(),
      deliveryCount: int16(),
    }),
  },
});
