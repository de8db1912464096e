/** AlterPartitionReassignments: on one node partitions can only be where they are. Main thread. */
import type { ErrorName } from '../base/error-code.js';
import { alterPartitionReassignments } from '../protocol/messages/45-alter-partition-reassignments.js';
import type { ResponseOf } from '../protocol/schema.js';
import { handler } from './handler.js';

type Answer = ResponseOf<typeof alterPartitionReassignments>;

export const alterPartitionReassignmentsHandler = handler(
  alterPartitionReassignments,
  (request, _context, { topics }): Answer => {
    const { nodeId } = topics.config;
    const answer = (topic: string, partitionIndex: number, replicas: readonly number[] | null) => {
      const known = topics.get(topic)?.partitions[partitionIndex] !== undefined;
      const [errorCode, errorMessage] = verdict(known, replicas, nodeId);
      return { partitionIndex, errorCode, errorMessage };
    };
    return {
      allowReplicationFactorChange: request.allowReplicationFactorChange,
      errorCode: 'NONE',
      errorMessage: null,
      responses: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex, replicas }) => answer(name, partitionIndex, replicas)),
      })),
    };
  },
);

/** `replicas` null takes back a reassignment that is under way. */
function verdict(known: boolean, replicas: readonly number[] | null, nodeId: number): [ErrorName, string | null] {
  if (!known) return ['UNKNOWN_TOPIC_OR_PARTITION', 'There is no such partition.'];
  if (replicas === null) return ['NO_REASSIGNMENT_IN_PROGRESS', 'No replica of this partition is being moved.'];
  if (replicas.length === 1 && replicas[0] === nodeId) return ['NONE', null];
  return ['INVALID_REPLICA_ASSIGNMENT', `Replicas [${replicas}] cannot be: the only broker is ${nodeId}.`];
}
