import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.ClassicGroupDescription;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.MemberAssignment;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.MemberToRemove;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * All that the Admin client can do with groups: {@code java GroupAdmin.java BOOTSTRAP TOPIC PARTITIONS}. Two members join
 * the group {@code old} by the classic protocol and two the group {@code new} by that of KIP-848, one of each with an
 * instance id; {@code ready} says that each has its share. A line on stdin lets it go on: first with the members there,
 * then without them. It prints {@code WHAT: ANSWER} for each thing it asks for.
 */
public class GroupAdmin {
  private static class Member extends Thread {
    final KafkaConsumer<String, String> consumer;
    volatile int partitions = 0;

    Member(String bootstrap, String protocol, String group, String topic, String instance) {
      Properties properties = new Properties();
      properties.put("bootstrap.servers", bootstrap);
      properties.put("group.protocol", protocol);
      properties.put("group.id", group);
      properties.put("client.id", group + "-" + (instance == null ? "guest" : instance));
      properties.put("enable.auto.commit", "false");
      if (instance != null) properties.put("group.instance.id", instance);
      properties.put("key.deserializer", StringDeserializer.class.getName());
      properties.put("value.deserializer", StringDeserializer.class.getName());
      consumer = new KafkaConsumer<>(properties);
      consumer.subscribe(List.of(topic));
    }

    @Override
    public void run() {
      while (!isInterrupted()) {
        try {
          consumer.poll(Duration.ofMillis(100));
          partitions = consumer.assignment().size();
        } catch (org.apache.kafka.common.errors.InterruptException e) {
          interrupt();
        }
      }
      interrupted();
      consumer.close();
    }
  }

  public static void main(String[] args) throws Exception {
    String topic = args[1];
    int partitions = Integer.parseInt(args[2]);
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[0]))) {
      for (String group : List.of("old", "new")) {
        say("alter " + group + " before it is there", admin.alterConsumerGroupOffsets(group, offsets(topic, 4)).all());
      }
      List<Member> members = new ArrayList<>();
      for (String instance : new String[] {null, "chair"}) {
        members.add(new Member(args[0], "classic", "old", topic, instance));
        members.add(new Member(args[0], "consumer", "new", topic, instance));
      }
      for (Member member : members) member.start();
      while (members.stream().anyMatch(member -> member.partitions != partitions / 2)) Thread.sleep(20);
      System.out.println("ready");
      System.in.read();
      withMembers(admin, topic);
      for (Member member : members) member.interrupt();
      for (Member member : members) member.join();
      withoutMembers(admin, topic);
    }
  }

  private static void withMembers(Admin admin, String topic) throws Exception {
    say("list", listed(admin, new ListGroupsOptions()));
    say("list consumer", listed(admin, new ListGroupsOptions().withTypes(Set.of(GroupType.CONSUMER))));
    say("list stable classic", listed(admin,
        new ListGroupsOptions().withTypes(Set.of(GroupType.CLASSIC)).inGroupStates(Set.of(GroupState.STABLE))));
    say("list share", listed(admin, new ListGroupsOptions().withTypes(Set.of(GroupType.SHARE))));
    say("list of protocol connect", listed(admin, new ListGroupsOptions().withProtocolTypes(Set.of("connect"))));
    say("list for consumers", listed(admin, ListGroupsOptions.forConsumerGroups()));
    Map<String, ConsumerGroupDescription> groups = admin.describeConsumerGroups(List.of("old", "new")).all().get();
    for (ConsumerGroupDescription group : new TreeMap<>(groups).values()) {
      say("describe " + group.groupId(), group.type() + " " + group.groupState() + " assignor "
          + group.partitionAssignor() + " epochs " + known(group.groupEpoch()) + known(group.targetAssignmentEpoch())
          + " coordinator " + group.coordinator().id() + " simple " + group.isSimpleConsumerGroup());
      for (String line : sorted(group.members())) say("member of " + group.groupId(), line);
    }
    ClassicGroupDescription old = admin.describeClassicGroups(List.of("old")).all().get().get("old");
    say("describe classic old", old.state() + " " + old.protocol() + " " + old.protocolData());
    for (String line : sorted(old.members())) say("member of classic old", line);
    say("describe nobody", admin.describeConsumerGroups(List.of("nobody")).all());
    say("offsets", offsetsOf(admin, "old", "new"));
    for (String group : List.of("old", "new")) {
      say("alter " + group, admin.alterConsumerGroupOffsets(group, offsets(topic, 1)).all());
      say("delete offset of " + group,
          admin.deleteConsumerGroupOffsets(group, Set.of(new TopicPartition(topic, 0))).all());
      say("delete " + group, admin.deleteConsumerGroups(List.of(group)).all());
    }
  }

  private static void withoutMembers(Admin admin, String topic) throws Exception {
    for (String group : List.of("old", "new")) {
      say("static members of " + group,
          String.valueOf(admin.describeConsumerGroups(List.of(group)).all().get().get(group).members().size()));
      say("remove a stranger of " + group, admin.removeMembersFromConsumerGroup(group,
          new RemoveMembersFromConsumerGroupOptions(Set.of(new MemberToRemove("stranger")))).all());
      say("remove " + group, admin.removeMembersFromConsumerGroup(group,
          new RemoveMembersFromConsumerGroupOptions(Set.of(new MemberToRemove("chair")))).all());
    }
    say("list empty", listed(admin, new ListGroupsOptions().inGroupStates(Set.of(GroupState.EMPTY))));
    for (String group : List.of("old", "new")) {
      say("alter " + group, admin.alterConsumerGroupOffsets(group, offsets(topic, 2)).all());
      say("delete offset of " + group,
          admin.deleteConsumerGroupOffsets(group, Set.of(new TopicPartition(topic, 0))).all());
    }
    say("offsets", offsetsOf(admin, "old", "new"));
    say("delete both", admin.deleteConsumerGroups(List.of("old", "new")).all());
    say("delete nobody", admin.deleteConsumerGroups(List.of("old")).all());
    say("list", listed(admin, new ListGroupsOptions()));
  }

  private static Map<TopicPartition, OffsetAndMetadata> offsets(String topic, long offset) {
    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
    for (int i = 0; i < 2; i++) {
      offsets.put(new TopicPartition(topic, i), new OffsetAndMetadata(offset, Optional.of(0), "by hand"));
    }
    return offsets;
  }

  private static String offsetsOf(Admin admin, String... groups) throws Exception {
    Map<String, ListConsumerGroupOffsetsSpec> asked = new HashMap<>();
    for (String group : groups) asked.put(group, new ListConsumerGroupOffsetsSpec());
    Map<String, Map<TopicPartition, OffsetAndMetadata>> all = admin.listConsumerGroupOffsets(asked).all().get();
    return new TreeMap<>(all).entrySet().stream().flatMap(group -> group.getValue().entrySet().stream()
        .filter(offset -> offset.getValue() != null)
        .map(offset -> group.getKey() + "/" + offset.getKey() + "=" + offset.getValue().offset() + "@"
            + known(offset.getValue().leaderEpoch()) + " " + offset.getValue().metadata())
        .sorted()).collect(Collectors.joining(", "));
  }

  private static String listed(Admin admin, ListGroupsOptions options) throws Exception {
    return admin.listGroups(options).all().get().stream()
        .map(group -> group.groupId() + " " + known(group.type()) + " " + group.protocol() + " " + known(group.groupState()))
        .sorted().collect(Collectors.joining(", "));
  }

  private static List<String> sorted(Collection<MemberDescription> members) {
    return members.stream()
        .map(member -> member.clientId() + " " + member.host() + " " + known(member.groupInstanceId()) + " has "
            + partitions(member.assignment()) + " target " + member.targetAssignment().map(GroupAdmin::partitions)
            .map(String::valueOf).orElse("-") + " upgraded " + known(member.upgraded()) + " id "
            + (member.consumerId().isEmpty() ? "none" : "given"))
        .sorted().collect(Collectors.toList());
  }

  private static int partitions(MemberAssignment assignment) {
    return assignment.topicPartitions().size();
  }

  private static String known(Optional<?> value) {
    return value.map(String::valueOf).orElse("-");
  }

  private static void say(String what, String answer) {
    System.out.println(what + ": " + answer);
  }

  private static void say(String what, KafkaFuture<?> future) throws InterruptedException {
    try {
      future.get();
      say(what, "done");
    } catch (ExecutionException e) {
      say(what, e.getCause().getClass().getSimpleName());
    }
  }
}
