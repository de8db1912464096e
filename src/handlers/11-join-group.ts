/** JoinGroup: a member enters a classic group and waits for the next generation. Main thread. */
import { joinGroup } from '../protocol/messages/11-join-group.js';
import { handler } from './handler.js';

export const joinGroupHandler = handler(
  joinGroup,
  async (request, { apiVersion, clientId, clientHost }, { groups }) => {
    const answer = await groups.join(request, {
      clientId,
      clientHost,
      idBeforeJoin: apiVersion >= 4,
      canSkipAssignment: apiVersion >= 9,
    });
    // Before version 7 a refusal has no null to leave the protocol out with.
    return apiVersion < 7 ? { ...answer, protocolName: answer.protocolName ?? '' } : answer;
  },
);
