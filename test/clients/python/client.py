"""A confluent-kafka client that the tests drive: JSON lines in, JSON lines out.

produce BOOTSTRAP TOPIC idempotent|plain CODEC   consume BOOTSTRAP TOPIC COUNT
group BOOTSTRAP TOPIC GROUP COUNT [classic|consumer [INSTANCE]]
admin BOOTSTRAP
"""

import json
import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, OffsetSpec


def fail_on_error(error, _message):
    if error is not None:
        raise KafkaException(error)


def produce(bootstrap, topic, mode, codec):
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": mode == "idempotent",
            "compression.type": codec,
            "linger.ms": 5,
            "client.id": "python",
        }
    )
    sent = 0
    for text in sys.stdin.buffer:
        line = json.loads(text)
        producer.produce(
            topic,
            partition=line["partition"],
            key=line["key"],
            value=line["value"],
            headers=[(key, value.encode()) for key, value in line["headers"]],
            timestamp=line["timestampMs"],
            on_delivery=fail_on_error,
        )
        producer.poll(0)
        sent += 1
    left = producer.flush(60)
    if left:
        raise RuntimeError(f"{left} records were not acknowledged")
    print(sent)


def show(message):
    fail_on_error(message.error(), message)
    print(
        json.dumps(
            {
                "partition": message.partition(),
                "offset": message.offset(),
                "key": None if message.key() is None else message.key().decode(),
                "value": None if message.value() is None else message.value().decode(),
                "headers": [[key, value.decode()] for key, value in message.headers() or []],
                "timestampMs": message.timestamp()[1],
            }
        )
    )


def read(consumer, count):
    seen = 0
    while seen < count:
        for message in consumer.consume(count - seen, timeout=1):
            show(message)
            seen += 1


def consume(bootstrap, topic, count):
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False, "client.id": "python"})
    partitions = consumer.list_topics(topic).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
    read(consumer, count)
    consumer.close()


def group(bootstrap, topic, group_id, count, protocol="classic", instance=None):
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group_id,
            "group.protocol": protocol,
            **({} if instance is None else {"group.instance.id": instance}),
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "client.id": "python",
        }
    )
    consumer.subscribe([topic])
    read(consumer, count)
    consumer.commit(asynchronous=False)
    consumer.close()


def expect(what, got, want):
    if got != want:
        raise RuntimeError(f"{what}: {got} instead of {want}")


def admin(bootstrap):
    client = AdminClient({"bootstrap.servers": bootstrap, "client.id": "python"})
    name = "python-admin"
    client.create_topics([NewTopic(name, 2, 1, config={"retention.ms": "3600000"})])[name].result()
    try:
        client.create_topics([NewTopic(name, 2, 1)])[name].result()
        raise RuntimeError("creating a topic twice must fail")
    except KafkaException as error:
        expect("error", error.args[0].name(), "TOPIC_ALREADY_EXISTS")
    client.create_partitions([NewPartitions(name, 3)])[name].result()
    expect("partitions", len(client.list_topics(name).topics[name].partitions), 3)
    resource = ConfigResource(ConfigResource.Type.TOPIC, name)
    resource.add_incremental_config(ConfigEntry("retention.ms", "7200000", incremental_operation=AlterConfigOpType.SET))
    client.incremental_alter_configs([resource])[resource].result()
    described = client.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, name)])
    expect("retention.ms", next(iter(described.values())).result()["retention.ms"].value, "7200000")
    producer = Producer({"bootstrap.servers": bootstrap})
    for number in range(10):
        producer.produce(name, partition=0, value=str(number), on_delivery=fail_on_error)
    producer.flush(60)
    partition = TopicPartition(name, 0)
    expect("end", client.list_offsets({partition: OffsetSpec.latest()})[partition].result().offset, 10)
    client.delete_records([TopicPartition(name, 0, 4)])[TopicPartition(name, 0, 4)].result()
    expect("start", client.list_offsets({partition: OffsetSpec.earliest()})[partition].result().offset, 4)
    commits = ConsumerGroupTopicPartitions("python-admin-group", [TopicPartition(name, 0, 5)])
    client.alter_consumer_group_offsets([commits])["python-admin-group"].result()
    answer = client.list_consumer_group_offsets([ConsumerGroupTopicPartitions("python-admin-group")])["python-admin-group"].result()
    expect("committed", [(part.partition, part.offset) for part in answer.topic_partitions], [(0, 5)])
    listed = client.list_consumer_groups().result()
    expect("listed", [found.group_id for found in listed.valid if found.group_id == "python-admin-group"], ["python-admin-group"])
    client.describe_consumer_groups(["python-admin-group"])["python-admin-group"].result()
    client.delete_consumer_groups(["python-admin-group"])["python-admin-group"].result()
    client.describe_cluster().result()
    client.delete_topics([name])[name].result()
    print("ok")


VERBS = {"produce": produce, "consume": consume, "group": group, "admin": admin}

if __name__ == "__main__":
    verb, *arguments = sys.argv[1:]
    VERBS[verb](*[int(text) if text.isdigit() else text for text in arguments])
