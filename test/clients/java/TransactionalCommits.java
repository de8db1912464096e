import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Offsets that transactions commit, abort and leave open, beside those that are committed without one: arguments are the
 * bootstrap servers and a topic. Prints what Apache Kafka says that each group has, as lines of {@code group offset},
 * and ends without ending the transaction that is open.
 */
public class TransactionalCommits {
  private static final List<String> GROUPS = List.of("plain", "committed", "aborted", "twice", "overtaken", "new", "open");

  private final String bootstrap;
  private final String topic;
  private final Admin admin;

  TransactionalCommits(String bootstrap, String topic) {
    this.bootstrap = bootstrap;
    this.topic = topic;
    this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
  }

  public static void main(String[] args) throws Exception {
    new TransactionalCommits(args[0], args[1]).run();
  }

  private void run() throws Exception {
    for (String group : GROUPS) if (!group.equals("new")) commit(group, 3);

    KafkaProducer<byte[], byte[]> first = producer("first");
    first.beginTransaction();
    write(first, "committed", 11);
    write(first, "twice", 11);
    first.commitTransaction();
    first.beginTransaction();
    write(first, "aborted", 12);
    write(first, "twice", 12);
    write(first, "new", 12);
    first.abortTransaction();
    first.beginTransaction();
    write(first, "twice", 13);
    write(first, "overtaken", 13);
    // Without a transaction, and so at once: what comes to count later is older.
    commit("overtaken", 5);
    first.commitTransaction();

    KafkaProducer<byte[], byte[]> second = producer("second");
    second.beginTransaction();
    write(second, "open", 14);
    write(second, "new", 14);

    for (String group : GROUPS) {
      OffsetAndMetadata offset =
          admin.listConsumerGroupOffsets(Map.of(group, new ListConsumerGroupOffsetsSpec()))
              .partitionsToOffsetAndMetadata(group)
              .get()
              .get(new TopicPartition(topic, 0));
      System.out.println(group + " " + (offset == null ? "none" : offset.offset()));
    }
    System.out.flush();
    Runtime.getRuntime().halt(0);
  }

  private void commit(String group, long offset) throws Exception {
    admin.alterConsumerGroupOffsets(group, Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(offset))).all().get();
  }

  private void write(KafkaProducer<byte[], byte[]> producer, String group, long offset) {
    producer.sendOffsetsToTransaction(
        Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(offset)), new ConsumerGroupMetadata(group));
  }

  private KafkaProducer<byte[], byte[]> producer(String transactionalId) {
    KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", bootstrap, "transactional.id", transactionalId),
            new ByteArraySerializer(),
            new ByteArraySerializer());
    producer.initTransactions();
    return producer;
  }
}
