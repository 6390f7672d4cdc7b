//! Consumes the lines of the busy files, looks whether each comes once and in order, and how old it is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use millrace_client::consumer::{Consumer, ConsumerConfig, TopicPartition};
use millrace_config::{Config, Properties};

use super::super::client::Client;
use super::writer::Line;
use super::{BUSY_TOPIC, files};

/// How long nothing may come.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at how many lines there are to be.
const LOOK: Duration = Duration::from_millis(100);

/// Reads until there are as many lines as `lines` says at last: when each was written, since `origin`, and how long it took
/// to come.
pub(super) async fn read(
    client: &Client,
    origin: Instant,
    lines: &AtomicU64,
) -> anyhow::Result<Vec<(Duration, Duration)>> {
    let keys = Properties::from([
        ("bootstrap.servers".to_owned(), client.address().to_owned()),
        ("auto.offset.reset".to_owned(), "earliest".to_owned()),
        ("enable.auto.commit".to_owned(), "false".to_owned()),
    ]);
    let mut consumer = Consumer::new(ConsumerConfig::parse(&keys)?, client.cluster.clone());
    consumer.assign(&[TopicPartition::new(BUSY_TOPIC, 0)]);
    let mut next = [0; files::BUSY];
    let mut times = Vec::new();
    let mut last = Instant::now();
    while (times.len() as u64) < lines.load(Ordering::Acquire) {
        let Some(batch) = consumer.poll(LOOK).await? else {
            ensure!(last.elapsed() < PATIENCE, "{} lines came", times.len());
            continue;
        };
        let now = origin.elapsed();
        last = Instant::now();
        for row in &batch.rows {
            let value = row.value.of(&batch.data).unwrap_or_default();
            let line = Line::parse(value).context("a line was not written here")?;
            let expected = next
                .get_mut(line.file)
                .context("a file was not written here")?;
            ensure!(
                line.number == *expected,
                "{line:?} came instead of {expected}"
            );
            *expected += 1;
            times.push((line.written, now.saturating_sub(line.written)));
        }
    }
    consumer.close(Duration::from_secs(5)).await?;
    Ok(times)
}
