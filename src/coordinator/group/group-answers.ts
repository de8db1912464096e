/** The answers that say no, or nothing but how things stand, to members of classic groups. Main thread. */
import type { ErrorName } from '../../base/error-code.js';
import type { ClassicGroup } from './classic-group.js';
import { type JoinResponse, type Member, NO_BYTES, type SyncResponse } from './member.js';

export function joinError(errorCode: ErrorName, memberId: string): JoinResponse {
  return {
    errorCode,
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: '',
    memberId,
    members: [],
  };
}

/** Tells `member` of the generation at hand; the leader alone hears of the others, as it alone assigns. */
export function joined(group: ClassicGroup, member: Member): JoinResponse {
  return {
    errorCode: 'NONE',
    generationId: group.generation,
    protocolType: group.protocolType,
    protocolName: group.protocol,
    leader: group.leader ?? '',
    memberId: member.id,
    members: member.id === group.leader ? membersForLeader(group) : [],
  };
}

export function membersForLeader(group: ClassicGroup): JoinResponse['members'] {
  return [...group.members.values()].map((member) => ({
    memberId: member.id,
    groupInstanceId: member.instanceId,
    metadata: member.metadataFor(group.protocol),
  }));
}

export function syncError(errorCode: ErrorName): SyncResponse {
  return { errorCode, protocolType: null, protocolName: null, assignment: NO_BYTES };
}

/** The assignment as it stands now: later changes of the group do not reach into it. */
export function synced(group: ClassicGroup, member: Member): SyncResponse {
  return {
    errorCode: 'NONE',
    protocolType: group.protocolType,
    protocolName: group.protocol,
    assignment: member.assignment,
  };
}
