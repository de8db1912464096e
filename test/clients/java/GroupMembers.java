import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Consumers that join and leave as they are told, JSON lines in and JSON lines out, a thread for each; and the producer
 * whose records they read, each of which holds its own offset: {@code java GroupMembers.java BOOTSTRAP TOPIC}.
 */
public class GroupMembers {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final long COMMIT_EVERY_NANOS = 300_000_000L;
  private static final Duration COMMIT_TIMEOUT = Duration.ofSeconds(2);

  private static ObjectNode event(String member, String tells) {
    return JSON.createObjectNode().put("atMs", System.nanoTime() / 1e6).put("member", member).put("tells", tells);
  }

  private static synchronized void say(ObjectNode event) {
    System.out.println(event);
  }

  private static class Member extends Thread implements ConsumerRebalanceListener {
    private final String topic;
    private final Properties properties = new Properties();
    private final Map<TopicPartition, OffsetAndMetadata> next = new HashMap<>();
    private KafkaConsumer<String, String> consumer;
    volatile boolean leaving = false;

    Member(String bootstrap, String topic, JsonNode order) {
      super(order.get("member").asText());
      this.topic = topic;
      boolean classic = order.get("protocol").asText().equals("classic");
      properties.put("bootstrap.servers", bootstrap);
      properties.put("client.id", getName());
      properties.put("group.id", order.get("group").asText());
      properties.put("group.protocol", order.get("protocol").asText());
      properties.put("enable.auto.commit", "false");
      properties.put("auto.offset.reset", "earliest");
      properties.put("max.poll.interval.ms", "10000");
      properties.put("reconnect.backoff.ms", "50");
      properties.put("reconnect.backoff.max.ms", "500");
      properties.put("fetch.max.wait.ms", "100");
      properties.put("key.deserializer", StringDeserializer.class.getName());
      properties.put("value.deserializer", StringDeserializer.class.getName());
      if (!order.get("instance").isNull()) properties.put("group.instance.id", order.get("instance").asText());
      if (classic) {
        properties.put("heartbeat.interval.ms", "500");
        properties.put("session.timeout.ms", "6000");
        properties.put("partition.assignment.strategy", order.get("assignor").asText().equals("range")
            ? "org.apache.kafka.clients.consumer.RangeAssignor"
            : "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
      } else {
        properties.put("group.remote.assignor", order.get("assignor").asText());
      }
    }

    private void tell(String tells, Collection<TopicPartition> partitions) {
      ObjectNode event = event(getName(), tells);
      ArrayNode numbers = event.putArray("partitions");
      for (TopicPartition partition : partitions) numbers.add(partition.partition());
      say(event);
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
      tell("assigned", partitions);
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
      Map<TopicPartition, OffsetAndMetadata> given = new HashMap<>(next);
      given.keySet().retainAll(partitions);
      commitNow(given);
      next.keySet().removeAll(partitions);
      tell("revoked", partitions);
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
      next.keySet().removeAll(partitions);
      tell("lost", partitions);
    }

    private void commitNow(Map<TopicPartition, OffsetAndMetadata> offsets) {
      if (offsets.isEmpty()) return;
      try {
        consumer.commitSync(offsets, COMMIT_TIMEOUT);
        committed(offsets);
      } catch (KafkaException refused) {
        // The broker is away or the group has moved on: who comes next reads some records again.
      }
    }

    private void committed(Map<TopicPartition, OffsetAndMetadata> offsets) {
      offsets.forEach((partition, offset) ->
          say(event(getName(), "committed").put("partition", partition.partition()).put("offset", offset.offset())));
    }

    private void read(ConsumerRecords<String, String> records) {
      for (TopicPartition partition : records.partitions()) {
        long from = -1;
        long to = -1;
        for (ConsumerRecord<String, String> record : records.records(partition)) {
          if (!record.value().equals(Long.toString(record.offset()))) {
            say(event(getName(), "wrong").put("text", record.value() + " at " + partition + "/" + record.offset()));
          }
          if (record.offset() != to) {
            if (to >= 0) said(partition, from, to);
            from = record.offset();
          }
          to = record.offset() + 1;
        }
        if (to < 0) continue;
        said(partition, from, to);
        next.put(partition, new OffsetAndMetadata(to));
      }
    }

    private void said(TopicPartition partition, long from, long to) {
      say(event(getName(), "read").put("partition", partition.partition()).put("from", from).put("to", to));
    }

    @Override
    public void run() {
      try {
        consumer = new KafkaConsumer<>(properties);
        consumer.subscribe(List.of(topic), this);
        long committedAt = System.nanoTime();
        while (!leaving) {
          read(consumer.poll(Duration.ofMillis(100)));
          if (System.nanoTime() - committedAt < COMMIT_EVERY_NANOS || next.isEmpty()) continue;
          committedAt = System.nanoTime();
          consumer.commitAsync(new HashMap<>(next), (offsets, error) -> {
            if (error == null) committed(offsets);
          });
        }
        commitNow(next);
        say(event(getName(), "gone"));
        next.clear();
        consumer.close(Duration.ofSeconds(2));
      } catch (Exception error) {
        say(event(getName(), "wrong").put("text", error.toString()));
      }
      say(event(getName(), "stopped"));
    }
  }

  /** Each partition gets its turn; an idempotent producer with patience leaves no gaps. */
  private static class Producing extends Thread {
    private final KafkaProducer<String, String> producer;
    private final String topic;
    private long[] ends;
    private long[] acknowledged;
    volatile boolean finishing = false;

    Producing(String bootstrap, String topic) {
      Properties properties = new Properties();
      properties.put("bootstrap.servers", bootstrap);
      properties.put("enable.idempotence", "true");
      properties.put("acks", "all");
      properties.put("linger.ms", "5");
      properties.put("delivery.timeout.ms", "300000");
      properties.put("reconnect.backoff.max.ms", "500");
      properties.put("key.serializer", StringSerializer.class.getName());
      properties.put("value.serializer", StringSerializer.class.getName());
      this.producer = new KafkaProducer<>(properties);
      this.topic = topic;
    }

    @Override
    public void run() {
      try {
        ends = new long[producer.partitionsFor(topic).size()];
        acknowledged = new long[ends.length];
        while (!finishing) {
          for (int partition = 0; partition < ends.length; partition++) send(partition);
          Thread.sleep(20);
        }
        producer.flush();
        ObjectNode event = event("producer", "produced");
        for (long end : acknowledged) event.withArray("ends").add(end);
        say(event);
      } catch (Exception error) {
        say(event("producer", "wrong").put("text", error.toString()));
      }
    }

    private void send(int partition) {
      long number = ends[partition]++;
      producer.send(new ProducerRecord<>(topic, partition, null, Long.toString(number)), (metadata, error) -> {
        if (error != null) {
          say(event("producer", "wrong").put("text", error.toString()));
        } else if (metadata.offset() != number) {
          say(event("producer", "wrong").put("text", number + " was stored at " + metadata.offset()));
        } else {
          acknowledged[partition] = number + 1;
        }
      });
    }
  }

  public static void main(String[] args) throws Exception {
    Map<String, Member> members = new HashMap<>();
    Producing producing = new Producing(args[0], args[1]);
    say(event("", "ready"));
    BufferedReader orders = new BufferedReader(new InputStreamReader(System.in));
    for (String line = orders.readLine(); line != null; line = orders.readLine()) {
      JsonNode order = JSON.readTree(line);
      switch (order.get("do").asText()) {
        case "start" -> {
          Member member = new Member(args[0], args[1], order);
          members.put(member.getName(), member);
          member.start();
        }
        case "stop" -> members.remove(order.get("member").asText()).leaving = true;
        case "produce" -> producing.start();
        case "finish" -> producing.finishing = true;
        default -> throw new IllegalArgumentException(line);
      }
    }
    System.exit(0);
  }
}
