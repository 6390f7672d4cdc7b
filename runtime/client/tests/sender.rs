//! The producer's sender against a broker that does as a script says.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::Acks;
use common::fake::{Action, FakeBroker, TOPIC};
use millrace_client::Cluster;
use millrace_client::producer::{
    AckSink, Appended, ProduceError, Producer, ProducerConfig, RecordRef,
};
use millrace_wire::clock;
use millrace_wire::error_code::ErrorCode;
use proptest::prelude::*;

fn config() -> ProducerConfig {
    let mut config = ProducerConfig {
        batch_size: 400,
        linger: Duration::from_millis(1),
        ..ProducerConfig::at("fake:1")
    };
    config.cluster.retry_backoff_ms = 1;
    config.cluster.retry_backoff_max_ms = 3;
    config.cluster.reconnect_backoff_ms = 1;
    config.cluster.reconnect_backoff_max_ms = 3;
    config
}

struct Scene {
    broker: FakeBroker,
    producer: Producer,
    topic: Arc<str>,
    acks: Arc<Acks>,
}

impl Scene {
    async fn new(config: ProducerConfig, actions: impl IntoIterator<Item = Action>) -> Self {
        let broker = FakeBroker::default();
        broker.script(actions);
        Self::on(broker, config).await
    }

    async fn on(broker: FakeBroker, config: ProducerConfig) -> Self {
        let cluster = Cluster::new(
            config.cluster.clone(),
            Arc::new(broker.clone()),
            clock::system(),
        );
        let producer = Producer::new(config, cluster);
        let topic: Arc<str> = TOPIC.into();
        producer.ready(&topic).await.unwrap();
        Self {
            broker,
            producer,
            topic,
            acks: Acks::new(),
        }
    }

    async fn append(&self, values: &[Vec<u8>]) {
        let sink: Arc<dyn AckSink> = Arc::clone(&self.acks) as Arc<dyn AckSink>;
        let mut done = 0;
        while done < values.len() {
            let mut rows = values[done..].iter().map(|value| RecordRef {
                timestamp: 1,
                key: None,
                value: Some(value),
                headers: &[],
            });
            let Appended { rows, full } = self
                .producer
                .append(&self.topic, None, &mut rows, done as u64, &sink)
                .unwrap();
            done += rows;
            if full {
                self.producer.room().await.unwrap();
            }
        }
    }

    async fn flushed(&self) {
        tokio::time::timeout(Duration::from_secs(60), self.producer.flush())
            .await
            .unwrap();
    }

    /// Every value is stored once, in order, and every ticket knows its offset.
    fn assert_exactly_once(&self, values: &[Vec<u8>]) {
        assert_eq!(self.acks.failed.lock().unwrap().first(), None);
        let stored = self.broker.values();
        assert_eq!(stored.len(), values.len());
        assert!(stored == values, "order");
        let expected: Vec<(u64, i64)> = (0..values.len()).map(|i| (i as u64, i as i64)).collect();
        assert_eq!(self.acks.offsets(0), expected);
    }
}

fn values(count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|i| format!("value {i:06}").into_bytes())
        .collect()
}

#[tokio::test]
async fn errors_that_pass_are_retried_in_order() {
    let refuse = |code| Action::Refuse(code);
    let script = [
        Action::Serve,
        refuse(ErrorCode::NOT_LEADER_OR_FOLLOWER),
        Action::Serve,
        refuse(ErrorCode::REQUEST_TIMED_OUT),
        refuse(ErrorCode::NOT_ENOUGH_REPLICAS),
    ];
    let scene = Scene::new(config(), script).await;
    let values = values(500);
    scene.append(&values).await;
    scene.flushed().await;
    scene.assert_exactly_once(&values);
}

#[tokio::test]
async fn lost_answers_and_requests_neither_double_nor_reorder() {
    let slow = Action::Slow(Duration::from_millis(5));
    let script = [
        slow,
        slow,
        Action::LoseAnswer,
        slow,
        Action::LoseRequest,
        slow,
        slow,
        slow,
        Action::LoseAnswer,
    ];
    let scene = Scene::new(config(), script).await;
    let values = values(500);
    scene.append(&values).await;
    scene.flushed().await;
    scene.assert_exactly_once(&values);
}

#[tokio::test]
async fn a_producer_that_the_broker_forgot_starts_over_under_a_new_epoch() {
    let scene = Scene::new(config(), [Action::Serve, Action::Forget]).await;
    let values = values(300);
    scene.append(&values).await;
    scene.flushed().await;
    scene.assert_exactly_once(&values);
    assert_eq!(scene.broker.last_epoch(), Some(1));
}

/// A partition that was just made refuses its first batches on a broker that has not heard of it yet.
#[tokio::test]
async fn the_first_batch_keeps_its_place_when_it_is_refused_at_first() {
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let refused = Action::RefuseSlowly(unknown, Duration::from_millis(5));
    for after_a_new_epoch in [false, true] {
        let script = if after_a_new_epoch {
            vec![Action::Serve, Action::Forget, refused]
        } else {
            vec![refused]
        };
        let scene = Scene::new(config(), script).await;
        let values = values(500);
        scene.append(&values).await;
        scene.flushed().await;
        scene.assert_exactly_once(&values);
    }
}

#[tokio::test]
async fn an_epoch_that_the_broker_refuses_brings_a_new_id() {
    let scene = Scene::new(
        config(),
        [
            Action::Serve,
            Action::Refuse(ErrorCode::INVALID_PRODUCER_EPOCH),
        ],
    )
    .await;
    let values = values(300);
    scene.append(&values).await;
    scene.flushed().await;
    scene.assert_exactly_once(&values);
    assert_eq!(scene.broker.last_epoch(), Some(0));
}

#[tokio::test]
async fn a_batch_refused_for_good_does_not_hold_up_the_others() {
    let scene = Scene::new(
        config(),
        [Action::Serve, Action::Refuse(ErrorCode::INVALID_RECORD)],
    )
    .await;
    let values = values(300);
    scene.append(&values).await;
    scene.flushed().await;
    let failed = scene.acks.failed.lock().unwrap().clone();
    assert_eq!(failed.len(), 1);
    let range = failed[0].0.clone();
    let expected: Vec<_> = values
        .iter()
        .enumerate()
        .filter(|(i, _)| !range.contains(&(*i as u64)))
        .map(|(_, value)| value.clone())
        .collect();
    assert!(scene.broker.values() == expected);
}

#[tokio::test]
async fn batches_that_are_too_large_are_split_until_they_fit() {
    let too_large = Action::Refuse(ErrorCode::MESSAGE_TOO_LARGE);
    let scene = Scene::new(config(), [too_large, too_large, Action::Serve, too_large]).await;
    let values = values(300);
    scene.append(&values).await;
    scene.flushed().await;
    scene.assert_exactly_once(&values);
}

#[tokio::test]
async fn without_an_identity_it_goes_on_one_request_at_a_time_unless_one_was_asked_for() {
    let broker = FakeBroker::default();
    broker.refuse_identity(ErrorCode::CLUSTER_AUTHORIZATION_FAILED);
    let scene = Scene::on(broker.clone(), config()).await;
    let values = values(100);
    scene.append(&values).await;
    scene.flushed().await;
    scene.assert_exactly_once(&values);

    let required = ProducerConfig {
        idempotence_required: true,
        ..config()
    };
    let scene = Scene::on(broker, required).await;
    let record = RecordRef {
        timestamp: 1,
        key: None,
        value: Some(b"v"),
        headers: &[],
    };
    let refused = scene
        .producer
        .send(&scene.topic, None, record)
        .await
        .unwrap_err();
    assert!(matches!(refused, ProduceError::Identity(_)), "{refused}");
    assert!(refused.to_string().contains("enable.idempotence"));
}

#[tokio::test]
async fn retries_are_bounded() {
    let refused = Action::Refuse(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    let bounded = ProducerConfig {
        retries: 2,
        idempotence: false,
        ..config()
    };
    let scene = Scene::new(bounded, [refused; 20]).await;
    let record = RecordRef {
        timestamp: 1,
        key: None,
        value: Some(b"v"),
        headers: &[],
    };
    let error = scene
        .producer
        .send(&scene.topic, None, record)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("3 attempts"), "{error}");
    assert_eq!(scene.broker.requests(), 3);
}

#[tokio::test]
async fn memory_is_given_back_and_waited_for() {
    let tight = ProducerConfig {
        buffer_memory: 3_000,
        ..config()
    };
    let scene = Scene::new(tight, [Action::Slow(Duration::from_millis(20)); 6]).await;
    let values = values(2_000);
    scene.append(&values).await;
    scene.flushed().await;
    scene.assert_exactly_once(&values);
}

#[tokio::test]
async fn closing_gives_up_what_a_silent_broker_leaves_unanswered() {
    let scene = Scene::new(config(), [Action::Slow(Duration::from_secs(600)); 20]).await;
    let values = values(100);
    scene.append(&values).await;
    scene.producer.close(Duration::from_millis(50)).await;
    let failed: u64 = scene
        .acks
        .failed
        .lock()
        .unwrap()
        .iter()
        .map(|(range, _)| range.end - range.start)
        .sum();
    assert_eq!(failed, 100);
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => Just(Action::Serve),
        2 => (0u64..4).prop_map(|ms| Action::Slow(Duration::from_millis(ms))),
        1 => Just(Action::LoseAnswer),
        1 => Just(Action::LoseRequest),
        1 => Just(Action::Refuse(ErrorCode::NOT_LEADER_OR_FOLLOWER)),
        1 => Just(Action::Refuse(ErrorCode::NOT_ENOUGH_REPLICAS)),
        1 => (0u64..4).prop_map(|ms| {
            Action::RefuseSlowly(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Duration::from_millis(ms))
        }),
        1 => Just(Action::Refuse(ErrorCode::REQUEST_TIMED_OUT)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_mix_of_troubles_delivers_exactly_once_in_order(script in prop::collection::vec(action(), 0..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let scene = Scene::new(config(), script).await;
            let values = values(600);
            scene.append(&values).await;
            scene.flushed().await;
            scene.assert_exactly_once(&values);
        });
    }
}
