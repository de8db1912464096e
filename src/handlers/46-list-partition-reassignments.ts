/** ListPartitionReassignments: on one node nothing ever moves. Main thread. */
import { listPartitionReassignments } from '../protocol/messages/46-list-partition-reassignments.js';
import type { ResponseOf } from '../protocol/schema.js';
import { handler } from './handler.js';

type Answer = ResponseOf<typeof listPartitionReassignments>;

export const listPartitionReassignmentsHandler = handler(
  listPartitionReassignments,
  (): Answer => ({
    errorCode: 'NONE',
    errorMessage: null,
    topics: [],
  }),
);
