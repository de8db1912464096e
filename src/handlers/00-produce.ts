/** Produce: hands each record batch to its partition's shard and answers when all of them may be acknowledged. Main thread. */
import type { ErrorName } from '../base/error-code.js';
import { KafkaError } from '../base/kafka-error.js';
import { Later } from '../base/later.js';
import type { Topic } from '../metadata/topic.js';
import type { AppendResult } from '../partition/partitions.js';
import { produce } from '../protocol/messages/00-produce.js';
import type { RequestOf, ResponseOf } from '../protocol/schema.js';
import * as layout from '../record/batch-layout.js';
import { handler, type Services } from './handler.js';

type Request = RequestOf<typeof produce>;
type Response = ResponseOf<typeof produce>;
type TopicResponse = Response['responses'][number];
/** Filled in when its append is settled. */
type PartitionResponse = { -readonly [Field in keyof Answered]: Answered[Field] };
type Answered = TopicResponse['partitionResponses'][number];

const ZSTD = 4;
const CODEC_MASK = 7;
/** KIP-110: clients that speak less do not know zstd, so their consumers would not either. */
const ZSTD_FROM_VERSION = 7;

export const produceHandler = handler(produce, (request, context, services) => {
  const responses: TopicResponse[] = [];
  const refusal = refusalOf(request);
  let waiting = 0;
  let failed: ErrorName | null = null;
  let later: Later<Response | null> | null = null;
  const answer = (): Response | null => {
    if (request.acks !== 0) return { responses };
    // Nobody hears an error that belongs to no reply: Kafka's way to tell is to close the connection.
    if (failed !== null) throw new KafkaError(failed);
    return null;
  };

  for (const topicData of request.topicData) {
    const topic =
      context.apiVersion >= 13 ? services.topics.byId(topicData.topicId) : services.topics.get(topicData.name);
    const partitionResponses: PartitionResponse[] = [];
    responses.push({ name: topicData.name, topicId: topicData.topicId, partitionResponses });
    for (const { index, records } of topicData.partitionData) {
      const response: PartitionResponse = { index, errorCode: 'NONE', baseOffset: -1 };
      partitionResponses.push(response);
      const error =
        refusal ?? topicError(topic, index, context.apiVersion) ?? recordsError(records, context.apiVersion);
      if (error !== null) {
        response.errorCode = error;
        failed ??= error;
        continue;
      }
      waiting++;
      append(services, topic as Topic, index, records as Buffer, (result) => {
        settle(response, result);
        if (result.error !== 'NONE') failed ??= result.error;
        if (--waiting > 0 || later === null) return;
        if (request.acks !== 0) later.resolve({ responses });
        else if (failed === null) later.resolve(null);
        else later.reject(new KafkaError(failed));
      });
    }
  }
  if (waiting === 0) return answer();
  later = new Later<Response | null>();
  return later;
});

function append(
  services: Services,
  topic: Topic,
  index: number,
  records: Buffer,
  done: (result: AppendResult) => void,
): void {
  services.partitions.append(topic.partitions[index], records, true, done);
}

function settle(response: PartitionResponse, result: AppendResult): void {
  response.errorCode = result.error;
  response.baseOffset = result.baseOffset;
  response.logAppendTimeMs = result.logAppendTimeMs;
  response.logStartOffset = result.logStartOffset;
  if (result.message !== null) response.errorMessage = result.message;
  if (result.recordErrors === undefined) return;
  response.recordErrors = result.recordErrors.map(({ index, message }) => {
    return { batchIndex: index, batchIndexErrorMessage: message };
  });
}

/** What is wrong with the whole request. */
function refusalOf(request: Request): ErrorName | null {
  if (request.acks !== -1 && request.acks !== 0 && request.acks !== 1) return 'INVALID_REQUIRED_ACKS';
  // No transactional id was ever handed out, so there is no transaction that this could belong to.
  return request.transactionalId === null ? null : 'INVALID_TXN_STATE';
}

function topicError(topic: Topic | undefined, index: number, apiVersion: number): ErrorName | null {
  if (topic === undefined) return apiVersion >= 13 ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION';
  if (topic.internal) return 'INVALID_TOPIC_EXCEPTION';
  return topic.partitions[index] === undefined ? 'UNKNOWN_TOPIC_OR_PARTITION' : null;
}

function recordsError(records: Buffer | null, apiVersion: number): ErrorName | null {
  if (records === null || records.length < layout.BATCH_HEADER_BYTES) return 'INVALID_RECORD';
  const codec = records[layout.ATTRIBUTES + 1] & CODEC_MASK;
  return codec === ZSTD && apiVersion < ZSTD_FROM_VERSION ? 'UNSUPPORTED_COMPRESSION_TYPE' : null;
}
