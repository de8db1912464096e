/** OffsetForLeaderEpoch (KIP-320): where a leader epoch ended, so that a consumer notices that a log was cut. Main thread. */
import { offsetForLeaderEpoch } from '../protocol/messages/23-offset-for-leader-epoch.js';
import { handler } from './handler.js';

export const offsetForLeaderEpochHandler = handler(offsetForLeaderEpoch, async (request, _context, services) => {
  const { topics, partitions } = services;
  return {
    topics: await Promise.all(
      request.topics.map(async ({ topic, partitions: wanted }) => ({
        topic,
        partitions: await Promise.all(
          wanted.map(async ({ partition, currentLeaderEpoch, leaderEpoch }) => {
            const handle = topics.get(topic)?.partitions[partition];
            if (handle === undefined) return { errorCode: 'UNKNOWN_TOPIC_OR_PARTITION' as const, partition };
            if (handle.state !== 'online') {
              const errorCode = handle.state === 'offline' ? 'KAFKA_STORAGE_ERROR' : 'NOT_LEADER_OR_FOLLOWER';
              return { errorCode: errorCode as 'KAFKA_STORAGE_ERROR' | 'NOT_LEADER_OR_FOLLOWER', partition };
            }
            const current = partitions.watermarks(handle).leaderEpoch;
            if (currentLeaderEpoch >= 0 && currentLeaderEpoch !== current) {
              const errorCode = currentLeaderEpoch < current ? 'FENCED_LEADER_EPOCH' : 'UNKNOWN_LEADER_EPOCH';
              return { errorCode: errorCode as 'FENCED_LEADER_EPOCH' | 'UNKNOWN_LEADER_EPOCH', partition };
            }
            const end = await partitions.endOfEpoch(handle, leaderEpoch);
            return { errorCode: end.error, partition, leaderEpoch: end.leaderEpoch, endOffset: end.endOffset };
          }),
        ),
      })),
    ),
  };
});
