"""Consumers of librdkafka that join and leave as they are told: JSON lines in, JSON lines out, a thread for each.

group_members.py BOOTSTRAP TOPIC
"""

import json
import sys
import threading
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

COMMIT_EVERY_S = 0.3
FATAL = (KafkaError._FATAL, KafkaError.FENCED_INSTANCE_ID, KafkaError.UNRELEASED_INSTANCE_ID)
output = threading.Lock()


def tell(member, tells, **more):
    line = json.dumps({"atMs": time.monotonic() * 1000, "member": member, "tells": tells, **more})
    with output:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


class Member(threading.Thread):
    def __init__(self, bootstrap, topic, order):
        super().__init__(daemon=True)
        self.name = order["member"]
        self.topic = topic
        self.leaving = threading.Event()
        self.next = {}
        self.reads = {}
        settings = {
            "bootstrap.servers": bootstrap,
            "client.id": self.name,
            "group.id": order["group"],
            "group.protocol": order["protocol"],
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "max.poll.interval.ms": 10_000,
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 500,
            "fetch.wait.max.ms": 100,
            "on_commit": self.on_commit,
        }
        if order["instance"] is not None:
            settings["group.instance.id"] = order["instance"]
        if order["protocol"] == "classic":
            settings["partition.assignment.strategy"] = order["assignor"]
            settings["heartbeat.interval.ms"] = 500
            settings["session.timeout.ms"] = 6_000
        else:
            settings["group.remote.assignor"] = order["assignor"]
        self.settings = settings

    def on_assign(self, _consumer, partitions):
        self.say_read()
        tell(self.name, "assigned", partitions=[part.partition for part in partitions])

    def give_up(self, tells, partitions):
        self.say_read()
        for part in partitions:
            self.next.pop(part.partition, None)
        tell(self.name, tells, partitions=[part.partition for part in partitions])

    def on_revoke(self, _consumer, partitions):
        self.give_up("revoked", partitions)

    def on_lost(self, _consumer, partitions):
        self.give_up("lost", partitions)

    def on_commit(self, error, partitions):
        if error is not None:
            return
        for part in partitions:
            if part.error is None and part.offset >= 0:
                tell(self.name, "committed", partition=part.partition, offset=part.offset)

    def read(self, message):
        partition, offset = message.partition(), message.offset()
        if message.value().decode() != str(offset):
            tell(self.name, "wrong", text=f"{message.value().decode()} at {partition}/{offset}")
        span = self.reads.get(partition)
        if span is not None and span[1] == offset:
            span[1] = offset + 1
        else:
            if span is not None:
                self.say_read()
            self.reads[partition] = [offset, offset + 1]
        self.next[partition] = offset + 1

    def say_read(self):
        for partition, (start, end) in self.reads.items():
            tell(self.name, "read", partition=partition, **{"from": start, "to": end})
        self.reads = {}

    def run(self):
        try:
            consumer = Consumer(self.settings)
            consumer.subscribe([self.topic], on_assign=self.on_assign, on_revoke=self.on_revoke, on_lost=self.on_lost)
            committed_at = time.monotonic()
            while not self.leaving.is_set():
                message = consumer.poll(0.05)
                if message is None:
                    self.say_read()
                elif message.error() is not None:
                    if message.error().fatal() or message.error().code() in FATAL:
                        tell(self.name, "wrong", text=str(message.error()))
                        break
                else:
                    self.read(message)
                if time.monotonic() - committed_at > COMMIT_EVERY_S and self.next:
                    self.say_read()
                    committed_at = time.monotonic()
                    offsets = [TopicPartition(self.topic, partition, offset) for partition, offset in self.next.items()]
                    try:
                        consumer.commit(offsets=offsets, asynchronous=True)
                    except KafkaException:
                        pass  # No coordinator at the moment: the next commit is as good.
            self.say_read()
            tell(self.name, "gone")
            consumer.close()
        except Exception as error:  # Whatever it is, the storm must hear of it.
            tell(self.name, "wrong", text=repr(error))
        tell(self.name, "stopped")


def main(bootstrap, topic):
    members = {}
    tell("", "ready")
    for text in sys.stdin:
        order = json.loads(text)
        if order["do"] == "start":
            members[order["member"]] = Member(bootstrap, topic, order)
            members[order["member"]].start()
        elif order["do"] == "stop":
            members.pop(order["member"]).leaving.set()


if __name__ == "__main__":
    main(*sys.argv[1:])
