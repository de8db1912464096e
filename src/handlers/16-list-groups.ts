/** ListGroups: which groups there are, by state and type where asked. Main thread. */
import { listGroups } from '../protocol/messages/16-list-groups.js';
import { handler } from './handler.js';

export const listGroupsHandler = handler(listGroups, ({ statesFilter, typesFilter }, _context, { groups }) =>
  groups.list(statesFilter, typesFilter),
);
