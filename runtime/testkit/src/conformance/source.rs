//! What every source must stand.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millrace_api::{ConnectorContext, Execution, Properties, SourceConnector};

use super::{HOLD_MAX, HOLD_TRIES, Refused, check_definition, check_told};
use crate::hold::{longest_hold, within, yield_once};
use crate::source::PATIENCE;
use crate::{MemoryOffsets, SourceRun};

/// More than any poll may hold on to.
const BLOCK_BYTES_MAX: usize = 4 << 20;

/// A source's system, under the control of a test.
#[async_trait]
pub trait SourceFixture {
    /// The connector.
    type Connector: SourceConnector;

    /// A new connector, not started.
    fn connector(&self) -> Self::Connector;

    /// Makes the system empty and ready, and returns what reads all of it.
    async fn reset(&mut self) -> Properties;

    /// Adds records with these values, after those that are there.
    async fn produce(&mut self, values: &[String]);

    /// Configurations that must fail, at the latest at the first poll.
    async fn refused(&mut self) -> Vec<Refused>;
}

/// Runs the whole suite.
///
/// # Panics
/// When the connector does not conform.
pub async fn source<F: SourceFixture>(fixture: &mut F) {
    configuration(fixture).await;
    life(fixture).await;
    interruption(fixture).await;
    order_and_restart(fixture).await;
    acknowledged_only(fixture).await;
    bounded_batches(fixture).await;
    short_steps(fixture).await;
}

/// A system whose records are pushed into the source by senders who hear whether they are stored. There is nothing to
/// read again: a sender keeps what was not answered and sends it anew, so that `produce` goes on trying until
/// [`SourceFixture::reset`].
#[async_trait]
pub trait PushFixture: SourceFixture {
    /// How many values their senders know to be stored.
    async fn answered(&mut self) -> usize;
}

/// Runs what of the suite fits a source without offsets, and that senders hear what is true.
///
/// # Panics
/// When the connector does not conform.
pub async fn pushed_source<F: PushFixture>(fixture: &mut F) {
    configuration(fixture).await;
    life(fixture).await;
    interruption(fixture).await;
    answers(fixture).await;
    bounded_batches(fixture).await;
    short_steps(fixture).await;
}

/// Runs what of the suite fits a source that forgets: it has no offsets to go back to, and those whose records it reads
/// never hear whether they are stored. What such a source loses is for its own tests and its README to say. Like a
/// [`PushFixture`]'s, `produce` goes on trying until [`SourceFixture::reset`].
///
/// # Panics
/// When the connector does not conform.
pub async fn forgetful_source<F: SourceFixture>(fixture: &mut F) {
    configuration(fixture).await;
    life(fixture).await;
    interruption(fixture).await;
    bounded_batches(fixture).await;
    short_steps(fixture).await;
}

/// Senders hear that their records are stored when all of them are, and not before; what was not stored is sent again.
async fn answers<F: PushFixture>(fixture: &mut F) {
    let properties = fixture.reset().await;
    let all = values(6);
    let mut run = started(fixture, &properties, &MemoryOffsets::default()).await;
    fixture.produce(&all).await;
    assert_eq!(polled(&mut run, 6).await, all, "in order");
    run.acknowledge(5).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(fixture.answered().await, 0, "one is not stored yet");
    run.acknowledge(1).await;
    let answered = async {
        while fixture.answered().await < all.len() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(PATIENCE, "answering what is stored", answered).await;

    fixture.produce(&all[..4]).await;
    polled(&mut run, 4).await;
    run.stop().await;
    assert_eq!(fixture.answered().await, 6, "what is not acknowledged");
    let mut run = started(fixture, &properties, &MemoryOffsets::default()).await;
    assert_eq!(polled(&mut run, 4).await, all[..4], "sent again");
    run.stop().await;
}

fn values(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("value {number} é"))
        .collect()
}

pub(super) async fn started<F: SourceFixture>(
    fixture: &F,
    properties: &Properties,
    offsets: &MemoryOffsets,
) -> SourceRun<F::Connector> {
    SourceRun::start(fixture.connector(), properties, offsets)
        .await
        .unwrap_or_else(|error| panic!("cannot start: {}", error.trace()))
}

pub(super) async fn polled<C: SourceConnector>(
    run: &mut SourceRun<C>,
    count: usize,
) -> Vec<String> {
    let records = run
        .poll_records(count)
        .await
        .unwrap_or_else(|error| panic!("cannot poll: {}", error.trace()));
    records
        .into_iter()
        .map(|record| record.value.unwrap_or_default())
        .collect()
}

pub(super) async fn configuration<F: SourceFixture>(fixture: &mut F) {
    let good = fixture.reset().await;
    let connector = fixture.connector();
    let definition = connector.definition();
    check_definition(&definition, &connector.validate(&good).await, &good);
    for (properties, mention) in fixture.refused().await {
        let failed = async {
            let mut run =
                SourceRun::start(fixture.connector(), &properties, &MemoryOffsets::default())
                    .await?;
            run.poll().await.map(drop)
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
pub(super) async fn life<F: SourceFixture>(fixture: &mut F) {
    let properties = fixture.reset().await;
    fixture.connector().stop().await;
    let mut never_started = fixture.connector().task();
    never_started.stop().await;
    assert!(
        never_started.poll().await.is_err(),
        "a task that is not started cannot be polled"
    );

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
        let mut run = started(fixture, &properties, &MemoryOffsets::default()).await;
        run.task().stop().await;
        run.stop().await;
    }
}

/// An idle poll ends soon after the task is asked to pause, and the task goes on after it.
async fn interruption<F: SourceFixture>(fixture: &mut F) {
    let properties = fixture.reset().await;
    let mut run = started(fixture, &properties, &MemoryOffsets::default()).await;
    run.pause();
    let idle = run
        .poll()
        .await
        .unwrap_or_else(|error| panic!("cannot poll: {}", error.trace()));
    assert!(
        idle.is_none_or(|batch| batch.is_empty()),
        "nothing was there to poll"
    );
    run.resume();
    fixture.produce(&values(3)).await;
    assert_eq!(polled(&mut run, 3).await, values(3), "after a pause");

    // A poll that waits is dropped half way only when the task ends.
    tokio::select! {
        biased;
        _ = run.task().poll() => {}
        () = async { yield_once().await; tokio::time::sleep(Duration::from_millis(20)).await } => {}
    }
    run.stop().await;
}

/// All records come, in order, and from every offset exactly those behind it.
async fn order_and_restart<F: SourceFixture>(fixture: &mut F) {
    let properties = fixture.reset().await;
    let all = values(7);
    fixture.produce(&all).await;
    let mut run = started(fixture, &properties, &MemoryOffsets::default()).await;
    let records = run
        .poll_records(7)
        .await
        .unwrap_or_else(|error| panic!("cannot poll: {}", error.trace()));
    run.stop().await;
    let read: Vec<_> = records
        .iter()
        .map(|record| record.value.clone().unwrap_or_default())
        .collect();
    assert_eq!(read, all, "in order");

    for (index, record) in records.iter().enumerate().take(6) {
        let offsets = MemoryOffsets::default();
        offsets.commit(&record.partition, record.offset.clone());
        let mut run = started(fixture, &properties, &offsets).await;
        assert_eq!(
            polled(&mut run, 6 - index).await,
            all[index + 1..],
            "from the offset of record {index}"
        );
        run.stop().await;
    }
}

/// What was polled but not acknowledged comes again after a restart.
async fn acknowledged_only<F: SourceFixture>(fixture: &mut F) {
    let properties = fixture.reset().await;
    let all = values(10);
    fixture.produce(&all[..6]).await;
    let offsets = MemoryOffsets::default();
    let mut run = started(fixture, &properties, &offsets).await;
    polled(&mut run, 6).await;
    run.acknowledge(4).await;
    run.stop().await;
    fixture.produce(&all[6..]).await;
    let mut run = started(fixture, &properties, &offsets).await;
    assert_eq!(polled(&mut run, 6).await, all[4..]);
    run.stop().await;
}

/// However much there is to read, a batch holds little: that is the backpressure.
pub(super) async fn bounded_batches<F: SourceFixture>(fixture: &mut F) {
    let properties = fixture.reset().await;
    let long = "x".repeat(1000);
    fixture.produce(&vec![long; 10_000]).await;
    let mut run = started(fixture, &properties, &MemoryOffsets::default()).await;
    let mut count = 0;
    while count < 10_000 {
        let batch = run
            .poll()
            .await
            .unwrap_or_else(|error| panic!("cannot poll: {}", error.trace()));
        let Some(batch) = batch else { continue };
        assert!(
            batch.block_bytes() <= BLOCK_BYTES_MAX,
            "a batch holds {} bytes",
            batch.block_bytes()
        );
        count += batch.len();
    }
    run.stop().await;
}

/// An `Async` plugin gives its thread back soon.
pub(super) async fn short_steps<F: SourceFixture>(fixture: &mut F) {
    if F::Connector::plugin().execution != Execution::Async {
        return;
    }
    let properties = fixture.reset().await;
    let mut shortest = Duration::MAX;
    for _ in 0..HOLD_TRIES {
        fixture.produce(&values(1000)).await;
        let mut run = started(fixture, &properties, &MemoryOffsets::default()).await;
        let (_, hold) = longest_hold(run.poll()).await;
        run.stop().await;
        shortest = shortest.min(hold);
        if shortest <= HOLD_MAX {
            return;
        }
    }
    panic!("poll keeps its thread for {shortest:?}");
}
