/** DeleteGroups: removes empty groups with their offsets. Main thread. */
import { deleteGroups } from '../protocol/messages/42-delete-groups.js';
import { handler } from './handler.js';

export const deleteGroupsHandler = handler(deleteGroups, async ({ groupsNames }, _context, { groups }) => ({
  results: await Promise.all(
    groupsNames.map(async (groupId) => ({ groupId, errorCode: await groups.deleteGroup(groupId) })),
  ),
}));
