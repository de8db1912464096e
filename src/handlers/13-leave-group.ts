/** LeaveGroup: members go, or are taken out by an administrator. Main thread. */
import { leaveGroup } from '../protocol/messages/13-leave-group.js';
import { handler } from './handler.js';

/** First version that takes several members at once. */
const SEVERAL_MEMBERS = 3;

export const leaveGroupHandler = handler(leaveGroup, async (request, { apiVersion }, { groups }) => {
  const { groupId, memberId } = request;
  if (apiVersion >= SEVERAL_MEMBERS) return groups.leave(groupId, request.members);
  const { errorCode, members } = await groups.leave(groupId, [{ memberId, groupInstanceId: null, reason: null }]);
  return { errorCode: errorCode === 'NONE' ? (members?.[0].errorCode ?? 'NONE') : errorCode };
});
