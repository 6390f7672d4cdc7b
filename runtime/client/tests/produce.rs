//! The producer against the included broker.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::{Acks, TestBroker};
use millrace_client::Cluster;
use millrace_client::producer::{
    AckSink, Appended, ProduceError, Producer, ProducerConfig, RecordRef,
};
use millrace_wire::batch::{HeadersBuf, batches};
use millrace_wire::compression::Compression;
use millrace_wire::messages::{FetchPartition, FetchRequest, FetchTopic};
use millrace_wire::pool::Pool;

fn row(value: &[u8]) -> RecordRef<'_> {
    RecordRef {
        timestamp: 1_700_000_000_000,
        key: None,
        value: Some(value),
        headers: &[],
    }
}

/// Appends all values, waiting for metadata and room as a task does.
async fn append_all(
    producer: &Producer,
    topic: &Arc<str>,
    values: &[Vec<u8>],
    first: u64,
    acks: &Arc<Acks>,
) {
    let sink: Arc<dyn AckSink> = Arc::clone(acks) as Arc<dyn AckSink>;
    let mut done = 0;
    while done < values.len() {
        let mut rows = values[done..].iter().map(|value| row(value));
        match producer.append(topic, Some(0), &mut rows, first + done as u64, &sink) {
            Ok(Appended { rows, full }) => {
                done += rows;
                if full {
                    producer.room().await.unwrap();
                }
            }
            Err(ProduceError::NotReady { .. }) => drop(producer.ready(topic).await.unwrap()),
            Err(error) => panic!("{error}"),
        }
    }
}

/// The values of partition 0, in the order of their offsets, once `expected` can be read.
async fn read_all(cluster: &Cluster, topic: &Arc<str>, expected: usize) -> Vec<Vec<u8>> {
    let known = cluster
        .topic(topic, false, Duration::from_secs(5))
        .await
        .unwrap();
    let lane = cluster.lane();
    let leader = known.partition(0).unwrap().leader.unwrap();
    let connection = lane.connection(leader).await.unwrap();
    let mut values = Vec::new();
    loop {
        let offset = values.len() as i64;
        let partition = FetchPartition {
            partition: 0,
            fetch_offset: offset,
            partition_max_bytes: 8 << 20,
            ..FetchPartition::default()
        };
        let topic = FetchTopic {
            topic: topic.to_string(),
            topic_id: known.id,
            partitions: vec![partition],
        };
        let request = FetchRequest {
            max_wait_ms: if values.len() < expected { 5_000 } else { 0 },
            min_bytes: 1,
            max_bytes: 64 << 20,
            topics: vec![topic],
            ..FetchRequest::default()
        };
        let mut answer = connection.call(&request).await.unwrap();
        let data = answer.responses.remove(0).partitions.remove(0);
        data.error_code.ok().unwrap();
        let bytes = data
            .records
            .unwrap_or_default()
            .into_bytes(Pool::global())
            .unwrap();
        for batch in batches(&bytes) {
            let batch = batch.unwrap();
            batch.check_crc().unwrap();
            let decoded = batch.decode(64 << 20, Pool::global()).unwrap();
            for row in decoded.rows.iter().filter(|row| row.offset >= offset) {
                assert_eq!(row.offset, values.len() as i64);
                values.push(row.value.of(&decoded.data).unwrap().to_vec());
            }
        }
        if values.len() as i64 == offset {
            return values;
        }
    }
}

fn lines(count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|i| format!("{i:07} a line of about the length that lines have in logs").into_bytes())
        .collect()
}

async fn delivers_in_order(cluster: Cluster, config: ProducerConfig) {
    let producer = Producer::new(config, cluster.clone());
    let topic: Arc<str> = "lines".into();
    let acks = Acks::new();
    let values = lines(20_000);
    append_all(&producer, &topic, &values, 100, &acks).await;
    producer.flush().await;
    assert_eq!(acks.failed.lock().unwrap().len(), 0);
    assert_eq!(acks.tickets(), (100..20_100).collect::<Vec<_>>());
    let expected: Vec<(u64, i64)> = (0..20_000).map(|i| (100 + i as u64, i)).collect();
    assert_eq!(acks.offsets(0), expected);
    producer.close(Duration::from_secs(5)).await;
    assert!(read_all(&cluster, &topic, values.len()).await == values);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_arrive_in_order_over_tcp_and_in_memory() {
    for memory in [false, true] {
        let broker = TestBroker::start().await;
        let cluster = if memory {
            broker.memory()
        } else {
            broker.tcp()
        };
        delivers_in_order(cluster, broker.config()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_codec_and_acks_level_delivers() {
    for compression in Compression::ALL {
        let broker = TestBroker::start().await;
        let config = ProducerConfig {
            compression,
            ..broker.config()
        };
        delivers_in_order(broker.tcp(), config).await;
    }
    let broker = TestBroker::start().await;
    let config = ProducerConfig {
        acks: 1,
        idempotence: false,
        max_in_flight: 1,
        ..broker.config()
    };
    delivers_in_order(broker.tcp(), config).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_the_broker_loses_doubles_and_reorders_nothing() {
    let mut broker = TestBroker::start().await;
    let cluster = broker.tcp();
    let config = ProducerConfig {
        buffer_memory: 2 << 20,
        ..broker.config()
    };
    let producer = Arc::new(Producer::new(config, cluster.clone()));
    let topic: Arc<str> = "lines".into();
    let acks = Acks::new();
    let values = Arc::new(lines(300_000));
    let appending = {
        let (producer, topic, acks, values) = (
            Arc::clone(&producer),
            Arc::clone(&topic),
            Arc::clone(&acks),
            Arc::clone(&values),
        );
        tokio::spawn(async move { append_all(&producer, &topic, &values, 0, &acks).await })
    };
    for wanted in [20_000, 120_000] {
        while acks.tickets().len() < wanted {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        broker.restart().await;
    }
    appending.await.unwrap();
    producer.flush().await;
    assert_eq!(acks.failed.lock().unwrap().first(), None);
    assert_eq!(acks.tickets().len(), values.len());
    let stored = read_all(&broker.tcp(), &topic, values.len()).await;
    assert_eq!(stored.len(), values.len());
    assert!(stored == *values, "order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn single_records_keep_key_headers_and_say_where_they_went() {
    let broker = TestBroker::start().await;
    let cluster = broker.memory();
    let producer = Producer::new(broker.config(), cluster.clone());
    let topic: Arc<str> = "single".into();
    let mut headers = HeadersBuf::new();
    headers.push("trace", Some(b"1"));
    let headers = headers.into_section();
    for expected in 0..3 {
        let record = RecordRef {
            timestamp: -1,
            key: Some(b"k"),
            value: None,
            headers: &headers,
        };
        let metadata = producer.send(&topic, None, record).await.unwrap();
        assert_eq!((metadata.partition, metadata.offset), (0, expected));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_above_a_limit_names_key_and_size_and_spares_the_others() {
    let broker = TestBroker::start().await;
    let config = ProducerConfig {
        max_request_size: 10_000,
        ..broker.config()
    };
    let producer = Producer::new(config, broker.memory());
    let topic: Arc<str> = "limits".into();
    producer.ready(&topic).await.unwrap();
    let acks = Acks::new();
    let sink: Arc<dyn AckSink> = Arc::clone(&acks) as Arc<dyn AckSink>;
    let values = [vec![1; 100], vec![2; 20_000], vec![3; 100]];
    let appended = producer
        .append(
            &topic,
            None,
            &mut values.iter().map(|value| row(value)),
            0,
            &sink,
        )
        .unwrap();
    assert_eq!(
        appended,
        Appended {
            rows: 1,
            full: false
        }
    );
    let error = producer
        .append(
            &topic,
            None,
            &mut values[1..].iter().map(|value| row(value)),
            1,
            &sink,
        )
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("20087") || text.contains("2008"), "{text}");
    assert!(text.contains("max.request.size"), "{text}");
    producer
        .append(
            &topic,
            None,
            &mut values[2..].iter().map(|value| row(value)),
            2,
            &sink,
        )
        .unwrap();
    producer.flush().await;
    assert_eq!(acks.tickets(), [0, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_above_the_brokers_limit_is_split_and_a_record_above_it_refused() {
    let folder = tempfile::TempDir::new().unwrap();
    let broker = common::start_at(&folder, 0, &[("message.max.bytes", "5000")]).await;
    let port = broker.listeners()[0].local.port();
    let config = ProducerConfig {
        batch_size: 64 << 10,
        linger: Duration::from_millis(50),
        ..ProducerConfig::at(&format!("127.0.0.1:{port}"))
    };
    let cluster = Cluster::new(
        config.cluster.clone(),
        Arc::new(broker.dial()),
        millrace_wire::clock::system(),
    );
    let producer = Producer::new(config, cluster.clone());
    let topic: Arc<str> = "split".into();
    let acks = Acks::new();
    let mut values = lines(1_000);
    values[500] = vec![b'x'; 6_000];
    append_all(&producer, &topic, &values, 0, &acks).await;
    producer.flush().await;
    let failed = acks.failed.lock().unwrap().clone();
    assert_eq!((failed.len(), failed[0].0.clone()), (1, 500..501));
    assert!(failed[0].1.contains("message.max.bytes"), "{}", failed[0].1);
    values.remove(500);
    let stored = read_all(&cluster, &topic, values.len()).await;
    assert_eq!(stored.len(), values.len());
    assert!(stored == values);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_bounded_and_a_broker_that_is_away_is_named() {
    let mut broker = TestBroker::start().await;
    let cluster = broker.tcp();
    let config = ProducerConfig {
        buffer_memory: 100_000,
        max_block: Duration::from_millis(1_500),
        delivery_timeout: Duration::from_millis(5_000),
        ..broker.config()
    };
    let producer = Producer::new(config, cluster.clone());
    let topic: Arc<str> = "away".into();
    // Made by one that has more time.
    let patient = Producer::new(broker.config(), cluster.clone());
    patient.ready(&topic).await.unwrap();
    producer.ready(&topic).await.unwrap();
    broker.stop().await;
    let acks = Acks::new();
    let sink: Arc<dyn AckSink> = Arc::clone(&acks) as Arc<dyn AckSink>;
    let values = lines(10_000);
    let appended = producer
        .append(
            &topic,
            None,
            &mut values.iter().map(|value| row(value)),
            0,
            &sink,
        )
        .unwrap();
    assert!(
        appended.full && appended.rows > 500 && appended.rows < 1_500,
        "{appended:?}"
    );
    let error = producer.room().await.unwrap_err();
    assert!(error.to_string().contains("buffer.memory"), "{error}");
    producer.flush().await;
    let failed = acks.failed.lock().unwrap().clone();
    let rows: u64 = failed
        .iter()
        .map(|(range, _)| range.end - range.start)
        .sum();
    assert_eq!(rows, appended.rows as u64);
    assert!(failed[0].1.contains("cannot connect to"), "{}", failed[0].1);
    producer.room().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_keep_to_their_partition() {
    let broker = TestBroker::start().await;
    let cluster = broker.memory();
    let producer = Producer::new(broker.config(), cluster);
    let topic: Arc<str> = "keyed".into();
    let mut of_key: BTreeMap<Vec<u8>, i32> = BTreeMap::new();
    for i in 0..40u8 {
        let key = vec![i % 8];
        let record = RecordRef {
            timestamp: -1,
            key: Some(&key),
            value: Some(&[i]),
            headers: &[],
        };
        let metadata = producer.send(&topic, None, record).await.unwrap();
        assert_eq!(
            *of_key.entry(key).or_insert(metadata.partition),
            metadata.partition
        );
    }
    producer.close(Duration::from_secs(1)).await;
    let closed = producer.send(&topic, None, row(b"late")).await;
    assert!(matches!(closed, Err(ProduceError::Closed)));
}

/// `KAFKA_BOOTSTRAP=host:port cargo test -p millrace-client --test produce -- --ignored`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the Apache Kafka cluster that KAFKA_BOOTSTRAP names"]
async fn records_arrive_in_order_on_apache_kafka() {
    let bootstrap = std::env::var("KAFKA_BOOTSTRAP").unwrap();
    for compression in Compression::ALL {
        let config = ProducerConfig {
            compression,
            ..ProducerConfig::at(&bootstrap)
        };
        let dial = Arc::new(millrace_wire::link::TcpDial::default());
        let cluster = Cluster::new(config.cluster.clone(), dial, millrace_wire::clock::system());
        let topic: Arc<str> = format!("lines-{compression}-{}", std::process::id()).into();
        let producer = Producer::new(config, cluster.clone());
        let (acks, values) = (Acks::new(), lines(20_000));
        append_all(&producer, &topic, &values, 0, &acks).await;
        producer.close(Duration::from_secs(10)).await;
        assert_eq!(acks.failed.lock().unwrap().first(), None);
        assert!(
            read_all(&cluster, &topic, values.len()).await == values,
            "{compression}"
        );
        let admin = millrace_client::admin::Admin::new(&cluster);
        admin.delete_topic(&topic).await.unwrap();
    }
}
