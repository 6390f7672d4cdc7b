"""Consumer groups whose members leave, are killed, or move their partitions without stopping the others.

Usage: group_checks.py HOST:PORT. Ends with 0 when every check holds. Members are confluent-kafka's (librdkafka).
"""

import pathlib
import subprocess
import sys
import threading
import time

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from confluent_kafka_checks import PATIENCE_S, await_shares, consumer_of, produce, read, topic_of

MEMBER = pathlib.Path(__file__).with_name("group_member.py")


def check_killed_member(server):
    topic = topic_of(server, partitions=4)
    survivor = consumer_of(server, "killing", heartbeat_interval_ms=500)
    survivor.subscribe([topic])
    await_shares([survivor], [4])
    other = subprocess.Popen([sys.executable, MEMBER, server, "killing", topic], stdout=subprocess.PIPE, text=True)
    try:
        await_shares([survivor], [2])
        assert [other.stdout.readline().strip() for _ in range(2)][-1] == "2"
        other.kill()
        # It said nothing on its way out: its session has to run out.
        await_shares([survivor], [4])
    finally:
        other.kill()
        other.wait()
    produce(server, topic, [str(number) for number in range(100)])
    assert len(read(survivor, 100)) == 100
    survivor.close()


def check_cooperative_members(server):
    topic = topic_of(server, partitions=4)
    settings = {"partition_assignment_strategy": "cooperative-sticky", "heartbeat_interval_ms": 500}
    first, second = (consumer_of(server, "cooperating", **settings) for _ in range(2))
    first.subscribe([topic])
    await_shares([first], [4])
    kept = set(part.partition for part in first.assignment())
    second.subscribe([topic])
    await_shares([first, second], [2, 2])
    assert set(part.partition for part in first.assignment()) < kept
    second.close()
    await_shares([first], [4])
    first.close()


def check_every_record_once(server):
    """Members come and go while records flow; what was committed is not read again, nothing is left out."""
    topic, count = topic_of(server, partitions=6), 6000
    seen, lock = set(), threading.Lock()

    def member(stop):
        consumer = consumer_of(server, "churning", heartbeat_interval_ms=200)
        consumer.subscribe([topic], on_revoke=lambda consumer, parts: commit(consumer))
        while not stop.is_set():
            for message in consumer.consume(100, timeout=0.2):
                assert message.error() is None, message.error()
                with lock:
                    seen.add(int(message.value()))
        commit(consumer)
        consumer.close()

    def commit(consumer):
        positions = [part for part in consumer.position(consumer.assignment()) if part.offset >= 0]
        if positions:
            consumer.commit(offsets=positions, asynchronous=False)

    members = []
    for round in range(6):
        stop = threading.Event()
        members.append((stop, threading.Thread(target=member, args=[stop])))
        members[-1][1].start()
        produce(server, topic, [str(number) for number in range(round * 1000, round * 1000 + 1000)])
        if round % 2:
            members[0][0].set()
            members.pop(0)[1].join()
    end = time.monotonic() + PATIENCE_S
    while len(seen) < count:
        assert time.monotonic() < end, f"only {len(seen)} of {count} records came"
        time.sleep(0.1)
    for stop, thread in members:
        stop.set()
        thread.join()
    await_committed(server, "churning", topic, 6, count)


def await_committed(server, group, topic, partitions, count):
    admin = AdminClient({"bootstrap.servers": server})
    asked = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, number) for number in range(partitions)])
    committed = admin.list_consumer_group_offsets([asked])[group].result(PATIENCE_S)
    assert sum(max(part.offset, 0) for part in committed.topic_partitions) == count, committed.topic_partitions


def check_groups_admin(server):
    topic = topic_of(server)
    produce(server, topic, ["one", "two"])
    consumer = consumer_of(server, "administered")
    consumer.subscribe([topic])
    read(consumer, 2)
    consumer.commit(asynchronous=False)
    admin = AdminClient({"bootstrap.servers": server})
    described = admin.describe_consumer_groups(["administered"])["administered"].result(PATIENCE_S)
    assert described.state.name == "STABLE" and len(described.members) == 1, described
    assert described.members[0].assignment.topic_partitions == [TopicPartition(topic, 0)]
    consumer.close()
    moved = ConsumerGroupTopicPartitions("administered", [TopicPartition(topic, 0, 1)])
    admin.alter_consumer_group_offsets([moved])["administered"].result(PATIENCE_S)
    again = consumer_of(server, "administered")
    again.subscribe([topic])
    assert read(again, 1)[0].offset() == 1
    again.close()
    admin.delete_consumer_groups(["administered"])["administered"].result(PATIENCE_S)
    listed = admin.list_consumer_groups().result(PATIENCE_S)
    assert not listed.errors and "administered" not in [group.group_id for group in listed.valid]


def main():
    server = sys.argv[1]
    for check in (check_killed_member, check_cooperative_members, check_every_record_once, check_groups_admin):
        check(server)
        print(f"groups: {check.__name__.removeprefix('check_').replace('_', ' ')}: ok", flush=True)


if __name__ == "__main__":
    main()
