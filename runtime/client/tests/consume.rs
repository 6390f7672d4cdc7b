//! The consumer against the included broker: positions, groups, rebalances, restarts.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod common;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use common::TestBroker;
use millrace_client::Cluster;
use millrace_client::admin::{Admin, NewTopic};
use millrace_client::consumer::{
    CommittedOffset, ConsumeError, Consumer, ConsumerConfig, Fetched, IsolationLevel, Offsets,
    Polled, RebalanceListener, TopicPartition,
};
use millrace_client::producer::{Producer, RecordRef};
use millrace_config::{Config, Properties};

const TICK: Duration = Duration::from_millis(50);
const LIMIT: Duration = Duration::from_secs(20);

fn config(pairs: &[(&str, &str)]) -> ConsumerConfig {
    let mut settings = Properties::from([
        ("auto.offset.reset".to_owned(), "earliest".to_owned()),
        ("enable.auto.commit".to_owned(), "false".to_owned()),
        ("heartbeat.interval.ms".to_owned(), "100".to_owned()),
        ("session.timeout.ms".to_owned(), "6000".to_owned()),
    ]);
    settings.extend(
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
    );
    ConsumerConfig::parse(&settings).unwrap()
}

fn member(group: &str, cluster: &Cluster) -> Consumer {
    Consumer::new(config(&[("group.id", group)]), cluster.clone())
}

fn tp(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition::new(topic, partition)
}

async fn create(cluster: &Cluster, topic: &str, partitions: i32) {
    let topic = NewTopic {
        partitions: Some(partitions),
        ..NewTopic::new(topic)
    };
    Admin::new(cluster).create_topic(&topic).await.unwrap();
}

async fn produce(
    broker: &TestBroker,
    topic: &str,
    partition: i32,
    values: impl IntoIterator<Item = i32>,
) {
    let producer = Producer::new(broker.config(), broker.tcp());
    let topic: Arc<str> = topic.into();
    for value in values {
        let value = value.to_string();
        let record = RecordRef {
            timestamp: 1000,
            key: None,
            value: Some(value.as_bytes()),
            headers: &[],
        };
        producer
            .send(&topic, Some(partition), record)
            .await
            .unwrap();
    }
}

fn values(fetched: &Fetched) -> Vec<i32> {
    let value = |row: &millrace_wire::batch::RecordRow| {
        std::str::from_utf8(row.value.of(&fetched.data).unwrap())
            .unwrap()
            .parse()
            .unwrap()
    };
    fetched.rows.iter().map(value).collect()
}

/// Polls until that many values have come, or the time is up.
async fn read(consumer: &mut Consumer, count: usize) -> Vec<i32> {
    let mut read = Vec::new();
    let end = tokio::time::Instant::now() + LIMIT;
    while read.len() < count && tokio::time::Instant::now() < end {
        if let Some(fetched) = consumer.poll(TICK).await.unwrap() {
            read.extend(values(&fetched));
        }
    }
    read
}

/// Polls these consumers in turn until `done` says so.
async fn poll_until(consumers: &mut [Consumer], mut done: impl FnMut(&[Consumer]) -> bool) {
    let end = tokio::time::Instant::now() + LIMIT;
    while !done(consumers) {
        assert!(
            tokio::time::Instant::now() < end,
            "it does not come to pass"
        );
        for consumer in consumers.iter_mut() {
            consumer.poll(Duration::from_millis(10)).await.unwrap();
        }
    }
}

fn range(count: i32) -> Vec<i32> {
    (0..count).collect()
}

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
    let mut consumer = Consumer::new(config(&[("fetch.max.wait.ms", "25000")]), broker.tcp());
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
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );
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
async fn a_group_goes_on_where_it_committed() {
    let broker = TestBroker::start().await;
    produce(&broker, "t", 0, range(10)).await;
    let mut first = member("g", &broker.tcp());
    first.subscribe(&["t"]).unwrap();
    assert_eq!(read(&mut first, 10).await, range(10));
    let offset = CommittedOffset {
        offset: 6,
        leader_epoch: 0,
        metadata: "so far".into(),
    };
    first
        .commit(Offsets::from([(tp("t", 0), offset.clone())]))
        .await
        .unwrap();
    let calls = Arc::new(Mutex::new(Vec::new()));
    for at in [7, 8] {
        let calls = Arc::clone(&calls);
        let done =
            Box::new(move |result: Result<(), _>| calls.lock().unwrap().push((at, result.is_ok())));
        first.commit_async(Offsets::from([(tp("t", 0), CommittedOffset::at(at))]), done);
    }
    first
        .commit(Offsets::from([(tp("t", 0), offset.clone())]))
        .await
        .unwrap();
    assert_eq!(*calls.lock().unwrap(), [(7, true), (8, true)]);
    let committed = first.committed(&[tp("t", 0), tp("t", 1)]).await.unwrap();
    assert_eq!(committed[&tp("t", 0)], Some(offset));
    assert_eq!(committed[&tp("t", 1)], None);
    first.close(LIMIT).await.unwrap();

    let mut second = member("g", &broker.tcp());
    second.subscribe(&["t"]).unwrap();
    assert_eq!(read(&mut second, 4).await, [6, 7, 8, 9]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn positions_are_committed_by_themselves() {
    let broker = TestBroker::start().await;
    produce(&broker, "t", 0, range(10)).await;
    let auto = config(&[("group.id", "g"), ("enable.auto.commit", "true")]);
    let mut first = Consumer::new(auto, broker.tcp());
    first.subscribe(&["t"]).unwrap();
    assert_eq!(read(&mut first, 10).await.len(), 10);
    first.close(LIMIT).await.unwrap();
    let mut second = member("g", &broker.tcp());
    second.subscribe(&["t"]).unwrap();
    produce(&broker, "t", 0, [10]).await;
    assert_eq!(read(&mut second, 1).await, [10]);
}

/// Notes what a member is told, as `+` and `-` with partitions.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn note(&self, what: char, partitions: &[TopicPartition]) {
        let names: Vec<String> = partitions.iter().map(ToString::to_string).collect();
        self.0
            .lock()
            .unwrap()
            .push(format!("{what}{}", names.join(",")));
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl RebalanceListener for Told {
    async fn assigned(&mut self, consumer: &mut Consumer, partitions: &[TopicPartition]) {
        assert!(
            partitions
                .iter()
                .all(|partition| consumer.assignment().contains(partition))
        );
        self.note('+', partitions);
    }

    async fn revoked(&mut self, consumer: &mut Consumer, partitions: &[TopicPartition]) {
        consumer.commit(consumer.positions()).await.unwrap();
        self.note('-', partitions);
    }

    async fn lost(&mut self, _: &mut Consumer, partitions: &[TopicPartition]) {
        self.note('!', partitions);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_members_divide_partitions_and_hand_them_over() {
    let broker = TestBroker::start().await;
    create(&broker.tcp(), "t", 4).await;
    let told = Told::default();
    let mut first = member("g", &broker.tcp());
    first.set_listener(Box::new(told.clone()));
    first.subscribe(&["t"]).unwrap();
    let mut members = vec![first];
    poll_until(&mut members, |members| members[0].assignment().len() == 4).await;
    for partition in 0..4 {
        produce(&broker, "t", partition, [partition]).await;
    }
    assert_eq!(read(&mut members[0], 4).await.len(), 4);

    let mut second = member("g", &broker.memory());
    second.subscribe(&["t"]).unwrap();
    members.push(second);
    poll_until(&mut members, |members| {
        members.iter().all(|member| member.assignment().len() == 2)
    })
    .await;
    let (one, other) = (members[0].assignment(), members[1].assignment());
    assert!(one.iter().all(|partition| !other.contains(partition)));

    members.pop().unwrap().close(LIMIT).await.unwrap();
    poll_until(&mut members, |members| members[0].assignment().len() == 4).await;
    // What was read before is committed, so that nothing is read twice.
    produce(&broker, "t", 3, [33]).await;
    assert_eq!(read(&mut members[0], 1).await, [33]);
    let all = "t-0,t-1,t-2,t-3";
    let halves = [format!("+{}", names(&one)), format!("-{}", names(&one))];
    assert_eq!(
        told.all(),
        [
            format!("+{all}"),
            format!("-{all}"),
            halves[0].clone(),
            halves[1].clone(),
            format!("+{all}")
        ]
    );
}

fn names(partitions: &[TopicPartition]) -> String {
    partitions
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(",")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cooperative_members_keep_what_does_not_move() {
    let broker = TestBroker::start().await;
    create(&broker.tcp(), "t", 4).await;
    let settings = [
        ("group.id", "g"),
        ("partition.assignment.strategy", "cooperative-sticky"),
    ];
    let told = Told::default();
    let mut first = Consumer::new(config(&settings), broker.tcp());
    first.set_listener(Box::new(told.clone()));
    first.subscribe(&["t"]).unwrap();
    let mut members = vec![first];
    poll_until(&mut members, |members| members[0].assignment().len() == 4).await;
    let mut second = Consumer::new(config(&settings), broker.tcp());
    second.subscribe(&["t"]).unwrap();
    members.push(second);
    poll_until(&mut members, |members| {
        members.iter().all(|member| member.assignment().len() == 2)
    })
    .await;
    let moved = names(&members[1].assignment());
    assert_eq!(
        told.all(),
        ["+t-0,t-1,t-2,t-3".to_owned(), format!("-{moved}")]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_members_partitions_go_to_the_others() {
    let broker = TestBroker::start().await;
    create(&broker.tcp(), "t", 2).await;
    let mut members: Vec<Consumer> = (0..2).map(|_| member("g", &broker.tcp())).collect();
    members
        .iter_mut()
        .for_each(|member| member.subscribe(&["t"]).unwrap());
    poll_until(&mut members, |members| {
        members.iter().all(|member| member.assignment().len() == 1)
    })
    .await;
    drop(members.pop());
    poll_until(&mut members, |members| members[0].assignment().len() == 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_does_not_poll_gives_up_its_place_and_comes_back() {
    let broker = TestBroker::start().await;
    create(&broker.tcp(), "t", 1).await;
    let settings = [("group.id", "g"), ("max.poll.interval.ms", "300")];
    let told = Told::default();
    let mut slow = Consumer::new(config(&settings), broker.tcp());
    slow.set_listener(Box::new(told.clone()));
    slow.subscribe(&["t"]).unwrap();
    let mut slow = vec![slow];
    poll_until(&mut slow, |slow| slow[0].assignment().len() == 1).await;
    let mut other = vec![member("g", &broker.tcp())];
    other[0].subscribe(&["t"]).unwrap();
    poll_until(&mut other, |other| other[0].assignment().len() == 1).await;
    let refused = slow[0]
        .commit(Offsets::from([(tp("t", 0), CommittedOffset::at(0))]))
        .await
        .unwrap_err();
    assert!(!refused.is_retriable(), "{refused}");
    drop(other);
    poll_until(&mut slow, |_| told.all().len() >= 3).await;
    assert_eq!(told.all(), ["+t-0", "!t-0", "+t-0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_static_member_comes_back_to_its_partitions_and_shuts_out_the_one_before() {
    let broker = TestBroker::start().await;
    create(&broker.tcp(), "t", 2).await;
    let settings = [("group.id", "g"), ("group.instance.id", "one")];
    let mut old = Consumer::new(config(&settings), broker.tcp());
    old.subscribe(&["t"]).unwrap();
    let mut members = vec![old, member("g", &broker.tcp())];
    members[1].subscribe(&["t"]).unwrap();
    poll_until(&mut members, |members| {
        members.iter().all(|member| member.assignment().len() == 1)
    })
    .await;
    let generation = members[1].identity().unwrap().generation;
    let mut new = Consumer::new(config(&settings), broker.tcp());
    new.subscribe(&["t"]).unwrap();
    members.push(new);
    let mut old = members.remove(0);
    poll_until(&mut members, |members| {
        members[1].assignment() == old.assignment()
    })
    .await;
    assert_eq!(members[0].identity().unwrap().generation, generation);
    for _ in 0..2 {
        let error = old.poll(LIMIT).await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains("was replaced by another process"),
            "{error}"
        );
    }
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
async fn events_take_the_place_of_callbacks() {
    let broker = TestBroker::start().await;
    produce(&broker, "t", 0, [1]).await;
    let mut consumer = member("g", &broker.tcp());
    consumer.subscribe(&["t"]).unwrap();
    let mut seen = BTreeMap::new();
    for order in 0..100 {
        let name = match consumer.poll_event(TICK).await.unwrap() {
            Some(Polled::Assigned(_)) => "assigned",
            Some(Polled::Batch(_)) => "batch",
            Some(other) => panic!("{other:?}"),
            None => continue,
        };
        seen.entry(name).or_insert(order);
        if seen.len() == 2 {
            break;
        }
    }
    assert!(seen["assigned"] < seen["batch"]);
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
