/** DeleteTopics, by name or by id. Main thread. */
import { KafkaError } from '../base/kafka-error.js';
import { ZERO_UUID } from '../base/uuid.js';
import type { Topic } from '../metadata/topic.js';
import { deleteTopics } from '../protocol/messages/20-delete-topics.js';
import type { RequestOf, ResponseOf } from '../protocol/schema.js';
import { answerError, NO_ERROR } from './answer-error.js';
import { duplicatesOf } from './duplicates.js';
import { handler, type Services } from './handler.js';

type Asked = RequestOf<typeof deleteTopics>['topics'][number];
type Answer = ResponseOf<typeof deleteTopics>['responses'][number];

export const deleteTopicsHandler = handler(deleteTopics, async (request, context, services) => {
  const asked: Asked[] =
    context.apiVersion >= 6 ? request.topics : request.topicNames.map((name): Asked => ({ name, topicId: ZERO_UUID }));
  if (!services.topics.config.get('delete.topic.enable')) {
    const errorCode = context.apiVersion < 3 ? 'INVALID_REQUEST' : 'TOPIC_DELETION_DISABLED';
    const errorMessage = 'delete.topic.enable is false.';
    return { responses: asked.map(({ name, topicId }) => ({ name, topicId, errorCode, errorMessage })) };
  }
  const twice = duplicatesOf(asked.map(({ name, topicId }) => (name === null ? topicId : name)));
  return { responses: await Promise.all(asked.map((topic) => remove(topic, twice, services))) };
});

async function remove(asked: Asked, twice: ReadonlySet<string>, { topics, logger }: Services): Promise<Answer> {
  const { name, topicId } = asked;
  try {
    const topic = find(asked, twice, topics);
    await topics.delete(topic.name);
    return { name: topic.name, topicId: topic.id, ...NO_ERROR };
  } catch (error) {
    return { name, topicId, ...answerError(error, logger, 'DeleteTopics') };
  }
}

function find(
  { name, topicId }: Asked,
  twice: ReadonlySet<string>,
  topics: Services['topics'],
): Pick<Topic, 'name' | 'id'> {
  if ((name === null) === (topicId === ZERO_UUID)) {
    throw new KafkaError('INVALID_REQUEST', 'A topic is deleted either by its name or by its id.');
  }
  if (twice.has(name ?? topicId)) throw new KafkaError('INVALID_REQUEST', 'The request names this topic twice.');
  const topic = name === null ? topics.byId(topicId) : topics.get(name);
  if (topic === undefined) {
    if (name === null) throw new KafkaError('UNKNOWN_TOPIC_ID', `There is no topic with id ${topicId}.`);
    // The registry knows names whose deletion is not over yet, and answers for the others.
    return { name, id: ZERO_UUID };
  }
  if (topic.internal) {
    throw new KafkaError('INVALID_REQUEST', `Topic '${topic.name}' belongs to the broker and cannot be deleted.`);
  }
  return topic;
}
