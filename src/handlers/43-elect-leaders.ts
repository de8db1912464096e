/** ElectLeaders: on one node the leader is always elected already. Main thread. */
import { electLeaders } from '../protocol/messages/43-elect-leaders.js';
import type { ResponseOf } from '../protocol/schema.js';
import { handler } from './handler.js';

type Answer = ResponseOf<typeof electLeaders>;

export const electLeadersHandler = handler(
  electLeaders,
  (request, _context, { topics }): Answer => ({
    errorCode: 'NONE',
    // Asked for all partitions (null), Kafka leaves out those that need no election: here, all of them.
    replicaElectionResults: (request.topicPartitions ?? []).map(({ topic, partitions }) => ({
      topic,
      partitionResult: partitions.map((partitionId) =>
        topics.get(topic)?.partitions[partitionId] === undefined
          ? {
              partitionId,
              errorCode: 'UNKNOWN_TOPIC_OR_PARTITION',
              errorMessage: `There is no partition ${topic}-${partitionId}.`,
            }
          : {
              partitionId,
              errorCode: 'ELECTION_NOT_NEEDED',
              errorMessage: 'The only broker leads this partition.',
            },
      ),
    })),
  }),
);
