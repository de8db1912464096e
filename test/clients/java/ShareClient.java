import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicIdPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * A share consumer that does with each record what its plan says: {@code java ShareClient.java BOOTSTRAP GROUP TOPIC
 * COUNT PLAN [name=value…]}. The plan is a list of accept, release, reject, renew and die, one for each delivery of a
 * record; the last goes for all further ones. Who dies goes with all that the poll gave it, and says nothing of it. Ends
 * when COUNT records are over and done with, or at a line on stdin.
 *
 * It prints {@code record PARTITION OFFSET DELIVERY ACTION VALUE} for what it is given and {@code done PARTITION OFFSET
 * ACTION}, or {@code failed PARTITION OFFSET ERROR}, for what the broker answered.
 */
public class ShareClient {
  public static void main(String[] args) throws Exception {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", args[0]);
    properties.put("group.id", args[1]);
    properties.put("client.id", "share-client");
    properties.put("share.acknowledgement.mode", "explicit");
    properties.put("key.deserializer", StringDeserializer.class.getName());
    properties.put("value.deserializer", StringDeserializer.class.getName());
    for (int i = 5; i < args.length; i++) properties.put(args[i].split("=")[0], args[i].split("=")[1]);
    int count = Integer.parseInt(args[3]);
    String[] plan = args[4].split(",");
    Thread main = Thread.currentThread();
    Thread reader = new Thread(() -> {
      try {
        if (System.in.read() >= 0) main.interrupt();
      } catch (java.io.IOException e) {
        main.interrupt();
      }
    });
    reader.setDaemon(true);
    reader.start();
    int finished = 0;
    try (KafkaShareConsumer<String, String> consumer = new KafkaShareConsumer<>(properties)) {
      consumer.subscribe(List.of(args[2]));
      System.out.println("subscribed");
      while (finished < count && !Thread.currentThread().isInterrupted()) {
        List<ConsumerRecord<String, String>> held = new ArrayList<>();
        List<String> actions = new ArrayList<>();
        boolean dies = false;
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
          int delivery = record.deliveryCount().orElse((short) 1);
          String action = plan[Math.min(delivery, plan.length) - 1];
          System.out.println("record " + record.partition() + " " + record.offset() + " " + delivery + " " + action
              + " " + record.value());
          if (action.equals("die")) dies = true;
          held.add(record);
          actions.add(action);
        }
        if (dies) Runtime.getRuntime().halt(1);
        // Only a renewal leaves the record in the consumer's hands: it is accepted right behind it.
        for (int i = 0; i < held.size(); i++) {
          consumer.acknowledge(held.get(i), AcknowledgeType.valueOf(actions.get(i).toUpperCase()));
        }
        finished += settle(consumer, held, actions);
        if (!actions.contains("renew")) continue;
        List<ConsumerRecord<String, String>> renewed = new ArrayList<>();
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
          consumer.acknowledge(record, AcknowledgeType.ACCEPT);
          renewed.add(record);
        }
        finished += settle(consumer, renewed, java.util.Collections.nCopies(renewed.size(), "accept"));
      }
    } catch (org.apache.kafka.common.errors.InterruptException e) {
      // Told to stop.
    }
    System.out.println("closed");
    System.exit(0);
  }

  private static int settle(
      KafkaShareConsumer<String, String> consumer, List<ConsumerRecord<String, String>> held, List<String> actions) {
    if (held.isEmpty()) return 0;
    Map<TopicIdPartition, Optional<KafkaException>> answers = consumer.commitSync();
    int finished = 0;
    for (int i = 0; i < held.size(); i++) {
      ConsumerRecord<String, String> record = held.get(i);
      Optional<KafkaException> error = Optional.empty();
      for (Map.Entry<TopicIdPartition, Optional<KafkaException>> answer : answers.entrySet()) {
        if (answer.getKey().partition() == record.partition()) error = answer.getValue();
      }
      String action = actions.get(i);
      String what = record.partition() + " " + record.offset() + " ";
      if (error.isPresent()) System.out.println("failed " + what + error.get());
      else System.out.println("done " + what + action);
      if (error.isEmpty() && (action.equals("accept") || action.equals("reject"))) finished++;
    }
    return finished;
  }
}
