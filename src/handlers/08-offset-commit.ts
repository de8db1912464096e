/** OffsetCommit: stores how far a group, or a consumer without one, has read. Main thread. */
import { offsetCommit } from '../protocol/messages/08-offset-commit.js';
import { handler } from './handler.js';

export const offsetCommitHandler = handler(offsetCommit, async (request, { apiVersion }, { groups }) => ({
  topics: await groups.commitOffsets(request, {
    byId: apiVersion >= 10,
    hasMemberEpoch: apiVersion >= 9,
    // Older clients know no answer but this one for a group that is not there.
    unknownGroup: apiVersion >= 9 ? 'GROUP_ID_NOT_FOUND' : 'ILLEGAL_GENERATION',
  }),
}));
