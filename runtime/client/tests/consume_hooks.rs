//! What a consumer's owner can hang in, and where it can start, against the included broker.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::TestBroker;
use millrace_client::Cluster;
use millrace_client::admin::{Admin, NewTopic};
use millrace_client::consumer::assignor::{self, Assignments, PartitionAssignor, PartitionCounts};
use millrace_client::consumer::{
    ConsumeError, Consumer, ConsumerConfig, ConsumerInterceptor, Fetched, Offsets, TopicPartition,
};
use millrace_client::producer::{Producer, RecordRef};
use millrace_config::{Config, Properties};
use millrace_wire::clock;

const LIMIT: Duration = Duration::from_secs(60);
const MINUTE_MS: i64 = 60_000;

fn consumer(cluster: &Cluster, pairs: &[(&str, &str)]) -> Consumer {
    let defaults = [
        ("auto.offset.reset", "earliest"),
        ("enable.auto.commit", "false"),
        ("heartbeat.interval.ms", "100"),
        ("session.timeout.ms", "6000"),
    ];
    let all = defaults.iter().chain(pairs);
    let settings: Properties = all
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    Consumer::new(ConsumerConfig::parse(&settings).unwrap(), cluster.clone())
}

/// A topic whose partition 0 has a record of each of these times.
async fn topic_of_times(broker: &TestBroker, name: &str, partitions: i32, times: &[i64]) {
    let topic = NewTopic {
        partitions: Some(partitions),
        ..NewTopic::new(name)
    };
    let cluster = broker.tcp();
    Admin::new(&cluster).create_topic(&topic).await.unwrap();
    let producer = Producer::new(broker.config(), cluster);
    for &timestamp in times {
        let record = RecordRef {
            timestamp,
            ..RecordRef::of(b"value")
        };
        producer.send(&name.into(), Some(0), record).await.unwrap();
    }
}

/// The offsets of the next `count` rows.
async fn offsets(consumer: &mut Consumer, count: usize) -> Vec<i64> {
    let mut read = Vec::new();
    while read.len() < count {
        let fetched = consumer.poll(LIMIT).await.unwrap().unwrap();
        read.extend(fetched.rows.iter().map(|row| row.offset));
    }
    read
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_found_by_time() {
    let broker = TestBroker::start().await;
    topic_of_times(&broker, "t", 2, &[1_000, 2_000, 2_000, 3_000]).await;
    let consumer = consumer(&broker.tcp(), &[]);
    let (first, empty) = (TopicPartition::new("t", 0), TopicPartition::new("t", 1));
    for (time, expected) in [
        (0, Some((0, 1_000))),
        (1_001, Some((1, 2_000))),
        (3_000, Some((3, 3_000))),
        (3_001, None),
    ] {
        let asked = BTreeMap::from([(first.clone(), time), (empty.clone(), time)]);
        let found = consumer.offsets_for_times(&asked).await.unwrap();
        let pair = found[&first].map(|found| (found.offset, found.timestamp));
        assert_eq!(pair, expected, "{time}");
        assert_eq!(found[&empty], None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_by_duration_is_at_the_first_record_young_enough_or_at_the_end() {
    let broker = TestBroker::start().await;
    let now = clock::system().now_ms();
    let hour = 60 * MINUTE_MS;
    topic_of_times(&broker, "young", 1, &[now - 3 * hour, now - hour, now]).await;
    topic_of_times(&broker, "old", 1, &[now - 5 * hour, now - 4 * hour]).await;
    let cluster = broker.tcp();
    let settings = [("auto.offset.reset", "by_duration:PT2H")];
    let mut young = consumer(&cluster, &settings);
    young.assign(&[TopicPartition::new("young", 0)]);
    assert_eq!(offsets(&mut young, 2).await, [1, 2]);
    let mut old = consumer(&cluster, &settings);
    let name = TopicPartition::new("old", 0);
    old.assign(std::slice::from_ref(&name));
    assert_eq!(old.position(&name, LIMIT).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waking_up_ends_the_poll_under_way_or_the_next_one_once() {
    let broker = TestBroker::start().await;
    topic_of_times(&broker, "t", 1, &[1_000]).await;
    let mut consumer = consumer(&broker.tcp(), &[]);
    consumer.assign(&[TopicPartition::new("t", 0)]);
    assert_eq!(offsets(&mut consumer, 1).await, [0]);
    let waker = consumer.waker();
    let began = tokio::time::Instant::now();
    let waking = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        waker.wake_up();
    });
    let woken = consumer.poll(LIMIT).await;
    assert!(matches!(woken, Err(ConsumeError::WokenUp)), "{woken:?}");
    assert!(began.elapsed() < LIMIT / 2);
    waking.await.unwrap();
    assert!(consumer.poll(Duration::ZERO).await.unwrap().is_none());
    consumer.waker().wake_up();
    let woken = consumer.poll(Duration::ZERO).await;
    assert!(matches!(woken, Err(ConsumeError::WokenUp)), "{woken:?}");
    assert!(consumer.poll(Duration::ZERO).await.unwrap().is_none());
}

/// Drops records at odd offsets and notes what was committed.
struct EvenOnly {
    seen: Arc<AtomicU64>,
    committed: Arc<AtomicI64>,
}

struct Panics;

impl ConsumerInterceptor for EvenOnly {
    fn on_consume(&mut self, batch: &mut Fetched) {
        let rows = batch.rows.len() as u64;
        self.seen.fetch_add(rows, Ordering::Relaxed);
        batch.rows.retain(|row| row.offset % 2 == 0);
    }

    fn on_commit(&mut self, offsets: &Offsets) {
        let offset = offsets[&TopicPartition::new("t", 0)].offset;
        self.committed.store(offset, Ordering::Relaxed);
    }
}

impl ConsumerInterceptor for Panics {
    fn on_consume(&mut self, _: &mut Fetched) {
        panic!("on purpose")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interceptors_see_batches_and_commits_and_their_panics_harm_nobody() {
    let broker = TestBroker::start().await;
    topic_of_times(&broker, "t", 1, &[1_000; 6]).await;
    let (seen, committed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicI64::new(-1)));
    let mut consumer = consumer(&broker.tcp(), &[("group.id", "g")]);
    let even = EvenOnly {
        seen: Arc::clone(&seen),
        committed: Arc::clone(&committed),
    };
    consumer.set_interceptors(vec![Box::new(Panics), Box::new(even)]);
    consumer.subscribe(&["t"]).unwrap();
    assert_eq!(offsets(&mut consumer, 3).await, [0, 2, 4]);
    while seen.load(Ordering::Relaxed) < 6 {
        consumer.poll(Duration::from_millis(50)).await.unwrap();
    }
    consumer.commit(consumer.positions()).await.unwrap();
    assert_eq!(committed.load(Ordering::Relaxed), 6);
    consumer.close(LIMIT).await.unwrap();
}

/// Gives everything to the member whose id comes last, and notes that it was asked.
#[derive(Debug, Default)]
struct LastTakesAll {
    asked: Mutex<Vec<usize>>,
}

impl PartitionAssignor for LastTakesAll {
    fn name(&self) -> &str {
        "last-takes-all"
    }

    fn assign(&self, members: &[assignor::Consumer], counts: &PartitionCounts) -> Assignments {
        self.asked.lock().unwrap().push(members.len());
        let ids = members.iter().map(|member| member.member_id.clone());
        let mut assignments: Assignments = ids.map(|id| (id, Vec::new())).collect();
        let all = counts.iter().flat_map(|(topic, count)| {
            (0..*count).map(|number| TopicPartition::new(topic.as_str(), number))
        });
        if let Some(mut last) = assignments.last_entry() {
            last.get_mut().extend(all);
        }
        assignments
    }
}

/// Polls in turn until what the members hold satisfies `done`.
async fn until(members: &mut [Consumer], done: impl Fn(&[usize]) -> bool) {
    let polling = async {
        loop {
            for member in members.iter_mut() {
                member.poll(Duration::from_millis(10)).await.unwrap();
            }
            let held: Vec<usize> = members
                .iter()
                .map(|member| member.assignment().len())
                .collect();
            if done(&held) {
                return;
            }
        }
    };
    tokio::time::timeout(LIMIT, polling).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_assignor_of_ones_own_divides_the_partitions() {
    let broker = TestBroker::start().await;
    topic_of_times(&broker, "t", 4, &[]).await;
    let assignor = Arc::new(LastTakesAll::default());
    let mut members = Vec::new();
    for _ in 0..2 {
        let mut member = consumer(&broker.tcp(), &[("group.id", "own")]);
        member.set_assignors(vec![Arc::clone(&assignor) as Arc<dyn PartitionAssignor>]);
        member.subscribe(&["t"]).unwrap();
        members.push(member);
    }
    let both = || assignor.asked.lock().unwrap().contains(&2);
    until(&mut members, |held| {
        both() && (held == [4, 0] || held == [0, 4])
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sticky_members_keep_what_they_had_when_one_comes_and_goes() {
    let broker = TestBroker::start().await;
    topic_of_times(&broker, "t", 6, &[]).await;
    let cluster = broker.tcp();
    let settings = [
        ("group.id", "sticky"),
        ("partition.assignment.strategy", "sticky"),
    ];
    let member = || {
        let mut member = consumer(&cluster, &settings);
        member.subscribe(&["t"]).unwrap();
        member
    };
    let mut members = vec![member(), member()];
    until(&mut members, |held| held == [3, 3]).await;
    let before: Vec<_> = members.iter().map(Consumer::assignment).collect();
    members.push(member());
    until(&mut members, |held| held == [2, 2, 2]).await;
    for (member, before) in members.iter().zip(&before) {
        let kept = member.assignment();
        assert!(
            kept.iter().all(|partition| before.contains(partition)),
            "{kept:?}"
        );
    }
    let gone = members.pop().unwrap();
    gone.close(LIMIT).await.unwrap();
    until(&mut members, |held| held == [3, 3]).await;
}
