/** What topics and their logs are worth telling: counted when somebody reads, by the names that dashboards of Kafka's know. Main thread. */
import type { Clock } from '../base/clock.js';
import type { Collector, Put } from '../metrics/metrics.js';
import type { Partitions } from '../partition/partitions.js';
import type { TopicRegistry } from './topic-registry.js';
import { readTopicsOnDisk, type TopicOnDisk } from './topics-on-disk.js';

export function topicCollector(topics: TopicRegistry, partitions: Partitions): Collector {
  return async (put) => {
    const survey = await partitions.survey();
    let partitionCount = 0;
    let onlineCount = 0;
    for (const { name: topic, partitions: handles } of topics.all()) {
      let bytesIn = 0;
      let bytesOut = 0;
      let recordsIn = 0;
      partitionCount += handles.length;
      put('kafka_topic_partitions', { topic }, handles.length);
      for (const handle of handles) {
        const { appendedBytes, readBytes, firstEndOffset } = handle.traffic;
        bytesIn += appendedBytes;
        bytesOut += readBytes;
        if (handle.state !== 'online') continue;
        onlineCount++;
        const { logStartOffset, logEndOffset, highWatermark } = partitions.watermarks(handle);
        recordsIn += logEndOffset - firstEndOffset;
        const labels = { topic, partition: `${handle.index}` };
        put('kafka_topic_partition_current_offset', labels, highWatermark);
        put('kafka_topic_partition_oldest_offset', labels, logStartOffset);
        put('kafka_log_log_logstartoffset', labels, logStartOffset);
        put('kafka_log_log_logendoffset', labels, logEndOffset);
        const surveyed = survey.get(handle);
        if (surveyed === undefined) continue;
        put('kafka_log_log_size', labels, surveyed.bytes);
        put('kafka_log_log_numlogsegments', labels, surveyed.segments);
      }
      put('kafka_server_brokertopicmetrics_bytesin_total', { topic }, bytesIn);
      put('kafka_server_brokertopicmetrics_bytesout_total', { topic }, bytesOut);
      put('kafka_server_brokertopicmetrics_messagesin_total', { topic }, recordsIn);
    }
    put('kafka_brokers', {}, 1);
    put('kafka_controller_kafkacontroller_activecontrollercount', {}, 1);
    put('kafka_controller_kafkacontroller_offlinepartitionscount', {}, partitionCount - onlineCount);
    put('kafka_server_replicamanager_partitioncount', {}, partitionCount);
    put('kafka_server_replicamanager_leadercount', {}, onlineCount);
  };
}

/** What bounds each topic, how far back it goes, and when something of it is likely to be deleted. */
export function topicDiskCollector(topics: TopicRegistry, partitions: Partitions, clock: Clock): Collector {
  return async (put) => {
    const nowMs = clock.nowMs();
    for (const [topic, onDisk] of await readTopicsOnDisk(topics, partitions, nowMs))
      putTopic(put, topic, onDisk, nowMs);
  };
}

function putTopic(put: Put, topic: string, { oldestMs, bound, deletion }: TopicOnDisk, nowMs: number): void {
  if (oldestMs >= 0) put('millrace_topic_oldest_age_seconds', { topic }, Math.max(0, nowMs - oldestMs) / 1000);
  if (bound !== null) put('millrace_topic_bound_bytes', { topic, reason: bound.by }, bound.bytes);
  if (deletion !== null) {
    put('millrace_topic_next_deletion_seconds', { topic, reason: deletion.by }, deletion.inMs / 1000);
  }
}
