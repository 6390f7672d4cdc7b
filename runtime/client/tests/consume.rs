//! The consumer against the included broker: positions, patterns, restarts.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::TestBroker;
use common::consuming::*;
use millrace_client::Cluster;
use millrace_client::consumer::{CommittedOffset, ConsumeError, Consumer, IsolationLevel, Offsets};
use millrace_client::producer::{Producer, RecordRef};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_read_by_tcp_and_in_memory() {
    let broker = TestBroker::start().await;
    produce(&broker, "t", 0, range(100)).await;
    for cluster in [broker.tcp(), broker.memory()] {
        let mut consumer = Consumer::new(config(&[]), cluster);
        consumer.assign(&[tp("t", 0)]);
        assert_eq!(read(&mut consumer, 100).await, range(100));
        assert_eq!(consumer.known_position(&tp("t", 0)), Some(100));
        assert!(consumer.poll(Duration::ZERO).await.unwrap().is_none());
        consumer.seek(&tp("t", 0), 97).unwrap();
        assert_eq!(read(&mut consumer, 3).await, [97, 98, 99]);
        consumer.seek_to_beginning(&[tp("t", 0)]).unwrap();
        assert_eq!(read(&mut consumer, 100).await, range(100));
        consumer.seek_to_end(&[tp("t", 0)]).unwrap();
        assert_eq!(consumer.position(&tp("t", 0), LIMIT).await.unwrap(), 100);
        let ends = consumer
            .end_offsets(&[tp("t", 0)], IsolationLevel::ReadUncommitted)
            .await
            .unwrap();
        assert_eq!(ends[&tp("t", 0)], 100);
        let beginnings = consumer.beginning_offsets(&[tp("t", 0)]).await.unwrap();
        assert_eq!(beginnings[&tp("t", 0)], 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_fetch_brings_what_comes_later() {
    let broker = TestBroker::start().await;
    create(&broker.tcp(), "t", 1).await;
    let mut consumer = Consumer::new(config(&[("fetch.max.wait.ms", "300000")]), broker.tcp());
    consumer.assign(&[tp("t", 0)]);
    assert!(
        consumer
            .poll(Duration::from_millis(200))
            .await
            .unwrap()
            .is_none()
    );
    let started = tokio::time::Instant::now();
    let (came, ()) = tokio::join!(read(&mut consumer, 1), produce(&broker, "t", 0, [7]));
    assert_eq!(came, [7]);
    assert!(started.elapsed() < LIMIT, "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paused_partitions_wait_and_lose_nothing() {
    let broker = TestBroker::start().await;
    create(&broker.tcp(), "t", 2).await;
    produce(&broker, "t", 0, 0..10).await;
    produce(&broker, "t", 1, 100..110).await;
    let mut consumer = Consumer::new(config(&[]), broker.tcp());
    consumer.assign(&[tp("t", 0), tp("t", 1)]);
    let first = loop {
        if let Some(fetched) = consumer.poll(TICK).await.unwrap() {
            break fetched;
        }
    };
    let other = tp("t", 1 - first.partition);
    consumer.pause(std::slice::from_ref(&other)).unwrap();
    let mine = read(&mut consumer, 10 - first.rows.len()).await;
    assert!(
        mine.iter()
            .all(|value| (*value >= 100) == (first.partition == 1)),
        "{mine:?}"
    );
    assert!(
        consumer
            .poll(Duration::from_millis(600))
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(consumer.paused(), std::slice::from_ref(&other));
    consumer.resume(std::slice::from_ref(&other)).unwrap();
    let expected: Vec<i32> = if other.partition == 0 {
        (0..10).collect()
    } else {
        (100..110).collect()
    };
    assert_eq!(read(&mut consumer, 10).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn positions_out_of_the_log_are_reset_or_named() {
    let broker = TestBroker::start().await;
    produce(&broker, "t", 0, range(5)).await;
    let mut consumer = Consumer::new(config(&[]), broker.tcp());
    consumer.assign(&[tp("t", 0)]);
    consumer.seek(&tp("t", 0), 1000).unwrap();
    assert_eq!(read(&mut consumer, 5).await, range(5));

    let mut strict = Consumer::new(config(&[("auto.offset.reset", "none")]), broker.tcp());
    strict.assign(&[tp("t", 0)]);
    let error = strict.poll(LIMIT).await.unwrap_err();
    assert!(matches!(error, ConsumeError::NoOffset(_)), "{error}");
    strict.seek(&tp("t", 0), 1000).unwrap();
    let error = strict.poll(LIMIT).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "offset 1000 of t-0 is not in the log, and auto.offset.reset is none"
    );
    strict.seek(&tp("t", 0), 4).unwrap();
    assert_eq!(read(&mut strict, 1).await, [4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_and_membership_survive_a_restart_of_the_broker() {
    let mut broker = TestBroker::start().await;
    produce(&broker, "t", 0, range(5)).await;
    let mut consumer = member("g", &broker.tcp());
    consumer.subscribe(&["t"]).unwrap();
    assert_eq!(read(&mut consumer, 5).await, range(5));
    for round in 1..4 {
        broker.restart().await;
        produce(&broker, "t", 0, [round]).await;
        assert_eq!(read(&mut consumer, 1).await, [round]);
        consumer.commit(consumer.positions()).await.unwrap();
    }
}

/// A restart raises the leader's epoch before anything is written in it; a fetch that names that epoch is no error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_is_read_from_its_start_after_a_restart() {
    let mut broker = TestBroker::start().await;
    produce(&broker, "t", 0, range(5)).await;
    broker.restart().await;
    for cluster in [broker.tcp(), broker.memory()] {
        let mut consumer = member("g", &cluster);
        consumer.assign(&[tp("t", 0)]);
        assert_eq!(read(&mut consumer, 5).await, range(5));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pattern_takes_in_topics_that_come_later() {
    let broker = TestBroker::start().await;
    let settings = millrace_client::ClusterConfig {
        metadata_max_age_ms: 200,
        ..millrace_client::ClusterConfig::at(&format!("127.0.0.1:{}", broker.port))
    };
    let dial = Arc::new(millrace_wire::link::TcpDial::default());
    let cluster = Cluster::new(settings, dial, millrace_wire::clock::system());
    produce(&broker, "logs-a", 0, [1]).await;
    produce(&broker, "other", 0, [99]).await;
    let mut consumer = member("g", &cluster);
    consumer.subscribe_pattern("logs-.*").unwrap();
    assert_eq!(read(&mut consumer, 1).await, [1]);
    consumer.commit(consumer.positions()).await.unwrap();
    produce(&broker, "logs-b", 0, [2]).await;
    assert_eq!(read(&mut consumer, 1).await, [2]);
    assert!(consumer.subscribe_pattern("(").is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_may_come_after_the_subscription() {
    let broker = TestBroker::start().await;
    let mut consumer = Consumer::new(
        config(&[("group.id", "g"), ("allow.auto.create.topics", "false")]),
        broker.tcp(),
    );
    consumer.subscribe(&["later"]).unwrap();
    assert!(
        consumer
            .poll(Duration::from_millis(300))
            .await
            .unwrap()
            .is_none()
    );
    produce(&broker, "later", 0, [1]).await;
    assert_eq!(read(&mut consumer, 1).await, [1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_can_be_changed() {
    let broker = TestBroker::start().await;
    produce(&broker, "a", 0, [1]).await;
    produce(&broker, "b", 0, [2]).await;
    let mut consumer = member("g", &broker.tcp());
    consumer.subscribe(&["a"]).unwrap();
    assert_eq!(read(&mut consumer, 1).await, [1]);
    consumer.commit(consumer.positions()).await.unwrap();
    consumer.subscribe(&["a", "b"]).unwrap();
    assert_eq!(read(&mut consumer, 1).await, [2]);
    consumer.commit(consumer.positions()).await.unwrap();
    // Without the group's help; once the member has left, its group takes commits of anyone.
    consumer.assign(&[tp("a", 0)]);
    consumer.seek(&tp("a", 0), 0).unwrap();
    assert_eq!(read(&mut consumer, 1).await, [1]);
    let positions = consumer.positions();
    let end = tokio::time::Instant::now() + LIMIT;
    while consumer.commit(positions.clone()).await.is_err() {
        assert!(tokio::time::Instant::now() < end, "the group is never left");
    }
    consumer.subscribe(&["b"]).unwrap();
    produce(&broker, "b", 0, [3]).await;
    assert_eq!(read(&mut consumer, 1).await, [3]);
    consumer.unsubscribe();
    assert!(consumer.assignment().is_empty());
}

#[tokio::test]
async fn what_makes_no_sense_is_said() {
    let broker = TestBroker::start().await;
    let mut consumer = Consumer::new(config(&[]), broker.tcp());
    assert!(matches!(
        consumer.poll(TICK).await.unwrap_err(),
        ConsumeError::NotSubscribed
    ));
    assert!(matches!(
        consumer.subscribe(&["t"]).unwrap_err(),
        ConsumeError::NoGroup { .. }
    ));
    assert!(matches!(
        consumer.seek(&tp("t", 0), 0).unwrap_err(),
        ConsumeError::NotAssigned(_)
    ));
    assert!(
        consumer
            .commit(Offsets::from([(tp("t", 0), CommittedOffset::at(0))]))
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_hands_out_no_more_than_it_may() {
    let broker = TestBroker::start().await;
    let producer = Producer::new(broker.config(), broker.tcp());
    for number in 0..50 {
        let value = number.to_string();
        let record = RecordRef::of(value.as_bytes());
        producer
            .send_and_forget(&"t".into(), Some(0), record)
            .await
            .unwrap();
    }
    producer.flush().await;
    let mut consumer = Consumer::new(config(&[("max.poll.records", "7")]), broker.tcp());
    consumer.assign(&[tp("t", 0)]);
    let mut read = Vec::new();
    while read.len() < 50 {
        let batch = consumer.poll(LIMIT).await.unwrap().unwrap();
        assert!(batch.rows.len() <= 7, "{}", batch.rows.len());
        read.extend(values(&batch));
        assert_eq!(
            consumer.known_position(&tp("t", 0)),
            Some(read.len() as i64)
        );
    }
    assert_eq!(read, range(50));
}
