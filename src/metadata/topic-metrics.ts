/** What topics and their logs are worth telling: counted when somebody reads, by the names that dashboards of Kafka's know. Main thread. */
import type { Collector } from '../metrics/metrics.js';
import type { Partitions } from '../partition/partitions.js';
import type { TopicRegistry } from './topic-registry.js';

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
