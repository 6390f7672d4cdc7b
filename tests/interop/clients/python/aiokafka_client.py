"""aiokafka, asynchronous and with its own group protocol: the commands of ../README.md."""

import asyncio
import sys
import threading
import time
from contextlib import asynccontextmanager

import aiokafka
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition, errors
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.structs import OffsetAndMetadata

import standard
from standard import COUNT, PATIENCE_S, unique


def version():
    return f"aiokafka {aiokafka.__version__}"


def blocking(check):
    """Runs an asynchronous function to its end, in time."""
    return lambda *arguments: asyncio.run(asyncio.wait_for(check(*arguments), 3 * PATIENCE_S))


@asynccontextmanager
async def started(client):
    await client.start()
    try:
        yield client
    finally:
        await (client.close() if isinstance(client, AIOKafkaAdminClient) else client.stop())


def admin_of(server):
    return started(AIOKafkaAdminClient(bootstrap_servers=server))


def consumer_of(server, *topics, **settings):
    base = {"auto_offset_reset": "earliest", "enable_auto_commit": False}
    return started(AIOKafkaConsumer(*topics, bootstrap_servers=server, **{**base, **settings}))


@asynccontextmanager
async def assigned(server, topic, **settings):
    async with consumer_of(server, **settings) as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        yield consumer


def code_of(response):
    """The first error code among what a response says of topics or resources."""
    for field in ("topic_errors", "topic_error_codes", "resources", "errors"):
        for item in getattr(response, field, None) or []:
            return item[1] if isinstance(item[1], int) else item[0]
    return 0


def held(response):
    assert code_of(response) == 0, response
    return response


def refused(error, response):
    assert code_of(response) == error.errno, response


async def create(server, topic, partitions=1, **configs):
    async with admin_of(server) as admin:
        held(await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=configs)]))
    return topic


async def send(server, records, **settings):
    """Sends records, each the arguments of a call, and returns their offsets."""
    settings = {"acks": "all", "max_request_size": 4_000_000, **settings}
    async with started(AIOKafkaProducer(bootstrap_servers=server, **settings)) as producer:
        futures = [await producer.send(**record) for record in records]
        return [(await future).offset for future in futures]


async def send_numbers(server, topic, numbers, partitions=1):
    return await send(server, [{"topic": topic, "value": b"%d" % number, "partition": number % partitions} for number in numbers])


async def read(consumer, count):
    """Reads at least this many records, in time."""
    records, end = [], time.monotonic() + PATIENCE_S
    while len(records) < count:
        assert time.monotonic() < end, f"only {len(records)} of {count} records came"
        for batch in (await consumer.getmany(timeout_ms=500)).values():
            records.extend(batch)
    return records


@blocking
async def produce_standard(server, topic, codec):
    await create(server, topic)
    records = [
        {"topic": topic, "partition": 0, "key": standard.key(n), "value": standard.value(n), "headers": standard.headers(n)}
        for n in range(COUNT)
    ]
    offsets = await send(server, records, compression_type=None if codec == "none" else codec, linger_ms=50)
    assert offsets == list(range(COUNT)), offsets


@blocking
async def consume_standard(server, topic):
    async with assigned(server, topic) as consumer:
        records = await read(consumer, COUNT)
    assert len(records) == COUNT
    for number, record in enumerate(records):
        standard.verify(number, (record.offset, record.key, record.value, list(record.headers)))


@blocking
async def fill(server, topic, numbers):
    if numbers.start == 0:
        await create(server, topic, 4)
    await send_numbers(server, topic, numbers, partitions=4)


class Announcer(ConsumerRebalanceListener):
    async def on_partitions_revoked(self, revoked):
        pass

    async def on_partitions_assigned(self, partitions):
        standard.announce(part.partition for part in partitions)


def member(*arguments):
    asyncio.run(stay(*arguments))


async def stay(server, group, topic):
    ended = threading.Thread(target=sys.stdin.read, daemon=True)
    ended.start()
    settings = {"group_id": group, "session_timeout_ms": 6000, "heartbeat_interval_ms": 500}
    async with consumer_of(server, partition_assignment_strategy=[RangePartitionAssignor], **settings) as consumer:
        consumer.subscribe([topic], listener=Announcer())
        while ended.is_alive():
            batches = await consumer.getmany(timeout_ms=200)
            for batch in batches.values():
                for record in batch:
                    standard.announce_record(record.partition, record.offset, record.value)
            if batches:
                await commit_read(consumer)


async def commit_read(consumer):
    """Commits; where a rebalance came in between, the next member reads again."""
    try:
        await consumer.commit()
    except errors.CommitFailedError as error:
        print("not committed:", error, file=sys.stderr)


@blocking
async def idempotent(server):
    topic, count = await create(server, unique("idempotent")), 20_000
    records = [{"topic": topic, "value": b"%d" % n} for n in range(count)]
    assert await send(server, records, enable_idempotence=True, max_batch_size=4000) == list(range(count))
    async with assigned(server, topic, isolation_level="read_committed") as consumer:
        assert [int(record.value) for record in await read(consumer, count)] == list(range(count))


@blocking
async def large(server):
    topic, payload = await create(server, unique("large")), standard.noise(900_000)
    for codec in standard.CODECS:
        await send(server, [{"topic": topic, "value": payload}], compression_type=None if codec == "none" else codec, max_batch_size=4_000_000)
    async with assigned(server, topic, max_partition_fetch_bytes=1000) as consumer:
        assert all(record.value == payload for record in await read(consumer, len(standard.CODECS)))
    try:
        await send(server, [{"topic": topic, "value": standard.noise(2_000_000)}], max_batch_size=4_000_000)
    except errors.MessageSizeTooLargeError:
        return
    raise AssertionError("a record beyond max.message.bytes was taken")


@blocking
async def commit(server):
    topic, group = await create(server, unique("commit")), unique("commit")
    partition = TopicPartition(topic, 0)
    await send_numbers(server, topic, range(10))
    async with consumer_of(server, topic, group_id=group) as first:
        await read(first, 10)
        await first.commit({partition: OffsetAndMetadata(4, "here")})
        assert await first.committed(partition) == 4
    async with consumer_of(server, topic, group_id=group) as second:
        assert [record.offset for record in await read(second, 6)] == [4, 5, 6, 7, 8, 9]


@blocking
async def seek(server):
    topic, noon = await create(server, unique("seek")), int(time.time() * 1000)
    partition = TopicPartition(topic, 0)
    await send(server, [{"topic": topic, "value": b"%d" % n, "timestamp_ms": noon + n * 1000} for n in range(10)])
    async with assigned(server, topic) as consumer:
        consumer.seek(partition, 7)
        assert (await read(consumer, 3))[0].offset == 7
        await consumer.seek_to_beginning(partition)
        assert (await read(consumer, 10))[0].offset == 0
        await consumer.seek_to_end(partition)
        assert await consumer.position(partition) == 10
        assert (await consumer.offsets_for_times({partition: noon + 4500}))[partition].offset == 5
        assert await consumer.beginning_offsets([partition]) == {partition: 0}
        assert await consumer.end_offsets([partition]) == {partition: 10}
        # Beyond the end the reset policy decides: from the start.
        consumer.seek(partition, 1000)
        assert (await read(consumer, 10))[0].offset == 0


@blocking
async def long_poll(server):
    topic = await create(server, unique("late"))

    async def send_later():
        await asyncio.sleep(1.5)
        await send_numbers(server, topic, [0])

    async with assigned(server, topic, fetch_max_wait_ms=5000) as consumer:
        begun = time.monotonic()
        later = asyncio.create_task(send_later())
        await read(consumer, 1)
        waited = time.monotonic() - begun
        assert 1.4 <= waited < 4, waited
        await later


@blocking
async def topics(server):
    topic = await create(server, unique("topics"), 3)
    async with admin_of(server) as admin:
        [description] = await admin.describe_topics([topic])
        assert len(description["partitions"]) == 3, description
        assert topic in await admin.list_topics()
        refused(errors.TopicAlreadyExistsError, await admin.create_topics([NewTopic(topic, 1, 1)]))
        refused(errors.InvalidTopicError, await admin.create_topics([NewTopic("no/topic", 1, 1)]))
        refused(errors.InvalidReplicationFactorError, await admin.create_topics([NewTopic(topic + "-three", 1, 3)]))
        held(await admin.delete_topics([topic]))
        refused(errors.UnknownTopicOrPartitionError, await admin.delete_topics([topic]))


@blocking
async def partitions(server):
    topic = await create(server, unique("partitions"))
    async with admin_of(server) as admin:
        held(await admin.create_partitions({topic: NewPartitions(4)}))
        [description] = await admin.describe_topics([topic])
        assert len(description["partitions"]) == 4, description
        try:
            await admin.create_partitions({topic: NewPartitions(2)})
        except errors.InvalidPartitionsError:
            return
    raise AssertionError("a topic was made smaller")


@blocking
async def configs(server):
    topic = await create(server, unique("configs"), **{"cleanup.policy": "compact"})
    async with admin_of(server) as admin:
        async def described():
            [response] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
            return {entry[0]: entry[1] for entry in response.resources[0][4]}

        assert (await described())["cleanup.policy"] == "compact"
        changed = ConfigResource(ConfigResourceType.TOPIC, topic, configs={"retention.ms": "3600000"})
        [response] = await admin.alter_configs([changed])
        held(response)
        after = await described()
        # The older call replaces all that was set before.
        assert (after["retention.ms"], after["cleanup.policy"]) == ("3600000", "delete"), after


@blocking
async def delete_records(server):
    topic = await create(server, unique("delete-records"))
    partition = TopicPartition(topic, 0)
    await send_numbers(server, topic, range(10))
    async with admin_of(server) as admin:
        assert await admin.delete_records({partition: RecordsToDelete(6)}) == {partition: 6}
    async with assigned(server, topic) as consumer:
        assert [record.offset for record in await read(consumer, 4)] == [6, 7, 8, 9]


@blocking
async def groups(server):
    topic, group = await create(server, unique("groups")), unique("groups")
    partition = TopicPartition(topic, 0)
    await send_numbers(server, topic, range(5))
    async with consumer_of(server, topic, group_id=group) as consumer, admin_of(server) as admin:
        await read(consumer, 5)
        await consumer.commit()
        [response] = await admin.describe_consumer_groups([group])
        error, name, state, *_, members = response.groups[0][:6]
        assert (error, name, state, len(members)) == (0, group, "Stable", 1), response
        assert group in [one[0] for one in await admin.list_consumer_groups()]
        assert (await admin.list_consumer_group_offsets(group))[partition].offset == 5


@blocking
async def cluster(server):
    async with admin_of(server) as admin:
        description = await admin.describe_cluster()
        assert len(description["brokers"]) == 1 and description["cluster_id"], description


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
}

if __name__ == "__main__":
    standard.main(sys.modules[__name__])
