"""The included broker as kafka-python sees it: a client in pure Python with its own codecs and group protocol.

Usage: kafka_python_checks.py HOST:PORT. Ends with 0 when every check holds.
"""

import sys
import time
import uuid

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.structs import OffsetAndMetadata

PATIENCE_S = 30
CODECS = [None, "gzip", "snappy", "lz4", "zstd"]


def topic_of(server, partitions=1):
    """Creates a topic with a name of its own."""
    name = f"check-{uuid.uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=server)
    admin.create_topics([NewTopic(name, num_partitions=partitions, replication_factor=1)])
    admin.close()
    return name


def produce(server, topic, values, **settings):
    """Sends values and returns the offsets that were acknowledged."""
    producer = KafkaProducer(bootstrap_servers=server, **{"acks": "all", "linger_ms": 5, **settings})
    futures = [producer.send(topic, value, headers=[("h", b"1"), ("h", b"2")]) for value in values]
    producer.flush(PATIENCE_S)
    offsets = [future.get(PATIENCE_S).offset for future in futures]
    producer.close()
    return offsets


def consumer_of(server, group, *topics, **settings):
    return KafkaConsumer(*topics, **{
        "bootstrap_servers": server,
        "group_id": group,
        "auto_offset_reset": "earliest",
        "enable_auto_commit": False,
        "session_timeout_ms": 6000,
        "heartbeat_interval_ms": 500,
        **settings,
    })


def read(consumer, count):
    """Reads at least this many records, in time."""
    records, end = [], time.monotonic() + PATIENCE_S
    while len(records) < count:
        assert time.monotonic() < end, f"only {len(records)} of {count} records came"
        for batch in consumer.poll(500).values():
            records.extend(batch)
    return records


def await_shares(members, sizes):
    """Polls all members until they share the partitions in these sizes."""
    end = time.monotonic() + PATIENCE_S
    while sorted(len(member.assignment()) for member in members) != sizes:
        assert time.monotonic() < end, [member.assignment() for member in members]
        for member in members:
            member.poll(100)


def check_codecs(server):
    values = [f"{number} {'x' * (number % 300)}".encode() for number in range(2000)]
    for codec in CODECS:
        topic = topic_of(server)
        offsets = produce(server, topic, values, compression_type=codec)
        assert offsets == list(range(len(values))), codec
        consumer = consumer_of(server, f"codec-{codec}", topic)
        records = read(consumer, len(values))
        assert [record.value for record in records] == values, codec
        assert list(records[0].headers) == [("h", b"1"), ("h", b"2")], records[0].headers
        consumer.close()


def check_commit_and_seek(server):
    topic = topic_of(server)
    partition = TopicPartition(topic, 0)
    produce(server, topic, [str(number).encode() for number in range(10)])
    first = consumer_of(server, "committing", topic)
    assert len(read(first, 10)) == 10
    first.commit({partition: OffsetAndMetadata(4, "here", -1)})
    assert first.committed(partition) == 4
    first.seek(partition, 8)
    assert [record.offset for record in read(first, 2)] == [8, 9]
    assert first.beginning_offsets([partition]) == {partition: 0}
    assert first.end_offsets([partition]) == {partition: 10}
    first.close()

    second = consumer_of(server, "committing", topic)
    assert [record.offset for record in read(second, 6)] == [4, 5, 6, 7, 8, 9]
    second.close()


def check_rebalance(server):
    topic = topic_of(server, partitions=4)
    first = consumer_of(server, "rebalancing", topic)
    await_shares([first], [4])
    second = consumer_of(server, "rebalancing", topic)
    await_shares([first, second], [2, 2])
    second.close()
    await_shares([first], [4])
    first.close()


def check_static_member(server):
    topic = topic_of(server, partitions=2)
    first = consumer_of(server, "static", topic, group_instance_id="a")
    # One after the other: a single thread that polls two members who both join for the first time can starve one.
    await_shares([first], [2])
    second = consumer_of(server, "static", topic, group_instance_id="b")
    await_shares([first, second], [1, 1])
    kept = second.assignment()
    # A static member does not leave on close; its successor takes over without a rebalance.
    second.close()
    successor = consumer_of(server, "static", topic, group_instance_id="b")
    await_shares([first, successor], [1, 1])
    assert successor.assignment() == kept
    first.close()
    successor.close()


def check_groups_admin(server):
    topic = topic_of(server)
    produce(server, topic, [b"one"])
    consumer = consumer_of(server, "administered", topic)
    read(consumer, 1)
    consumer.commit()
    admin = KafkaAdminClient(bootstrap_servers=server)
    groups = {group["group_id"] for group in admin.list_groups()}
    assert "administered" in groups, groups
    consumer.close()
    admin.delete_groups(["administered"])
    groups = {group["group_id"] for group in admin.list_groups()}
    assert "administered" not in groups, groups
    admin.close()


def main():
    server = sys.argv[1]
    for check in (check_codecs, check_commit_and_seek, check_rebalance, check_static_member, check_groups_admin):
        check(server)
        print(f"kafka-python: {check.__name__.removeprefix('check_').replace('_', ' ')}: ok", flush=True)


if __name__ == "__main__":
    main()
