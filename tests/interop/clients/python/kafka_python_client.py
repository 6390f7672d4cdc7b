"""kafka-python, a client in pure Python with its own group protocol: the commands of ../README.md."""

import sys
import threading
import time

import kafka
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition, errors
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.structs import OffsetAndMetadata

import standard
from standard import COUNT, PATIENCE_S, unique, until


def version():
    return f"kafka-python {kafka.__version__}"


def admin_of(server):
    return KafkaAdminClient(bootstrap_servers=server)


def options(partitions=1, replicas=1, **configs):
    return {"num_partitions": partitions, "replication_factor": replicas, "configs": configs}


def create(server, topic, partitions=1, **configs):
    admin = admin_of(server)
    admin.create_topics({topic: options(partitions, **configs)})
    admin.close()
    return topic


def send(server, records, **settings):
    """Sends records, each the arguments of a call, and returns their offsets."""
    settings = {"acks": "all", "max_request_size": 4_000_000, "max_block_ms": PATIENCE_S * 1000, **settings}
    producer = KafkaProducer(bootstrap_servers=server, **settings)
    futures = [producer.send(**record) for record in records]
    producer.flush(PATIENCE_S)
    offsets = [future.get(PATIENCE_S).offset for future in futures]
    producer.close()
    return offsets


def send_numbers(server, topic, numbers, partitions=1):
    send(server, [{"topic": topic, "value": b"%d" % number, "partition": number % partitions} for number in numbers])


def consumer_of(server, *topics, **settings):
    base = {"auto_offset_reset": "earliest", "enable_auto_commit": False, "group_id": None}
    consumer = KafkaConsumer(*topics, bootstrap_servers=server, **{**base, **settings})
    # A leader that learns of its topics only after it has joined joins again, and if a poll ends in the middle of that,
    # kafka-python 3.0.12 forgets that it has and never asks for its partitions: it must know them before.
    for topic in topics:
        assert consumer.partitions_for_topic(topic)
    return consumer


def assigned(server, topic, **settings):
    consumer = consumer_of(server, **settings)
    consumer.assign([TopicPartition(topic, 0)])
    return consumer


def read(consumer, count):
    """Reads at least this many records, in time."""
    records, end = [], time.monotonic() + PATIENCE_S
    while len(records) < count:
        assert time.monotonic() < end, f"only {len(records)} of {count} records came"
        for batch in consumer.poll(500).values():
            records.extend(batch)
    return records


def produce_standard(server, topic, codec):
    create(server, topic)
    records = [
        {"topic": topic, "partition": 0, "key": standard.key(n), "value": standard.value(n), "headers": standard.headers(n)}
        for n in range(COUNT)
    ]
    offsets = send(server, records, compression_type=None if codec == "none" else codec, linger_ms=50)
    assert offsets == list(range(COUNT)), offsets


def consume_standard(server, topic):
    consumer = assigned(server, topic)
    records = read(consumer, COUNT)
    assert len(records) == COUNT
    for number, record in enumerate(records):
        standard.verify(number, (record.offset, record.key, record.value, list(record.headers)))
    consumer.close()


def fill(server, topic, numbers):
    if numbers.start == 0:
        create(server, topic, 4)
    send_numbers(server, topic, numbers, partitions=4)


def member(server, group, topic):
    consumer = consumer_of(
        server, topic, group_id=group, session_timeout_ms=6000, heartbeat_interval_ms=500,
        partition_assignment_strategy=[RangePartitionAssignor],
    )
    ended = threading.Thread(target=sys.stdin.read, daemon=True)
    ended.start()
    shown = None
    while ended.is_alive():
        batches = consumer.poll(200)
        for batch in batches.values():
            for record in batch:
                standard.announce_record(record.partition, record.offset, record.value)
        if batches:
            consumer.commit()
        share = consumer.assignment()
        if share != shown:
            standard.announce(part.partition for part in share)
            shown = share
    consumer.close()


def refused(error, call, *arguments, **named):
    try:
        answer = call(*arguments, **named)
    except error:
        return
    raise AssertionError(f"not refused with {error.__name__}: {answer}")


def idempotent(server):
    topic, count = create(server, unique("idempotent")), 20_000
    records = [{"topic": topic, "value": b"%d" % n} for n in range(count)]
    assert send(server, records, enable_idempotence=True, batch_size=4000) == list(range(count))
    consumer = assigned(server, topic, isolation_level="read_committed")
    assert [int(record.value) for record in read(consumer, count)] == list(range(count))
    consumer.close()


def large(server):
    topic, payload = create(server, unique("large")), standard.noise(900_000)
    for codec in standard.CODECS:
        send(server, [{"topic": topic, "value": payload}], compression_type=None if codec == "none" else codec)
    consumer = assigned(server, topic, max_partition_fetch_bytes=1000)
    assert all(record.value == payload for record in read(consumer, len(standard.CODECS)))
    consumer.close()
    refused(errors.MessageSizeTooLargeError, send, server, [{"topic": topic, "value": standard.noise(2_000_000)}])


def commit(server):
    topic, group = create(server, unique("commit")), unique("commit")
    partition = TopicPartition(topic, 0)
    send_numbers(server, topic, range(10))
    first = consumer_of(server, topic, group_id=group)
    read(first, 10)
    first.commit({partition: OffsetAndMetadata(4, "here", -1)})
    committed = first.committed(partition, metadata=True)
    assert (committed.offset, committed.metadata) == (4, "here"), committed
    first.close()
    second = consumer_of(server, topic, group_id=group)
    assert [record.offset for record in read(second, 6)] == [4, 5, 6, 7, 8, 9]
    second.close()


def seek(server):
    topic, noon = create(server, unique("seek")), int(time.time() * 1000)
    partition = TopicPartition(topic, 0)
    send(server, [{"topic": topic, "value": b"%d" % n, "timestamp_ms": noon + n * 1000} for n in range(10)])
    consumer = assigned(server, topic)
    consumer.seek(partition, 7)
    assert read(consumer, 3)[0].offset == 7
    consumer.seek_to_beginning(partition)
    assert read(consumer, 10)[0].offset == 0
    consumer.seek_to_end(partition)
    assert consumer.position(partition) == 10
    assert consumer.offsets_for_times({partition: noon + 4500})[partition].offset == 5
    assert consumer.beginning_offsets([partition]) == {partition: 0}
    assert consumer.end_offsets([partition]) == {partition: 10}
    # Beyond the end the reset policy decides: from the start.
    consumer.seek(partition, 1000)
    assert read(consumer, 10)[0].offset == 0
    consumer.close()


def long_poll(server):
    topic = create(server, unique("late"))
    consumer = assigned(server, topic, fetch_max_wait_ms=5000)
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
    [description] = admin.describe_topics([topic])
    assert len(description["partitions"]) == 3, description
    assert topic in admin.list_topics()
    refused(errors.TopicAlreadyExistsError, admin.create_topics, {topic: options()})
    refused(errors.InvalidTopicError, admin.create_topics, {"no/topic": options()})
    refused(errors.InvalidReplicationFactorError, admin.create_topics, {topic + "-three": options(replicas=3)})
    admin.delete_topics([topic])
    refused(errors.UnknownTopicOrPartitionError, admin.delete_topics, [topic])
    until("the end of a topic", lambda: topic not in admin.list_topics())
    admin.close()


def partitions(server):
    admin, topic = admin_of(server), create(server, unique("partitions"))
    admin.create_partitions({topic: 4})
    until("four partitions", lambda: len(admin.describe_topics([topic])[0]["partitions"]) == 4)
    refused(errors.InvalidPartitionsError, admin.create_partitions, {topic: 2})
    admin.close()


def configs(server):
    admin, topic = admin_of(server), create(server, unique("configs"), **{"cleanup.policy": "compact"})
    resource = lambda configs=None: [ConfigResource(ConfigResourceType.TOPIC, topic, configs)]

    def described():
        [kind] = admin.describe_configs(resource(), config_filter="all").values()
        return {key: entry["value"] for key, entry in kind[topic].items()}

    assert described()["cleanup.policy"] == "compact"
    admin.alter_configs(resource({"retention.ms": "3600000"}))
    assert described()["retention.ms"] == "3600000"
    admin.alter_configs(resource({"cleanup.policy": ("APPEND", "delete")}))
    assert described()["cleanup.policy"] == "compact,delete"
    admin.reset_configs(resource(["retention.ms"]))
    assert described()["retention.ms"] == "604800000"
    admin.close()


def delete_records(server):
    admin, topic = admin_of(server), create(server, unique("delete-records"))
    send_numbers(server, topic, range(10))
    admin.delete_records({TopicPartition(topic, 0): 6})
    consumer = assigned(server, topic)
    assert [record.offset for record in read(consumer, 4)] == [6, 7, 8, 9]
    consumer.close()
    admin.close()


def groups(server):
    admin, topic, group = admin_of(server), create(server, unique("groups")), unique("groups")
    partition = TopicPartition(topic, 0)
    send_numbers(server, topic, range(5))
    consumer = consumer_of(server, topic, group_id=group)
    read(consumer, 5)
    consumer.commit()
    description = admin.describe_groups([group])[group]
    assert description["group_state"] == "Stable" and len(description["members"]) == 1, description
    consumer.close()
    assert group in [one["group_id"] for one in admin.list_groups()]
    committed = lambda: admin.list_group_offsets({group: [partition]})[group][partition].offset
    assert committed() == 5
    admin.alter_group_offsets(group, {partition: OffsetAndMetadata(2, "", -1)})
    assert committed() == 2
    admin.delete_group_offsets(group, [partition])
    assert committed() == -1
    admin.delete_groups([group])
    assert group not in [one["group_id"] for one in admin.list_groups()]
    admin.close()


def static_members(server):
    """A static member does not leave on close; its successor takes over without a rebalance."""
    topic, group = create(server, unique("static"), 2), unique("static")
    start = lambda name: consumer_of(
        server, topic, group_id=group, group_instance_id=name, session_timeout_ms=6000, heartbeat_interval_ms=500)
    first = start("a")
    # One after the other: a single thread that polls two members who both join for the first time can starve one.
    await_shares([first], [2])
    second = start("b")
    await_shares([first, second], [1, 1])
    kept = second.assignment()
    second.close()
    successor = start("b")
    await_shares([first, successor], [1, 1])
    assert successor.assignment() == kept
    first.close()
    successor.close()


def await_shares(members, sizes):
    """Polls all members until they share the partitions in these sizes."""
    def shared():
        for member in members:
            member.poll(100)
        return [len(member.assignment()) for member in members] == sizes
    until(f"shares of {sizes}", shared)


def cluster(server):
    admin, topic = admin_of(server), create(server, unique("cluster"))
    description = admin.describe_cluster()
    assert len(description["brokers"]) == 1 and description["cluster_id"], description
    send_numbers(server, topic, range(5))
    partition = TopicPartition(topic, 0)
    offset = lambda spec: admin.list_partition_offsets({partition: spec})[partition].offset
    assert (offset(OffsetSpec.EARLIEST), offset(OffsetSpec.LATEST)) == (0, 5)
    assert admin.describe_log_dirs([topic])
    admin.close()


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
    "static members": static_members,
    "cluster": cluster,
}

if __name__ == "__main__":
    standard.main(sys.modules[__name__])
