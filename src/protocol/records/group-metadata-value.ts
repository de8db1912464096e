/** A classic group's generation and members in `__consumer_offsets`. Wire only; any thread. */
import { array, bytes, defineRecord, int32, int64, string } from '../schema.js';

const memberMetadata = {
  memberId: string(),
  groupInstanceId: string('3+', { nullable: true, default: null }),
  clientId: string(),
  clientHost: string(),
  rebalanceTimeout: int32('1+', { default: -1 }),
  sessionTimeout: int32(),
  subscription: bytes(),
  assignment: bytes(),
};

export const groupMetadataValue = defineRecord({
  name: 'GroupMetadataValue',
  versions: '0-4',
  flexible: 4,
  fields: {
    protocolType: string(),
    generation: int32(),
    protocol: string({ nullable: true }),
    leader: string({ nullable: true }),
    currentStateTimestamp: int64('2+', { default: -1 }),
    members: array(memberMetadata),
  },
});
