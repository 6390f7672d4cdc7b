//! The table of keys: every older spelling that is known, where it was written, and what became of it.
//!
//! Sources: the configuration pages of Apache Kafka 0.8 to 3.9 and their upgrade notes.

use super::Place;

/// One older spelling of a key.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) place: Place,
    pub(super) old: &'static str,
    /// The only value that is meant, where it is not the name that is old.
    pub(super) value: Option<&'static str>,
    pub(super) remedy: Remedy,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The same under this name: it works, with a note.
    Same(&'static str),
    /// A part of an address in `listeners`: it works, with a note.
    Listener(Part),
    /// Nothing depends on it any more: noted and left out.
    NoEffect(&'static str),
    /// The nearest thing has this name and is not quite the same: refused.
    Renamed(&'static str),
    /// The same key takes this value today: refused.
    OtherValue(&'static str),
    /// There is no such thing any more; what to do instead.
    Gone(&'static str),
}

/// A part of a listener's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Host,
    Port,
    AdvertisedHost,
    AdvertisedPort,
}

const fn row(place: Place, old: &'static str, remedy: Remedy) -> Row {
    Row {
        place,
        old,
        value: None,
        remedy,
    }
}

const fn value(place: Place, old: &'static str, value: &'static str, today: &'static str) -> Row {
    Row {
        place,
        old,
        value: Some(value),
        remedy: Remedy::OtherValue(today),
    }
}

use Part::{AdvertisedHost, AdvertisedPort, Host, Port};
use Place::{Broker, Client, Consumer, Producer, Worker};
use Remedy::{Gone, Listener, NoEffect, Renamed};

const OFFSETS_IN_TOPIC: &str = "offsets are always kept in the topic __consumer_offsets";
const NO_ZOOKEEPER: &str = "no ZooKeeper is involved any more; name a broker by bootstrap.servers";

pub(super) const TABLE: &[Row] = &[
    row(Worker, "rest.host.name", Listener(Host)),
    row(Worker, "rest.port", Listener(Port)),
    row(
        Worker,
        "internal.key.converter",
        NoEffect("the internal topics always hold JSON without schemas"),
    ),
    row(
        Worker,
        "internal.value.converter",
        NoEffect("the internal topics always hold JSON without schemas"),
    ),
    row(
        Worker,
        "internal.key.converter.schemas.enable",
        NoEffect("the internal topics always hold JSON without schemas"),
    ),
    row(
        Worker,
        "internal.value.converter.schemas.enable",
        NoEffect("the internal topics always hold JSON without schemas"),
    ),
    row(Broker, "host.name", Listener(Host)),
    row(Broker, "port", Listener(Port)),
    row(Broker, "advertised.host.name", Listener(AdvertisedHost)),
    row(Broker, "advertised.port", Listener(AdvertisedPort)),
    row(
        Producer,
        "metadata.broker.list",
        Renamed("bootstrap.servers"),
    ),
    row(Producer, "broker.list", Renamed("bootstrap.servers")),
    row(Producer, "zk.connect", Gone(NO_ZOOKEEPER)),
    row(Producer, "zookeeper.connect", Gone(NO_ZOOKEEPER)),
    row(Producer, "request.required.acks", Renamed("acks")),
    row(Producer, "request.timeout", Renamed("request.timeout.ms")),
    row(
        Producer,
        "producer.type",
        Gone(
            "sends do not wait; --sync or a flush waits for their acknowledgements, linger.ms sets how long a batch may fill",
        ),
    ),
    row(Producer, "compression.codec", Renamed("compression.type")),
    row(
        Producer,
        "compressed.topics",
        Gone(
            "compression.type holds for all topics of a producer; a topic may set its own compression.type",
        ),
    ),
    row(Producer, "message.send.max.retries", Renamed("retries")),
    row(Producer, "serializer.class", Renamed("value.serializer")),
    row(Producer, "key.serializer.class", Renamed("key.serializer")),
    row(Producer, "queue.buffering.max.ms", Renamed("linger.ms")),
    row(
        Producer,
        "queue.buffering.max.messages",
        Renamed("buffer.memory, in bytes,"),
    ),
    row(
        Producer,
        "queue.enqueue.timeout.ms",
        Renamed("max.block.ms"),
    ),
    row(
        Producer,
        "batch.num.messages",
        Renamed("batch.size, in bytes,"),
    ),
    row(Producer, "block.on.buffer.full", Renamed("max.block.ms")),
    row(
        Producer,
        "metadata.fetch.timeout.ms",
        Renamed("max.block.ms"),
    ),
    row(Producer, "timeout.ms", Renamed("request.timeout.ms")),
    row(
        Producer,
        "topic.metadata.refresh.interval.ms",
        Renamed("metadata.max.age.ms"),
    ),
    row(
        Producer,
        "retry.backoff.max",
        Renamed("retry.backoff.max.ms"),
    ),
    value(Producer, "compression.type", "uncompressed", "none"),
    row(Consumer, "zookeeper.connect", Gone(NO_ZOOKEEPER)),
    row(Consumer, "zk.connect", Gone(NO_ZOOKEEPER)),
    row(
        Consumer,
        "zookeeper.session.timeout.ms",
        Renamed("session.timeout.ms"),
    ),
    row(
        Consumer,
        "zookeeper.connection.timeout.ms",
        Gone(NO_ZOOKEEPER),
    ),
    row(Consumer, "zookeeper.sync.time.ms", Gone(NO_ZOOKEEPER)),
    row(
        Consumer,
        "metadata.broker.list",
        Renamed("bootstrap.servers"),
    ),
    row(Consumer, "groupid", Renamed("group.id")),
    row(Consumer, "consumer.id", Renamed("group.instance.id")),
    row(
        Consumer,
        "auto.commit.enable",
        Renamed("enable.auto.commit"),
    ),
    row(Consumer, "autocommit.enable", Renamed("enable.auto.commit")),
    row(Consumer, "autooffset.reset", Renamed("auto.offset.reset")),
    value(Consumer, "auto.offset.reset", "largest", "latest"),
    value(Consumer, "auto.offset.reset", "smallest", "earliest"),
    row(
        Consumer,
        "fetch.message.max.bytes",
        Renamed("max.partition.fetch.bytes"),
    ),
    row(Consumer, "fetch.size", Renamed("max.partition.fetch.bytes")),
    row(Consumer, "fetch.wait.max.ms", Renamed("fetch.max.wait.ms")),
    row(
        Consumer,
        "socket.receive.buffer.bytes",
        Renamed("receive.buffer.bytes"),
    ),
    row(Consumer, "socket.timeout.ms", Renamed("request.timeout.ms")),
    row(
        Consumer,
        "consumer.timeout.ms",
        Gone("the time a poll waits is given to the poll; for millrace consume it is --timeout-ms"),
    ),
    row(Consumer, "offsets.storage", Gone(OFFSETS_IN_TOPIC)),
    row(Consumer, "dual.commit.enabled", Gone(OFFSETS_IN_TOPIC)),
    row(
        Consumer,
        "rebalance.max.retries",
        Gone("the group's coordinator leads a rebalance; max.poll.interval.ms bounds it"),
    ),
    row(
        Consumer,
        "rebalance.backoff.ms",
        Renamed("retry.backoff.ms"),
    ),
    row(
        Consumer,
        "queued.max.message.chunks",
        Renamed("fetch.max.bytes, in bytes,"),
    ),
    row(
        Consumer,
        "num.consumer.fetchers",
        Gone("one fetch a broker is under way, and the next is asked for ahead"),
    ),
    row(Client, "metadata.broker.list", Renamed("bootstrap.servers")),
    row(Client, "zookeeper.connect", Gone(NO_ZOOKEEPER)),
];
