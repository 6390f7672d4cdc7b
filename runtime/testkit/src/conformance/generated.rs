//! What a source must stand that makes its records itself, or has none: nobody can put records into its system, so that
//! those of one run are compared with those of another.

use std::time::Duration;

use millrace_api::{Properties, SourceConnector};

use super::SourceFixture;
use super::source::{bounded_batches, configuration, life, polled, short_steps, started};
use crate::hold::yield_once;
use crate::{MemoryOffsets, SourceRun};

/// A source that makes its records itself: [`SourceFixture::reset`] has it make them as fast as they are taken, and
/// without an end that a test reaches; [`SourceFixture::produce`] has nothing to do.
pub trait GeneratedFixture: SourceFixture {
    /// A configuration by which no record is ever due.
    fn idle(&self) -> Properties;

    /// What of a value is the same whenever it is made: the whole of it, unless it has the time in it.
    fn lasting(&self, value: &str) -> String {
        value.to_owned()
    }
}

/// Runs what of the suite fits a source that makes its records itself.
///
/// # Panics
/// When the connector does not conform.
pub async fn generated_source<F: GeneratedFixture>(fixture: &mut F) {
    configuration(fixture).await;
    life(fixture).await;
    idle(fixture, &fixture.idle()).await;
    pause(fixture).await;
    order_and_restart(fixture).await;
    acknowledged_only(fixture).await;
    bounded_batches(fixture).await;
    short_steps(fixture).await;
}

/// Runs what of the suite fits a source that never gives a record.
///
/// # Panics
/// When the connector does not conform.
pub async fn silent_source<F: SourceFixture>(fixture: &mut F) {
    configuration(fixture).await;
    life(fixture).await;
    let properties = fixture.reset().await;
    idle(fixture, &properties).await;
}

/// A poll ends soon after the task is asked to pause, waits while nothing is due, and may be dropped when the task ends.
async fn idle<F: SourceFixture>(fixture: &F, properties: &Properties) {
    let mut run = started(fixture, properties, &MemoryOffsets::default()).await;
    nothing_while_paused(&mut run).await;
    run.resume();
    tokio::select! {
        biased;
        polled = run.task().poll() => panic!("nothing was due, and poll gives {polled:?}"),
        () = async { yield_once().await; tokio::time::sleep(Duration::from_millis(20)).await } => {}
    }
    run.stop().await;
}

async fn nothing_while_paused<C: SourceConnector>(run: &mut SourceRun<C>) {
    run.pause();
    let paused = run
        .poll()
        .await
        .unwrap_or_else(|error| panic!("cannot poll: {}", error.trace()));
    assert!(
        paused.is_none_or(|batch| batch.is_empty()),
        "a paused task gives records"
    );
}

/// The first `count` records and more, as far as they last.
async fn made<F: GeneratedFixture>(
    fixture: &F,
    run: &mut SourceRun<F::Connector>,
    count: usize,
) -> Vec<String> {
    let values = polled(run, count).await;
    values.iter().map(|value| fixture.lasting(value)).collect()
}

/// A pause loses no record and repeats none.
async fn pause<F: GeneratedFixture>(fixture: &mut F) {
    let properties = fixture.reset().await;
    let mut whole = started(fixture, &properties, &MemoryOffsets::default()).await;
    let mut paused = started(fixture, &properties, &MemoryOffsets::default()).await;
    let mut parts = made(fixture, &mut paused, 3).await;
    nothing_while_paused(&mut paused).await;
    paused.resume();
    parts.extend(made(fixture, &mut paused, 3).await);
    let all = made(fixture, &mut whole, parts.len()).await;
    assert_eq!(parts, all[..parts.len()], "over a pause");
    whole.stop().await;
    paused.stop().await;
}

/// Each run makes the same records, and from every offset exactly those behind it.
async fn order_and_restart<F: GeneratedFixture>(fixture: &mut F) {
    let properties = fixture.reset().await;
    let mut run = started(fixture, &properties, &MemoryOffsets::default()).await;
    let records = run
        .poll_records(7)
        .await
        .unwrap_or_else(|error| panic!("cannot poll: {}", error.trace()));
    run.stop().await;
    let all: Vec<String> = records
        .iter()
        .take(7)
        .map(|record| fixture.lasting(record.value.as_deref().unwrap_or_default()))
        .collect();
    for (index, record) in records.iter().enumerate().take(6) {
        let offsets = MemoryOffsets::default();
        offsets.commit(&record.partition, record.offset.clone());
        let mut run = started(fixture, &properties, &offsets).await;
        let rest = made(fixture, &mut run, 6 - index).await;
        assert_eq!(
            rest[..6 - index],
            all[index + 1..],
            "from the offset of record {index}"
        );
        run.stop().await;
    }
}

/// What was made but not acknowledged comes again after a restart.
async fn acknowledged_only<F: GeneratedFixture>(fixture: &mut F) {
    let properties = fixture.reset().await;
    let offsets = MemoryOffsets::default();
    let mut run = started(fixture, &properties, &offsets).await;
    let all = made(fixture, &mut run, 6).await;
    run.acknowledge(4).await;
    run.stop().await;
    let mut run = started(fixture, &properties, &offsets).await;
    let again = made(fixture, &mut run, 2).await;
    assert_eq!(again[..2], all[4..6]);
    run.stop().await;
}
