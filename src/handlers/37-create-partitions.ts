/** CreatePartitions: lets topics grow. Main thread. */
import { KafkaError } from '../base/kafka-error.js';
import { createPartitions } from '../protocol/messages/37-create-partitions.js';
import type { RequestOf, ResponseOf } from '../protocol/schema.js';
import { answerError, NO_ERROR } from './answer-error.js';
import { duplicatesOf } from './duplicates.js';
import { handler, type Services } from './handler.js';

type Asked = RequestOf<typeof createPartitions>['topics'][number];
type Answer = ResponseOf<typeof createPartitions>['results'][number];

export const createPartitionsHandler = handler(createPartitions, async (request, _context, services) => {
  const twice = duplicatesOf(request.topics.map(({ name }) => name));
  const answers = request.topics
    .filter(({ name }) => !twice.has(name))
    .map((asked) => grow(asked, request.validateOnly, services));
  const refused = [...twice].map((name): Answer => {
    return { name, errorCode: 'INVALID_REQUEST', errorMessage: `The request names topic '${name}' twice.` };
  });
  return { results: [...(await Promise.all(answers)), ...refused] };
});

async function grow({ name, count, assignments }: Asked, validateOnly: boolean, services: Services): Promise<Answer> {
  const { topics, logger } = services;
  try {
    const topic = topics.get(name);
    if (topic?.internal) {
      throw new KafkaError(
        'INVALID_REQUEST',
        `Topic '${name}' belongs to the broker: what is in it depends on its partition count.`,
      );
    }
    if (topic !== undefined && assignments !== null) {
      checkAssignments(assignments, count - topic.partitions.length, topics.config.nodeId);
    }
    await topics.addPartitions(name, count, validateOnly);
    return { name, ...NO_ERROR };
  } catch (error) {
    return { name, ...answerError(error, logger, 'CreatePartitions') };
  }
}

function checkAssignments(
  assignments: readonly { brokerIds: readonly number[] }[],
  added: number,
  nodeId: number,
): void {
  // A count that does not grow is the registry's to refuse.
  if (added > 0 && assignments.length !== added) {
    throw new KafkaError(
      'INVALID_REPLICA_ASSIGNMENT',
      `${added} partition(s) are to be added, but ${assignments.length} assignment(s) are given.`,
    );
  }
  for (const { brokerIds } of assignments) {
    if (brokerIds.length !== 1 || brokerIds[0] !== nodeId) {
      throw new KafkaError(
        'INVALID_REPLICA_ASSIGNMENT',
        `[${brokerIds}] cannot be assigned: the only broker is ${nodeId}.`,
      );
    }
  }
}
