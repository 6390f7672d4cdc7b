//! What answers do to a consumer's partitions, without a broker.

use async_trait::async_trait;
use bytes::Bytes;
use millrace_config::{Config, Properties};
use millrace_wire::batch::{BatchBuilder, Headers, ProducerIdentity};
use millrace_wire::clock;
use millrace_wire::compression::Compression;
use millrace_wire::link::{Dial, Link, LinkError};
use millrace_wire::messages::{EpochEndOffset, FetchableTopicResponse, PartitionData};
use millrace_wire::pool::Pool;
use millrace_wire::records::Records;

use super::*;
use crate::cluster::Cluster;
use crate::config::ClusterConfig;
use crate::consumer::partitions::Stage;
use crate::error::ClientError;

const NODE: i32 = 1;
const NOW: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Nowhere;

#[async_trait]
impl Dial for Nowhere {
    async fn dial(&self, host: &str, _: u16) -> Result<Arc<dyn Link>, LinkError> {
        Err(LinkError::Closed {
            address: host.to_owned(),
        })
    }
}

struct Scene {
    fetcher: Fetcher,
    partitions: Partitions,
}

impl Scene {
    fn new() -> Self {
        let cluster = Cluster::new(ClusterConfig::at("x:1"), Arc::new(Nowhere), clock::system());
        let config = ConsumerConfig::parse(&Properties::new()).unwrap();
        let mut partitions = Partitions::new(cluster.retry_backoff());
        partitions.add([name(0), name(1)], Stage::Committed);
        partitions.seek(&name(0), 0);
        partitions.seek(&name(1), 0);
        let mut fetcher = Fetcher::new(Arc::new(config), Arc::new(cluster.lane()));
        let broker = Broker {
            session: Session::default(),
            asked: None,
            give_up: None,
            empty: 0,
            waiting: 0,
            not_before: Duration::ZERO,
            backoff: cluster.retry_backoff(),
        };
        fetcher.brokers.insert(NODE, broker);
        Scene {
            fetcher,
            partitions,
        }
    }

    fn broker(&mut self) -> &mut Broker {
        self.fetcher.brokers.get_mut(&NODE).unwrap()
    }

    /// A request for both partitions goes out.
    fn ask(&mut self) {
        let asked = self
            .partitions
            .iter()
            .map(|(name, state)| (name.clone(), (state.stamp, state.fetch_offset)))
            .collect();
        self.broker().asked = Some(asked);
    }

    fn answer(&mut self, parts: Vec<PartitionData>) -> Vec<Trouble> {
        let topic = FetchableTopicResponse {
            topic: "t".into(),
            partitions: parts,
            ..FetchableTopicResponse::default()
        };
        let response = FetchResponse {
            responses: vec![topic],
            ..FetchResponse::default()
        };
        self.end(Ok(response))
    }

    fn end(&mut self, result: Result<FetchResponse, ClientError>) -> Vec<Trouble> {
        let done = FetchDone {
            node: NODE,
            result: Some(result),
        };
        self.fetcher.done(done, &mut self.partitions, NOW)
    }

    fn next(&mut self) -> Option<(i32, i64)> {
        let fetched = self.fetcher.next(&mut self.partitions).unwrap()?;
        Some((fetched.partition, fetched.rows[0].offset))
    }
}

fn name(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

/// One batch of one record.
fn part(partition_index: i32, offset: i64) -> PartitionData {
    let mut builder = BatchBuilder::new(Pool::global(), 1 << 10);
    builder.append(0, None, Some(b"v"), Headers::NONE);
    let closed = builder
        .close(ProducerIdentity::NONE, Compression::None, None)
        .unwrap();
    let mut bytes = closed.bytes().to_vec();
    bytes[..8].copy_from_slice(&offset.to_be_bytes());
    PartitionData {
        partition_index,
        records: Some(Records::from(Bytes::from(bytes))),
        ..PartitionData::default()
    }
}

fn error(partition_index: i32, error_code: ErrorCode) -> PartitionData {
    PartitionData {
        partition_index,
        error_code,
        ..PartitionData::default()
    }
}

#[test]
fn one_answer_is_fetched_ahead_and_no_more() {
    let mut scene = Scene::new();
    for offset in 0..2 {
        assert!(scene.broker().is_free(NOW));
        scene.ask();
        assert!(!scene.broker().is_free(NOW), "one request at a time");
        assert_eq!(scene.answer(vec![part(0, offset)]), []);
    }
    assert!(!scene.broker().is_free(NOW), "two answers wait");
    assert_eq!(scene.next(), Some((0, 0)));
    assert!(!scene.broker().is_free(NOW), "the first is not done with");
    assert_eq!(scene.next(), Some((0, 1)));
    assert!(scene.broker().is_free(NOW));
    assert_eq!(scene.next(), None);
}

#[test]
fn what_was_asked_for_before_a_seek_is_dropped() {
    let mut scene = Scene::new();
    scene.ask();
    scene.partitions.seek(&name(0), 50);
    assert_eq!(scene.answer(vec![part(0, 0), part(1, 0)]), []);
    assert_eq!(scene.next(), Some((1, 0)));
    assert_eq!(scene.next(), None);
    assert_eq!(
        scene.partitions.get(&name(0)).unwrap().known_position(),
        Some(50)
    );
}

#[test]
fn a_paused_partition_holds_up_nobody_and_goes_on_when_resumed() {
    let mut scene = Scene::new();
    scene.ask();
    scene.answer(vec![part(0, 0), part(1, 0)]);
    scene.partitions.get_mut(&name(0)).unwrap().paused = true;
    assert_eq!(scene.next(), Some((1, 0)));
    assert_eq!(scene.next(), None);
    assert!(scene.broker().is_free(NOW));
    scene.partitions.get_mut(&name(0)).unwrap().paused = false;
    assert_eq!(scene.next(), Some((0, 0)));
}

#[test]
fn errors_of_partitions_say_what_to_do_and_leave_the_others_alone() {
    let partition = name(0);
    for (code, expected) in [
        (ErrorCode::NOT_LEADER_OR_FOLLOWER, Trouble::Stale),
        (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Trouble::Stale),
        (ErrorCode::FENCED_LEADER_EPOCH, Trouble::Stale),
        (
            ErrorCode::OFFSET_OUT_OF_RANGE,
            Trouble::OutOfRange {
                partition: partition.clone(),
                offset: 0,
            },
        ),
        (
            ErrorCode::TOPIC_AUTHORIZATION_FAILED,
            Trouble::Topic {
                topic: "t".into(),
                code: ErrorCode::TOPIC_AUTHORIZATION_FAILED,
            },
        ),
        (
            ErrorCode::CORRUPT_MESSAGE,
            Trouble::Damaged {
                partition: partition.clone(),
                offset: 0,
                code: ErrorCode::CORRUPT_MESSAGE,
            },
        ),
    ] {
        let mut scene = Scene::new();
        scene.ask();
        assert_eq!(
            scene.answer(vec![error(0, code), part(1, 0)]),
            [expected],
            "{code}"
        );
        assert_eq!(scene.next(), Some((1, 0)));
        let waits = !scene.partitions.get(&partition).unwrap().is_fetchable(NOW);
        assert_eq!(waits, code != ErrorCode::OFFSET_OUT_OF_RANGE, "{code}");
    }
}

#[test]
fn an_offset_out_of_range_is_believed_only_at_the_position() {
    let mut scene = Scene::new();
    scene.ask();
    scene.answer(vec![part(0, 0)]);
    scene.ask();
    assert_eq!(
        scene.answer(vec![error(0, ErrorCode::OFFSET_OUT_OF_RANGE)]),
        []
    );
    assert_eq!(scene.next(), Some((0, 0)));
    assert_eq!(scene.partitions.get(&name(0)).unwrap().fetch_offset, 0);
}

#[test]
fn a_log_that_was_cut_is_told_with_where_both_agree() {
    let mut scene = Scene::new();
    scene.partitions.seek(&name(0), 9);
    scene.ask();
    let cut = PartitionData {
        diverging_epoch: EpochEndOffset {
            epoch: 3,
            end_offset: 5,
        },
        ..error(0, ErrorCode::NONE)
    };
    let expected = Trouble::Truncated {
        partition: name(0),
        offset: 9,
        end_offset: 5,
    };
    assert_eq!(scene.answer(vec![cut]), [expected]);
}

#[test]
fn a_broker_that_does_not_answer_is_asked_again_after_a_while() {
    let mut scene = Scene::new();
    scene.ask();
    let lost = LinkError::Closed {
        address: "x:1".into(),
    };
    assert_eq!(scene.end(Err(lost.into())), [Trouble::Stale]);
    assert!(!scene.broker().is_free(NOW));
    let due = scene.fetcher.next_due(NOW).unwrap();
    assert!(scene.broker().is_free(due));
}

#[test]
fn a_lost_session_is_opened_again_at_once() {
    let mut scene = Scene::new();
    scene.ask();
    let lost = FetchResponse {
        error_code: ErrorCode::FETCH_SESSION_ID_NOT_FOUND,
        ..FetchResponse::default()
    };
    assert_eq!(scene.end(Ok(lost)), []);
    assert!(scene.broker().is_free(NOW));
}

#[test]
fn what_waits_for_records_holds_little_memory() {
    let scene = Scene::new();
    let lane = Arc::clone(&scene.fetcher.lane);
    let waits = fetch(lane, NODE, FetchRequest::default(), true);
    let size = size_of_val(&waits);
    assert!(size <= 2 << 10, "{size} bytes");
}

#[test]
fn answers_that_bring_nothing_are_counted_until_one_brings_something() {
    let mut scene = Scene::new();
    let empty = || PartitionData::default();
    let unknown = || error(0, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    for (parts, expected) in [
        (vec![], 1),
        (vec![empty()], 2),
        (vec![part(0, 0)], 0),
        (vec![empty()], 1),
        (vec![unknown()], 0),
    ] {
        scene.ask();
        scene.answer(parts);
        assert_eq!(scene.broker().empty, expected);
    }
}

#[test]
fn a_fetch_waits_no_longer_than_it_may_and_ends_with_others() {
    for (most, now_ms, expected) in [
        (1000, 5_000, 952),
        (1000, 5_999, 977),
        (5, 1_234, 5),
        (0, 1, 0),
    ] {
        let most = Duration::from_millis(most);
        assert_eq!(max_wait(most, Duration::from_millis(now_ms)), expected);
    }
    assert_eq!(max_wait(Duration::from_secs(u64::MAX / 2), NOW), i32::MAX);
}
