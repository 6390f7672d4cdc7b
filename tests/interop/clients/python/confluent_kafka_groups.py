"""Groups of confluent-kafka whose members move partitions without stopping the others, or come and go while records flow."""

import threading
import time

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

from confluent_kafka_base import admin_of, consumer_of, create, send_numbers
from standard import PATIENCE_S, unique, until


def cooperative_members(server):
    topic = create(server, unique("cooperating"), 4)
    group, settings = unique("cooperating"), {"partition_assignment_strategy": "cooperative-sticky", "session_timeout_ms": 6000, "heartbeat_interval_ms": 500}
    first, second = (consumer_of(server, group, **settings) for _ in range(2))
    first.subscribe([topic])
    await_shares([first], [4])
    kept = set(part.partition for part in first.assignment())
    second.subscribe([topic])
    await_shares([first, second], [2, 2])
    assert set(part.partition for part in first.assignment()) < kept
    second.close()
    await_shares([first], [4])
    first.close()


def every_record_once(server):
    """Members come and go while records flow; what was committed is not read again, nothing is left out."""
    topic, count = create(server, unique("churning"), 6), 6000
    group, seen, lock = unique("churning"), set(), threading.Lock()

    def member(stop):
        consumer = consumer_of(server, group, session_timeout_ms=6000, heartbeat_interval_ms=200)
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
        send_numbers(server, topic, range(round * 1000, round * 1000 + 1000), partitions=6)
        if round % 2:
            members[0][0].set()
            members.pop(0)[1].join()
    until("all records", lambda: len(seen) == count or time.sleep(0.1))
    for stop, thread in members:
        stop.set()
        thread.join()
    await_committed(server, group, topic, 6, count)


def await_committed(server, group, topic, partitions, count):
    admin = admin_of(server)
    asked = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, number) for number in range(partitions)])
    committed = admin.list_consumer_group_offsets([asked])[group].result(PATIENCE_S)
    assert sum(max(part.offset, 0) for part in committed.topic_partitions) == count, committed.topic_partitions


def await_shares(members, sizes):
    """Polls all members until they share the partitions in these sizes."""
    end = time.monotonic() + PATIENCE_S
    while [len(member.assignment()) for member in members] != sizes:
        assert time.monotonic() < end, [member.assignment() for member in members]
        for member in members:
            message = member.poll(0.1)
            assert message is None or message.error() is None, message.error()
