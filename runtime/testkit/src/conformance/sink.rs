//! What every sink must stand.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millrace_api::{
    ConnectorContext, Execution, Properties, SinkBatch, SinkConnector, SinkOffsets, TopicPartition,
};

use super::{HOLD_MAX, HOLD_TRIES, Refused, check_definition, check_told};
use crate::hold::{longest_hold, within};
use crate::source::PATIENCE;
use crate::{SinkRun, TextSinkBatch};

/// A sink's system, under the control of a test.
#[async_trait]
pub trait SinkFixture {
    /// The connector.
    type Connector: SinkConnector;

    /// A new connector, not started.
    fn connector(&self) -> Self::Connector;

    /// Makes the system empty and ready, and returns what writes to it.
    async fn reset(&mut self) -> Properties;

    /// The values that have arrived, in order; none where the test cannot see them.
    async fn delivered(&mut self) -> Option<Vec<String>>;

    /// Whether a batch that comes twice is written twice; one that knows what it has written by its offsets says no.
    fn repeats(&self) -> bool {
        true
    }

    /// Configurations that must fail, at the latest at the first `put`.
    async fn refused(&mut self) -> Vec<Refused>;
}

/// Runs the whole suite.
///
/// # Panics
/// When the connector does not conform.
pub async fn sink<F: SinkFixture>(fixture: &mut F) {
    configuration(fixture).await;
    life(fixture).await;
    delivery(fixture).await;
    redelivery_and_restart(fixture).await;
    large_batches(fixture).await;
    short_steps(fixture).await;
}

fn partition() -> TopicPartition {
    TopicPartition {
        topic: Arc::from("topic"),
        partition: 0,
    }
}

async fn started<F: SinkFixture>(fixture: &F, properties: &Properties) -> SinkRun<F::Connector> {
    SinkRun::start(fixture.connector(), properties, &[partition()])
        .await
        .unwrap_or_else(|error| panic!("cannot start: {}", error.trace()))
}

async fn put<C: SinkConnector>(run: &mut SinkRun<C>, batch: &SinkBatch) {
    run.put(batch)
        .await
        .unwrap_or_else(|error| panic!("cannot put: {}", error.trace()));
}

/// Commits `offsets` and checks that no more is committed than was put.
async fn commit<C: SinkConnector>(run: &mut SinkRun<C>, offsets: SinkOffsets) -> SinkOffsets {
    let asked = offsets.clone();
    let safe = run
        .pre_commit(offsets)
        .await
        .unwrap_or_else(|error| panic!("cannot commit: {}", error.trace()));
    for (partition, offset) in &safe {
        assert!(
            asked.get(partition).is_some_and(|put| offset <= put),
            "{partition} is committed past what was put"
        );
    }
    safe
}

async fn stop<C: SinkConnector>(run: SinkRun<C>) {
    run.stop(&[partition()])
        .await
        .unwrap_or_else(|error| panic!("cannot stop: {}", error.trace()));
}

async fn check_delivered<F: SinkFixture>(fixture: &mut F, expected: &[&str]) {
    if let Some(delivered) = fixture.delivered().await {
        assert_eq!(delivered, expected);
    }
}

async fn configuration<F: SinkFixture>(fixture: &mut F) {
    let good = fixture.reset().await;
    let connector = fixture.connector();
    let definition = connector.definition();
    check_definition(&definition, &connector.validate(&good).await, &good);
    for (properties, mention) in fixture.refused().await {
        let failed = async {
            let mut run = SinkRun::start(fixture.connector(), &properties, &[partition()]).await?;
            run.put(&TextSinkBatch::new(partition()).next([Some("value")]))
                .await
        };
        let error = within(PATIENCE, "refusing a configuration", failed).await;
        let Err(error) = error else {
            panic!("accepted {properties:?}");
        };
        let trace = error.trace();
        assert!(
            trace.contains(&mention),
            "the message does not mention {mention}: {trace}"
        );
        let together = connector.validate(&properties).await;
        check_told(&definition, &together, &properties, &error);
    }
}

/// Start and stop, in any state and more than once.
async fn life<F: SinkFixture>(fixture: &mut F) {
    let properties = fixture.reset().await;
    fixture.connector().stop().await;
    fixture.connector().task().stop().await;
    let mut connector = fixture.connector();
    for _ in 0..2 {
        let context = ConnectorContext::new(Arc::from("test"), || {});
        assert!(
            connector.start(&properties, context).await.is_ok(),
            "a connector starts again"
        );
        assert!(
            connector
                .task_configs(3)
                .await
                .is_ok_and(|configs| (1..=3).contains(&configs.len()))
        );
        connector.stop().await;
    }
    for _ in 0..2 {
        let mut run = started(fixture, &properties).await;
        put(&mut run, &SinkBatch::new()).await;
        stop(run).await;
    }
    check_delivered(fixture, &[]).await;
}

/// What was put and committed has arrived, in order; partitions may come and go.
async fn delivery<F: SinkFixture>(fixture: &mut F) {
    let properties = fixture.reset().await;
    let mut run = started(fixture, &properties).await;
    let mut batches = TextSinkBatch::new(partition());
    put(&mut run, &batches.next([Some("a"), Some("é b")])).await;
    let other = TopicPartition {
        topic: Arc::from("other"),
        partition: 1,
    };
    assert!(run.task().open(std::slice::from_ref(&other)).await.is_ok());
    assert!(run.task().close(&[other]).await.is_ok());
    put(&mut run, &batches.next([Some("c")])).await;
    let safe = commit(&mut run, batches.offsets()).await;
    assert_eq!(
        safe,
        batches.offsets(),
        "what was put is safe once it is committed"
    );
    check_delivered(fixture, &["a", "é b", "c"]).await;
    stop(run).await;
}

/// A batch may come twice, and a new task goes on behind the old one.
async fn redelivery_and_restart<F: SinkFixture>(fixture: &mut F) {
    let properties = fixture.reset().await;
    let mut batches = TextSinkBatch::new(partition());
    let batch = batches.next([Some("a"), Some("b")]);
    let mut run = started(fixture, &properties).await;
    put(&mut run, &batch).await;
    put(&mut run, &batch).await;
    commit(&mut run, batches.offsets()).await;
    stop(run).await;
    let mut run = started(fixture, &properties).await;
    put(&mut run, &batches.next([Some("c")])).await;
    commit(&mut run, batches.offsets()).await;
    stop(run).await;
    let expected: &[&str] = match fixture.repeats() {
        true => &["a", "b", "a", "b", "c"],
        false => &["a", "b", "c"],
    };
    check_delivered(fixture, expected).await;
}

async fn large_batches<F: SinkFixture>(fixture: &mut F) {
    let properties = fixture.reset().await;
    let values: Vec<String> = (0..5_000)
        .map(|number| format!("{number} {}", "x".repeat(number % 400)))
        .collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let mut run = started(fixture, &properties).await;
    let mut batches = TextSinkBatch::new(partition());
    put(&mut run, &batches.next(values.iter().copied().map(Some))).await;
    commit(&mut run, batches.offsets()).await;
    stop(run).await;
    check_delivered(fixture, &values).await;
}

/// An `Async` plugin gives its thread back soon.
async fn short_steps<F: SinkFixture>(fixture: &mut F) {
    if F::Connector::plugin().execution != Execution::Async {
        return;
    }
    let properties = fixture.reset().await;
    let mut run = started(fixture, &properties).await;
    let mut batches = TextSinkBatch::new(partition());
    let mut shortest = Duration::MAX;
    for _ in 0..HOLD_TRIES {
        let batch = batches.next(vec![Some("value"); 1000]);
        let (_, hold) = longest_hold(run.put(&batch)).await;
        shortest = shortest.min(hold);
        if shortest <= HOLD_MAX {
            break;
        }
    }
    stop(run).await;
    assert!(
        shortest <= HOLD_MAX,
        "put keeps its thread for {shortest:?}"
    );
}
