//! What goes wrong in a cluster's life, against the included broker and, where one is named, against Apache Kafka:
//! `KAFKA_BOOTSTRAP=host:port cargo test -p millrace-client --test troubles -- --ignored`
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod common;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{TestBroker, start_at};
use millrace_client::admin::{Admin, NewTopic};
use millrace_client::consumer::{Consumer, ConsumerConfig, TopicPartition};
use millrace_client::producer::{ProduceError, Producer, ProducerConfig, RecordRef};
use millrace_client::{ClientError, Cluster, ClusterConfig};
use millrace_config::{Config, Properties};
use millrace_wire::error_code::ErrorCode;
use tokio::net::{TcpListener, TcpStream};

const LIMIT: Duration = Duration::from_secs(60);

fn producer(cluster: &Cluster) -> Producer {
    let config = ProducerConfig {
        cluster: cluster.config().clone(),
        ..ProducerConfig::at("")
    };
    Producer::new(config, cluster.clone())
}

fn consumer(cluster: &Cluster, pairs: &[(&str, &str)]) -> Consumer {
    let defaults = [("auto.offset.reset", "earliest")];
    let settings: Properties = defaults
        .iter()
        .chain(pairs)
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    Consumer::new(ConsumerConfig::parse(&settings).unwrap(), cluster.clone())
}

async fn create(cluster: &Cluster, name: &str) {
    let topic = NewTopic {
        partitions: Some(1),
        ..NewTopic::new(name)
    };
    Admin::new(cluster).create_topic(&topic).await.unwrap();
}

async fn send(producer: &Producer, topic: &Arc<str>, values: std::ops::Range<u64>) -> Vec<i64> {
    let mut offsets = Vec::new();
    for value in values {
        let value = value.to_be_bytes();
        let sent = producer.send(topic, Some(0), RecordRef::of(&value)).await;
        offsets.push(sent.unwrap().offset);
    }
    offsets
}

async fn read(consumer: &mut Consumer, count: usize) -> Vec<u64> {
    let mut values = Vec::new();
    while values.len() < count {
        let batch = consumer.poll(LIMIT).await.unwrap();
        let batch = batch.unwrap_or_else(|| panic!("nothing came after {values:?}"));
        values.extend(batch.rows.iter().map(|row| {
            let value = row.value.of(&batch.data).unwrap();
            u64::from_be_bytes(value.try_into().unwrap())
        }));
    }
    values
}

/// Deletes a topic and makes it anew. Apache Kafka takes a moment in which the name is still in use.
async fn make_anew(cluster: &Cluster, name: &str) {
    let admin = Admin::new(cluster);
    admin.delete_topic(name).await.unwrap();
    let deadline = Instant::now() + LIMIT;
    let topic = NewTopic {
        partitions: Some(1),
        ..NewTopic::new(name)
    };
    while let Err(error) = admin.create_topic(&topic).await {
        assert_eq!(error.code(), Some(ErrorCode::TOPIC_ALREADY_EXISTS));
        assert!(Instant::now() < deadline, "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn a_topic_made_anew_is_written_and_read_on(cluster: &Cluster, name: &str) {
    create(cluster, name).await;
    let topic: Arc<str> = name.into();
    let producer = producer(cluster);
    let mut consumer = consumer(cluster, &[]);
    consumer.assign(&[TopicPartition::new(name, 0)]);
    assert_eq!(send(&producer, &topic, 0..20).await.last(), Some(&19));
    assert_eq!(read(&mut consumer, 20).await, (0..20).collect::<Vec<_>>());
    // Somebody else makes it anew, so that neither producer nor consumer knows.
    make_anew(&Cluster::tcp(cluster.config().clone()), name).await;
    let again = send(&producer, &topic, 100..105).await;
    assert_eq!(again, [0, 1, 2, 3, 4], "its log begins anew");
    // The position 20 is beyond the new log's end.
    assert_eq!(read(&mut consumer, 5).await, [100, 101, 102, 103, 104]);
    Admin::new(cluster).delete_topic(name).await.unwrap();
}

async fn a_topic_made_anew_under_load_takes_all_that_is_acknowledged(
    cluster: &Cluster,
    name: &str,
) {
    create(cluster, name).await;
    let topic: Arc<str> = name.into();
    let producer = producer(cluster);
    let (stop, sent) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let (told, count) = (Arc::clone(&stop), Arc::clone(&sent));
    let writing = tokio::spawn(async move {
        let mut offsets = Vec::new();
        while !told.load(Ordering::Relaxed) {
            offsets.extend(send(&producer, &topic, 0..1).await);
            count.fetch_add(1, Ordering::Relaxed);
        }
        offsets
    });
    let other = Cluster::tcp(cluster.config().clone());
    let more = async || {
        let before = sent.load(Ordering::Relaxed);
        while sent.load(Ordering::Relaxed) < before + 5 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    for _ in 0..2 {
        tokio::time::timeout(LIMIT, more()).await.unwrap();
        make_anew(&other, name).await;
    }
    tokio::time::timeout(LIMIT, more()).await.unwrap();
    stop.store(true, Ordering::Relaxed);
    let offsets = writing.await.unwrap();
    let logs = offsets.iter().filter(|offset| **offset == 0).count();
    assert_eq!(logs, 3, "each log begins once: {offsets:?}");
    let steps = offsets
        .windows(2)
        .all(|pair| pair[1] == pair[0] + 1 || pair[1] == 0);
    assert!(steps, "{offsets:?}");
    Admin::new(cluster).delete_topic(name).await.unwrap();
}

async fn what_cannot_be_is_said_at_once(cluster: &Cluster, name: &str) {
    let admin = Admin::new(cluster);
    create(cluster, name).await;
    let code = |result: Result<(), ClientError>| result.unwrap_err().code();
    let again = NewTopic::new(name);
    assert_eq!(
        code(admin.create_topic(&again).await),
        Some(ErrorCode::TOPIC_ALREADY_EXISTS)
    );
    for (topic, expected) in [
        (NewTopic::new("a/b"), ErrorCode::INVALID_TOPIC_EXCEPTION),
        (
            NewTopic {
                partitions: Some(0),
                ..NewTopic::new("none")
            },
            ErrorCode::INVALID_PARTITIONS,
        ),
        (
            NewTopic {
                replication_factor: Some(9),
                ..NewTopic::new("many")
            },
            ErrorCode::INVALID_REPLICATION_FACTOR,
        ),
        (
            NewTopic {
                configs: [("no.such.key".to_owned(), "1".to_owned())].into(),
                ..NewTopic::new("keyed")
            },
            ErrorCode::INVALID_CONFIG,
        ),
    ] {
        assert_eq!(
            code(admin.create_topic(&topic).await),
            Some(expected),
            "{topic:?}"
        );
    }
    let unknown = Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(code(admin.delete_topic("there-is-none").await), unknown);
    let bad: Arc<str> = "a/b".into();
    let refused = producer(cluster).ready(&bad).await.unwrap_err();
    assert!(
        matches!(&refused, ProduceError::Topic { source, .. }
            if source.code() == Some(ErrorCode::INVALID_TOPIC_EXCEPTION)),
        "{refused}"
    );
    admin.delete_topic(name).await.unwrap();
}

async fn what_is_too_large_for_the_topic_harms_nothing_else(cluster: &Cluster, name: &str) {
    let limited = NewTopic {
        partitions: Some(1),
        configs: [("max.message.bytes".to_owned(), "3000".to_owned())].into(),
        ..NewTopic::new(name)
    };
    Admin::new(cluster).create_topic(&limited).await.unwrap();
    let producer = producer(cluster);
    let (topic, outcomes) = (Arc::<str>::from(name), Arc::new(Mutex::new(Vec::new())));
    for number in 0..40 {
        let value = vec![b'x'; if number == 17 { 5_000 } else { 300 }];
        let outcomes = Arc::clone(&outcomes);
        let done = move |outcome| outcomes.lock().unwrap().push((number, outcome));
        let record = RecordRef::of(&value);
        producer
            .send_then(&topic, Some(0), record, done)
            .await
            .unwrap();
    }
    producer.flush().await;
    let mut outcomes = std::mem::take(&mut *outcomes.lock().unwrap());
    outcomes.sort_by_key(|(number, _)| *number);
    let (_, large) = outcomes.remove(17);
    assert!(
        matches!(large, Err(ProduceError::MessageTooLarge { .. })),
        "{large:?}"
    );
    let mut offsets: Vec<i64> = outcomes
        .into_iter()
        .map(|(_, sent)| sent.unwrap().offset)
        .collect();
    offsets.sort_unstable();
    assert_eq!(offsets, (0..39).collect::<Vec<_>>());
}

async fn partitions_that_are_added_are_written_and_read(cluster: &Cluster, name: &str) {
    create(cluster, name).await;
    let mut eager = cluster.config().clone();
    eager.metadata_max_age_ms = 200;
    let cluster = Cluster::tcp(eager);
    let producer = producer(&cluster);
    let mut consumer = consumer(
        &cluster,
        &[("group.id", name), ("heartbeat.interval.ms", "100")],
    );
    consumer.subscribe(&[name]).unwrap();
    let topic: Arc<str> = name.into();
    send(&producer, &topic, 0..1).await;
    assert_eq!(read(&mut consumer, 1).await, [0]);
    Admin::new(&cluster)
        .create_partitions(name, 3, &[], false)
        .await
        .unwrap();
    let sending = async {
        loop {
            let value = 7u64.to_be_bytes();
            match producer.send(&topic, Some(2), RecordRef::of(&value)).await {
                Ok(sent) => return sent.partition,
                Err(ProduceError::UnknownPartition { .. }) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
    };
    assert_eq!(tokio::time::timeout(LIMIT, sending).await.unwrap(), 2);
    assert_eq!(read(&mut consumer, 1).await, [7]);
    assert_eq!(consumer.assignment().len(), 3);
    consumer.close(LIMIT).await.unwrap();
}

async fn a_pattern_follows_topics_that_come_and_go(cluster: &Cluster, name: &str) {
    let mut eager = cluster.config().clone();
    eager.metadata_max_age_ms = 200;
    let cluster = Cluster::tcp(eager);
    let topics = [format!("{name}-1"), format!("{name}-2")];
    create(&cluster, &topics[0]).await;
    let mut consumer = consumer(
        &cluster,
        &[("group.id", name), ("heartbeat.interval.ms", "100")],
    );
    consumer
        .subscribe_pattern(&format!("{name}-[0-9]"))
        .unwrap();
    let holds = async |consumer: &mut Consumer, expected: &[String]| {
        let deadline = Instant::now() + LIMIT;
        loop {
            consumer.poll(Duration::from_millis(50)).await.unwrap();
            let held = consumer.assignment();
            let held: Vec<&str> = held.iter().map(|partition| &*partition.topic).collect();
            if held == expected {
                return;
            }
            assert!(Instant::now() < deadline, "{held:?}");
        }
    };
    holds(&mut consumer, &topics[..1]).await;
    create(&cluster, &topics[1]).await;
    create(&cluster, &format!("{name}-x")).await;
    holds(&mut consumer, &topics).await;
    Admin::new(&cluster).delete_topic(&topics[0]).await.unwrap();
    holds(&mut consumer, &topics[1..]).await;
    consumer.close(LIMIT).await.unwrap();
}

/// All of this, each in topics of its own.
async fn everything(cluster: &Cluster, suffix: &str) {
    let unique = |name: &str| format!("{name}{suffix}");
    a_topic_made_anew_is_written_and_read_on(cluster, &unique("anew")).await;
    a_topic_made_anew_under_load_takes_all_that_is_acknowledged(cluster, &unique("load")).await;
    what_cannot_be_is_said_at_once(cluster, &unique("wrong")).await;
    what_is_too_large_for_the_topic_harms_nothing_else(cluster, &unique("large")).await;
    partitions_that_are_added_are_written_and_read(cluster, &unique("grown")).await;
    a_pattern_follows_topics_that_come_and_go(cluster, &unique("pattern")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_of_the_included_broker_change_under_clients() {
    let broker = TestBroker::start().await;
    everything(&broker.tcp(), "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the Apache Kafka cluster that KAFKA_BOOTSTRAP names"]
async fn topics_of_apache_kafka_change_under_clients() {
    let bootstrap = std::env::var("KAFKA_BOOTSTRAP").unwrap();
    let cluster = Cluster::tcp(ClusterConfig::at(&bootstrap));
    everything(&cluster, &format!("-{}", std::process::id())).await;
}

/// A peer that takes connections and never says a word.
async fn silent_peer() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_never_answers_costs_its_timeout_and_no_more() {
    let (_listener, silent) = silent_peer().await;
    let broker = TestBroker::start().await;
    let mut alone = ProducerConfig::at(&format!("127.0.0.1:{silent}"));
    alone.cluster.request_timeout_ms = 200;
    alone.max_block = Duration::from_millis(700);
    let began = Instant::now();
    let producer = Producer::new(alone.clone(), Cluster::tcp(alone.cluster));
    let error = producer.ready(&"t".into()).await.unwrap_err();
    assert!(
        error.is_retriable() && error.to_string().contains("no answer"),
        "{error}"
    );
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );

    let mut two = ProducerConfig::at(&format!("127.0.0.1:{silent},127.0.0.1:{}", broker.port));
    two.cluster.request_timeout_ms = 200;
    let producer = Producer::new(two.clone(), Cluster::tcp(two.cluster));
    producer.ready(&"t".into()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_cannot_be_resolved_is_named_and_passed_over() {
    let broker = TestBroker::start().await;
    let mut config = ProducerConfig::at("no-such-host.invalid:9092");
    config.max_block = Duration::from_millis(300);
    let producer = Producer::new(config.clone(), Cluster::tcp(config.cluster));
    let error = producer.ready(&"t".into()).await.unwrap_err();
    assert!(
        error.to_string().contains("no-such-host.invalid"),
        "{error}"
    );
    let servers = format!("no-such-host.invalid:9092,127.0.0.1:{}", broker.port);
    let config = ProducerConfig::at(&servers);
    let producer = Producer::new(config.clone(), Cluster::tcp(config.cluster));
    producer.ready(&"t".into()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_delivered_in_time_is_given_up_in_time() {
    let mut broker = TestBroker::start().await;
    let delivery_timeout = Duration::from_secs(5);
    let mut config = ProducerConfig {
        delivery_timeout,
        linger: Duration::ZERO,
        ..broker.config()
    };
    config.cluster.request_timeout_ms = 2_000;
    let producer = Producer::new(config, broker.tcp());
    let topic: Arc<str> = "t".into();
    send(&producer, &topic, 0..1).await;
    broker.stop().await;
    let began = Instant::now();
    let error = producer.send(&topic, Some(0), RecordRef::of(b"v")).await;
    let error = error.unwrap_err();
    assert!(matches!(error, ProduceError::Expired { .. }), "{error}");
    let waited = began.elapsed();
    assert!(
        waited >= delivery_timeout && waited < 5 * delivery_timeout,
        "{waited:?}"
    );
    broker.restart().await;
    assert_eq!(send(&producer, &topic, 1..3).await, [1, 2], "it goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_takes_no_more_connections_is_waited_for() {
    let folder = tempfile::TempDir::new().unwrap();
    let broker = start_at(&folder, 0, &[("max.connections.per.ip", "6")]).await;
    let port = broker.listeners()[0].local.port();
    let mut others = Vec::new();
    for _ in 0..6 {
        others.push(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    }
    let impatient = ProducerConfig {
        max_block: Duration::from_millis(500),
        ..ProducerConfig::at(&format!("127.0.0.1:{port}"))
    };
    let topic: Arc<str> = "t".into();
    let cluster = Cluster::tcp(impatient.cluster.clone());
    let producer = Producer::new(impatient, cluster.clone());
    let refused = producer.ready(&topic).await.unwrap_err();
    assert!(refused.is_retriable(), "{refused}");
    let patient = self::producer(&cluster);
    let sending = tokio::spawn(async move { send(&patient, &topic, 0..3).await });
    drop(others);
    let sent = tokio::time::timeout(LIMIT, sending).await.unwrap();
    assert_eq!(sent.unwrap(), [0, 1, 2]);
    broker.shutdown(Duration::from_secs(5)).await;
}

async fn a_producer_whose_id_has_expired_goes_on(cluster: &Cluster, name: &str) {
    create(cluster, name).await;
    let topic: Arc<str> = name.into();
    let producer = producer(cluster);
    let mut offsets = send(&producer, &topic, 0..3).await;
    let admin = Admin::new(cluster);
    let place = [(Arc::clone(&topic), 0)];
    let forgotten = async {
        loop {
            let described = admin.describe_producers(&place).await;
            if described[&place[0]].as_ref().unwrap().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let patience = Duration::from_secs(60);
    tokio::time::timeout(patience, forgotten).await.unwrap();
    offsets.extend(send(&producer, &topic, 3..6).await);
    assert_eq!(offsets, [0, 1, 2, 3, 4, 5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "waits half a minute for the broker to tidy up"]
async fn the_included_broker_forgets_producers() {
    let folder = tempfile::TempDir::new().unwrap();
    let broker = start_at(&folder, 0, &[("producer.id.expiration.ms", "100")]).await;
    let server = format!("127.0.0.1:{}", broker.listeners()[0].local.port());
    let cluster = Cluster::tcp(ClusterConfig::at(&server));
    a_producer_whose_id_has_expired_goes_on(&cluster, "expired").await;
    broker.shutdown(Duration::from_secs(5)).await;
}

/// Its broker needs `producer.id.expiration.ms=1000` and `producer.id.expiration.check.interval.ms=500`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the Apache Kafka broker that KAFKA_FORGETFUL names"]
async fn apache_kafka_forgets_producers() {
    let bootstrap = std::env::var("KAFKA_FORGETFUL").unwrap();
    let cluster = Cluster::tcp(ClusterConfig::at(&bootstrap));
    let name = format!("expired-{}", std::process::id());
    a_producer_whose_id_has_expired_goes_on(&cluster, &name).await;
}
