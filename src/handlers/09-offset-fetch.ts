/** OffsetFetch: how far groups have read. Main thread. */
import { ZERO_UUID } from '../base/uuid.js';
import { refuseFetch } from '../coordinator/group/offset-rules.js';
import { offsetFetch } from '../protocol/messages/09-offset-fetch.js';
import type { RequestOf, ResponseOf } from '../protocol/schema.js';
import { handler, type Services } from './handler.js';

type Request = RequestOf<typeof offsetFetch>;
type Response = ResponseOf<typeof offsetFetch>;

/** First version that asks for several groups at once. */
const SEVERAL_GROUPS = 8;
/** First version whose answer has a place for an error of the whole group. */
const GROUP_ERROR = 2;
/** First version that names topics by id. */
const TOPIC_IDS = 10;

export const offsetFetchHandler = handler(offsetFetch, async (request, { apiVersion }, { groups }) => {
  if (apiVersion < SEVERAL_GROUPS) return one(request, apiVersion, groups);
  const { requireStable } = request;
  const byId = apiVersion >= TOPIC_IDS;
  return {
    groups: await Promise.all(
      request.groups.map(async ({ groupId, topics, memberId, memberEpoch }) => ({
        groupId,
        ...(await groups.fetchOffsets(groupId, topics, { byId, memberId, memberEpoch, requireStable })),
      })),
    ),
  };
});

async function one(request: Request, apiVersion: number, groups: Services['groups']): Promise<Response> {
  const asked = request.topics?.map((topic) => ({ ...topic, topicId: ZERO_UUID })) ?? null;
  const { errorCode, topics } = await groups.fetchOffsets(request.groupId, asked, {
    requireStable: request.requireStable,
  });
  if (errorCode !== 'NONE' && apiVersion < GROUP_ERROR) return { topics: named(refuseFetch(asked ?? [], errorCode)) };
  return { errorCode, topics: named(topics) };
}

function named(topics: ReturnType<typeof refuseFetch>): NonNullable<Response['topics']> {
  return topics.map(({ name = '', partitions }) => ({ name, partitions }));
}
