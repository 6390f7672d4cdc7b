"""What the checks with confluent-kafka have in common: clients, topics, sending and reading."""

import time

from confluent_kafka import Consumer, KafkaException, OFFSET_BEGINNING, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from standard import PATIENCE_S, unique


def settings_of(server, settings):
    return {"bootstrap.servers": server, **{key.replace("_", "."): value for key, value in settings.items()}}


def admin_of(server):
    return AdminClient({"bootstrap.servers": server})


def create(server, topic, partitions=1, **config):
    new = NewTopic(topic, num_partitions=partitions, replication_factor=1, config=config)
    admin = admin_of(server)
    admin.create_topics([new])[topic].result(PATIENCE_S)
    return topic


def send(server, records, **settings):
    """Sends records, each the arguments of a call, and returns their (partition, offset) in the order they were sent."""
    places = []

    def delivered(number):
        def report(error, message):
            if error:
                raise KafkaException(error)
            places.append((number, message.partition(), message.offset()))
        return report

    producer = Producer(settings_of(server, {"acks": "all", **settings}))
    for number, record in enumerate(records):
        producer.produce(**record, on_delivery=delivered(number))
        producer.poll(0)
    assert producer.flush(PATIENCE_S) == 0, "records were left in the queue"
    return [(partition, offset) for _, partition, offset in sorted(places)]


def send_numbers(server, topic, numbers, partitions=1):
    send(server, [{"topic": topic, "value": str(number), "partition": number % partitions} for number in numbers])


def consumer_of(server, group=None, **settings):
    base = {"group.id": group or unique("group"), "auto.offset.reset": "earliest", "enable.auto.commit": False}
    return Consumer({**base, **settings_of(server, settings)})


def assigned(server, topic, offset=OFFSET_BEGINNING, **settings):
    consumer = consumer_of(server, **settings)
    consumer.assign([TopicPartition(topic, 0, offset)])
    return consumer


def read(consumer, count):
    """Reads exactly this many messages, in time."""
    messages, end = [], time.monotonic() + PATIENCE_S
    while len(messages) < count:
        assert time.monotonic() < end, f"only {len(messages)} of {count} messages came"
        for message in consumer.consume(count - len(messages), timeout=1.0):
            assert message.error() is None, message.error()
            messages.append(message)
    return messages
