/** JoinGroup: a member enters a classic group and waits for the next generation. Main thread. */
import { joinGroup } from '../protocol/messages/11-join-group.js';
import { handler } from './handler.js';

export const joinGroupHandler = handler(joinGroup, async (request, context, { groups }) => {
  const { groupId, memberId } = request;
  const { apiVersion, clientId, clientHost } = context;
  const answering = groups.join(request, {
    clientId,
    clientHost,
    idBeforeJoin: apiVersion >= 4,
    canSkipAssignment: apiVersion >= 9,
  });
  // Who waits for others may be gone before they are there; who is new has no id before.
  groups.heardOver(groupId, memberId, context);
  const answer = await answering;
  groups.heardOver(groupId, answer.memberId, context);
  // Before version 7 a refusal has no null to leave the protocol out with.
  return apiVersion < 7 ? { ...answer, protocolName: answer.protocolName ?? '' } : answer;
});
