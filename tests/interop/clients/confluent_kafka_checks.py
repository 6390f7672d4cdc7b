"""The included broker as confluent-kafka (librdkafka, newest) sees it.

Usage: confluent_kafka_checks.py HOST:PORT. Ends with 0 when every check holds.
"""

import sys
import time
import uuid

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

PATIENCE_S = 30
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


def topic_of(server, partitions=1):
    """Creates a topic with a name of its own."""
    name = f"check-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": server})
    admin.create_topics([NewTopic(name, num_partitions=partitions, replication_factor=1)])[name].result(PATIENCE_S)
    return name


def produce(server, topic, values, **settings):
    """Sends values and returns their (partition, offset) as they were acknowledged."""
    places, errors = [], []

    def delivered(error, message):
        errors.append(error) if error else places.append((message.partition(), message.offset()))

    producer = Producer({"bootstrap.servers": server, **{key.replace("_", "."): value for key, value in settings.items()}})
    for value in values:
        producer.produce(topic, value, on_delivery=delivered)
        producer.poll(0)
    assert producer.flush(PATIENCE_S) == 0, "records were left in the queue"
    assert not errors, errors
    return places


def consumer_of(server, group, **settings):
    return Consumer({
        "bootstrap.servers": server,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "session.timeout.ms": 6000,
        **{key.replace("_", "."): value for key, value in settings.items()},
    })


def read(consumer, count):
    """Reads exactly this many messages, in time."""
    messages, end = [], time.monotonic() + PATIENCE_S
    while len(messages) < count:
        assert time.monotonic() < end, f"only {len(messages)} of {count} messages came"
        for message in consumer.consume(count - len(messages), timeout=1.0):
            assert message.error() is None, message.error()
            messages.append(message)
    return messages


def check_codecs(server):
    values = [f"{number} {'x' * (number % 300)}".encode() for number in range(5000)]
    for codec in CODECS:
        topic = topic_of(server)
        places = produce(server, topic, values, compression_type=codec, acks="all", enable_idempotence=True)
        assert sorted(places) == [(0, offset) for offset in range(len(values))], codec
        consumer = consumer_of(server, f"codec-{codec}")
        consumer.subscribe([topic])
        assert [message.value() for message in read(consumer, len(values))] == values, codec
        consumer.close()


def check_commit_and_seek(server):
    topic = topic_of(server)
    produce(server, topic, [str(number) for number in range(10)])
    first = consumer_of(server, "committing")
    first.subscribe([topic])
    assert len(read(first, 4)) == 4
    first.commit(offsets=[TopicPartition(topic, 0, 4)], asynchronous=False)
    assert first.committed([TopicPartition(topic, 0)], timeout=PATIENCE_S)[0].offset == 4
    first.seek(TopicPartition(topic, 0, 8))
    assert [message.offset() for message in read(first, 2)] == [8, 9]
    assert first.get_watermark_offsets(TopicPartition(topic, 0), timeout=PATIENCE_S) == (0, 10)
    first.close()

    second = consumer_of(server, "committing")
    second.subscribe([topic])
    assert [message.offset() for message in read(second, 6)] == [4, 5, 6, 7, 8, 9]
    second.close()


def check_rebalance(server):
    topic = topic_of(server, partitions=4)
    first, second = (consumer_of(server, "rebalancing") for _ in range(2))
    first.subscribe([topic])
    await_shares([first], [4])
    second.subscribe([topic])
    await_shares([first, second], [2, 2])
    second.close()
    await_shares([first], [4])
    produce(server, topic, [str(number) for number in range(100)])
    assert len(read(first, 100)) == 100
    first.close()


def await_shares(members, sizes):
    """Polls all members until they share the partitions in these sizes."""
    end = time.monotonic() + PATIENCE_S
    while [len(member.assignment()) for member in members] != sizes:
        assert time.monotonic() < end, [member.assignment() for member in members]
        for member in members:
            message = member.poll(0.1)
            assert message is None or message.error() is None, message.error()


def check_admin(server):
    admin = AdminClient({"bootstrap.servers": server})
    topic = topic_of(server, partitions=3)
    metadata = admin.list_topics(timeout=PATIENCE_S)
    assert len(metadata.topics[topic].partitions) == 3
    again = admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    try:
        again[topic].result(PATIENCE_S)
        raise AssertionError("a topic was created twice")
    except KafkaException as error:
        assert error.args[0].name() == "TOPIC_ALREADY_EXISTS", error
    admin.delete_topics([topic])[topic].result(PATIENCE_S)
    end = time.monotonic() + PATIENCE_S
    while topic in admin.list_topics(timeout=PATIENCE_S).topics:
        assert time.monotonic() < end, "a deleted topic is still there"


def main():
    server = sys.argv[1]
    for check in (check_codecs, check_commit_and_seek, check_rebalance, check_admin):
        check(server)
        print(f"confluent-kafka: {check.__name__.removeprefix('check_').replace('_', ' ')}: ok", flush=True)


if __name__ == "__main__":
    main()
