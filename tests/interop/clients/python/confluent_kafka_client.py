"""confluent-kafka (librdkafka): the commands of ../README.md."""

import sys
import threading
import time

import confluent_kafka
from confluent_kafka import (
    ConsumerGroupState, ConsumerGroupTopicPartitions, KafkaError, KafkaException, OFFSET_BEGINNING, OFFSET_END, TopicPartition,
)
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, OffsetSpec, ResourceType

import confluent_kafka_groups
import standard
from confluent_kafka_base import admin_of, assigned, consumer_of, create, read, send, send_numbers
from standard import COUNT, PATIENCE_S, unique, until


def version():
    return f"confluent-kafka {confluent_kafka.version()}, librdkafka {confluent_kafka.libversion()[0]}"


def produce_standard(server, topic, codec):
    create(server, topic)
    records = [
        {"topic": topic, "partition": 0, "key": standard.key(n), "value": standard.value(n), "headers": standard.headers(n)}
        for n in range(COUNT)
    ]
    places = send(server, records, compression_type=codec, linger_ms=50)
    assert places == [(0, offset) for offset in range(COUNT)], places


def consume_standard(server, topic):
    consumer = assigned(server, topic)
    for number, message in enumerate(read(consumer, COUNT)):
        standard.verify(number, (message.offset(), message.key(), message.value(), message.headers() or []))
    consumer.close()


def fill(server, topic, numbers):
    if numbers.start == 0:
        create(server, topic, 4)
    send_numbers(server, topic, numbers, partitions=4)


def member(server, group, topic):
    consumer = consumer_of(server, group, session_timeout_ms=6000, heartbeat_interval_ms=500, partition_assignment_strategy="range")
    ended = threading.Thread(target=sys.stdin.read, daemon=True)
    ended.start()
    consumer.subscribe([topic], on_assign=lambda _, parts: standard.announce(part.partition for part in parts))
    while ended.is_alive():
        messages = consumer.consume(100, timeout=0.2)
        for message in messages:
            assert message.error() is None, message.error()
            standard.announce_record(message.partition(), message.offset(), message.value())
        if messages:
            consumer.commit(asynchronous=False)
    consumer.close()


def refused(code, call, *arguments, **named):
    """Makes a call that gives futures or answers, and expects to be refused with this code."""
    try:
        answers = call(*arguments, **named)
        for future in answers.values() if isinstance(answers, dict) else []:
            future.result(PATIENCE_S)
    except KafkaException as error:
        assert error.args[0].code() == code, error
        return
    raise AssertionError(f"not refused with {code}")


def idempotent(server):
    topic, count = create(server, unique("idempotent")), 20_000
    places = send(server, [{"topic": topic, "value": str(n)} for n in range(count)], enable_idempotence=True, batch_size=1000)
    assert places == [(0, offset) for offset in range(count)]
    consumer = assigned(server, topic, isolation_level="read_committed")
    assert [int(message.value()) for message in read(consumer, count)] == list(range(count))
    consumer.close()


def large(server):
    topic, payload = create(server, unique("large")), standard.noise(900_000)
    for codec in standard.CODECS:
        send(server, [{"topic": topic, "value": payload}], compression_type=codec)
    consumer = assigned(server, topic, fetch_message_max_bytes=1000)
    assert all(message.value() == payload for message in read(consumer, len(standard.CODECS)))
    consumer.close()
    too_large = [{"topic": topic, "value": standard.noise(2_000_000)}]
    refused(KafkaError.MSG_SIZE_TOO_LARGE, send, server, too_large, message_max_bytes=4_000_000)


def commit(server):
    topic, group = create(server, unique("commit")), unique("commit")
    send_numbers(server, topic, range(10))
    first = consumer_of(server, group)
    first.subscribe([topic])
    read(first, 10)
    first.commit(offsets=[TopicPartition(topic, 0, 4, "here")], asynchronous=False)
    [committed] = first.committed([TopicPartition(topic, 0)], timeout=PATIENCE_S)
    assert (committed.offset, committed.metadata) == (4, "here"), committed
    first.close()
    second = consumer_of(server, group)
    second.subscribe([topic])
    assert [message.offset() for message in read(second, 6)] == [4, 5, 6, 7, 8, 9]
    second.close()


def seek(server):
    topic, noon = create(server, unique("seek")), int(time.time() * 1000)
    send(server, [{"topic": topic, "value": str(n), "timestamp": noon + n * 1000} for n in range(10)])
    consumer = assigned(server, topic)
    read(consumer, 10)
    consumer.seek(TopicPartition(topic, 0, 7))
    assert read(consumer, 3)[0].offset() == 7
    consumer.seek(TopicPartition(topic, 0, OFFSET_BEGINNING))
    assert read(consumer, 10)[0].offset() == 0
    assert consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=PATIENCE_S) == (0, 10)
    [found] = consumer.offsets_for_times([TopicPartition(topic, 0, noon + 4500)], timeout=PATIENCE_S)
    assert found.offset == 5, found
    # Beyond the end the reset policy decides: from the start.
    consumer.seek(TopicPartition(topic, 0, 1000))
    assert read(consumer, 10)[0].offset() == 0
    consumer.seek(TopicPartition(topic, 0, OFFSET_END))
    assert consumer.poll(0.5) is None
    send_numbers(server, topic, [0])
    assert read(consumer, 1)[0].offset() == 10
    consumer.close()


def long_poll(server):
    topic = create(server, unique("late"))
    consumer = assigned(server, topic, fetch_wait_max_ms=5000)
    started = time.monotonic()
    later = threading.Timer(1.5, send_numbers, [server, topic, [0]])
    later.start()
    read(consumer, 1)
    waited = time.monotonic() - started
    assert 1.4 <= waited < 4, waited
    later.join()
    consumer.close()


def topics(server):
    admin, topic = admin_of(server), create(server, unique("topics"), 3)
    [description] = [future.result(PATIENCE_S) for future in admin.describe_topics(confluent_kafka.TopicCollection([topic])).values()]
    assert len(description.partitions) == 3, description
    new = lambda name, partitions=1, replicas=1: [NewTopic(name, num_partitions=partitions, replication_factor=replicas)]
    refused(KafkaError.TOPIC_ALREADY_EXISTS, admin.create_topics, new(topic))
    refused(KafkaError.TOPIC_EXCEPTION, admin.create_topics, new("no/topic"))
    refused(KafkaError.INVALID_REPLICATION_FACTOR, admin.create_topics, new(topic + "-three", replicas=3))
    admin.delete_topics([topic])[topic].result(PATIENCE_S)
    refused(KafkaError.UNKNOWN_TOPIC_OR_PART, admin.delete_topics, [topic])
    until("the end of a topic", lambda: topic not in admin.list_topics(timeout=PATIENCE_S).topics)


def partitions(server):
    admin, topic = admin_of(server), create(server, unique("partitions"))
    admin.create_partitions([NewPartitions(topic, 4)])[topic].result(PATIENCE_S)
    until("four partitions", lambda: len(admin.list_topics(topic, timeout=PATIENCE_S).topics[topic].partitions) == 4)
    refused(KafkaError.INVALID_PARTITIONS, admin.create_partitions, [NewPartitions(topic, 2)])


def configs(server):
    admin, topic = admin_of(server), create(server, unique("configs"), **{"cleanup.policy": "compact"})
    resource = ConfigResource(ResourceType.TOPIC, topic)

    def described():
        [future] = admin.describe_configs([resource]).values()
        return future.result(PATIENCE_S)

    def altered(name, value, operation=AlterConfigOpType.SET):
        entry = ConfigEntry(name, value, incremental_operation=operation)
        return admin.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])])

    assert described()["cleanup.policy"].value == "compact"
    assert described()["retention.ms"].is_default
    [future] = altered("retention.ms", "3600000").values()
    future.result(PATIENCE_S)
    assert described()["retention.ms"].value == "3600000"
    [future] = altered("retention.ms", None, AlterConfigOpType.DELETE).values()
    future.result(PATIENCE_S)
    assert described()["retention.ms"].value == "604800000"
    refused(KafkaError.INVALID_CONFIG, altered, "retention.ms", "soon")


def delete_records(server):
    admin, topic = admin_of(server), create(server, unique("delete-records"))
    send_numbers(server, topic, range(10))
    [future] = admin.delete_records([TopicPartition(topic, 0, 6)]).values()
    assert future.result(PATIENCE_S).low_watermark == 6
    consumer = assigned(server, topic)
    assert [message.offset() for message in read(consumer, 4)] == [6, 7, 8, 9]
    consumer.close()


def groups(server):
    admin, topic, group = admin_of(server), create(server, unique("groups")), unique("groups")
    send_numbers(server, topic, range(5))
    consumer = consumer_of(server, group)
    consumer.subscribe([topic])
    read(consumer, 5)
    consumer.commit(asynchronous=False)
    description = admin.describe_consumer_groups([group])[group].result(PATIENCE_S)
    assert description.state == ConsumerGroupState.STABLE, description.state
    assert [part.topic for part in description.members[0].assignment.topic_partitions] == [topic]
    refused(KafkaError.NON_EMPTY_GROUP, admin.delete_consumer_groups, [group])
    consumer.close()
    assert group in [one.group_id for one in admin.list_consumer_groups().result(PATIENCE_S).valid]

    def committed():
        answer = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0)])])
        return answer[group].result(PATIENCE_S).topic_partitions[0].offset

    assert committed() == 5
    moved = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 2)])
    admin.alter_consumer_group_offsets([moved])[group].result(PATIENCE_S)
    assert committed() == 2
    admin.delete_consumer_groups([group])[group].result(PATIENCE_S)
    refused(KafkaError.GROUP_ID_NOT_FOUND, admin.delete_consumer_groups, [group])


def cluster(server):
    admin, topic = admin_of(server), create(server, unique("cluster"))
    description = admin.describe_cluster().result(PATIENCE_S)
    assert len(description.nodes) == 1 and description.cluster_id, description
    send_numbers(server, topic, range(5))
    place = TopicPartition(topic, 0)
    offset = lambda spec: admin.list_offsets({place: spec})[place].result(PATIENCE_S).offset
    assert offset(OffsetSpec.earliest()) == 0
    assert offset(OffsetSpec.latest()) == 5
    assert offset(OffsetSpec.max_timestamp()) >= 0


CHECKS = {
    "idempotent": idempotent,
    "large": large,
    "commit": commit,
    "seek": seek,
    "long poll": long_poll,
    "topics": topics,
    "partitions": partitions,
    "configs": configs,
    "delete records": delete_records,
    "groups": groups,
    "cluster": cluster,
    "cooperative members": confluent_kafka_groups.cooperative_members,
    "every record once": confluent_kafka_groups.every_record_once,
}

if __name__ == "__main__":
    standard.main(sys.modules[__name__])
