/** OffsetDelete: forgets offsets of topics that nobody in the group reads. Main thread. */
import { offsetDelete } from '../protocol/messages/47-offset-delete.js';
import { handler } from './handler.js';

export const offsetDeleteHandler = handler(offsetDelete, (request, _context, { groups }) =>
  groups.deleteOffsets(request),
);
