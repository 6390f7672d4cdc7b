//! What has arrived on its way to the sink: gathered, converted, transformed.

use std::time::Duration;

use millrace_api::{ConnectError, Row, SinkBatch, SinkOffsets, Span, TopicPartition};
use millrace_client::consumer::{Fetched, Polled};

use super::retries::by_first_topic;
use super::{SinkLoop, consume_error, theirs};
use crate::metrics::FlowStage;
use crate::pipeline::{self, Attempt, Decoder, RetryTopics, random};
use crate::task::TargetState;
use crate::task::handle::Steering;

/// Small record batches are put together up to this many bytes.
const PUT_BYTES: usize = 256 * 1024;

/// What is given to the sink at once.
#[derive(Default)]
pub(super) struct Gathered {
    fetched: Vec<Fetched>,
    records: usize,
    bytes: usize,
    /// The first offset of each partition that is not yet delivered.
    pub(super) from: SinkOffsets,
    /// The offset behind each partition's last record.
    pub(super) behind: SinkOffsets,
}

impl SinkLoop<'_> {
    /// Gives the sink what has arrived, several record batches at once where they are small.
    pub(super) async fn deliver(
        &mut self,
        first: Fetched,
        steering: &mut Steering,
    ) -> Result<(), ConnectError> {
        let mut gathered = Gathered::default();
        self.gather(first, &mut gathered)?;
        let (mut change, mut failed) = (None, None);
        while gathered.bytes < PUT_BYTES && change.is_none() {
            match self.consumer.poll_event(Duration::ZERO).await {
                Ok(Some(Polled::Batch(fetched))) => self.gather(fetched, &mut gathered)?,
                Ok(Some(other)) => change = Some(other),
                Ok(None) => break,
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        let records = gathered.records as u64;
        self.metrics.progress.enter(FlowStage::Transform);
        if let Some(batch) = self.convert(&gathered, steering).await? {
            self.put(&batch, gathered, steering).await?;
        }
        self.metrics.sink.done.add(records);
        match (change, failed) {
            (Some(change), _) => self.rebalance(change).await,
            (None, Some(error)) => self.survive(error).await,
            (None, None) => Ok(()),
        }
    }

    fn gather(
        &mut self,
        mut fetched: Fetched,
        gathered: &mut Gathered,
    ) -> Result<(), ConnectError> {
        if !self.cut_at_due(&mut fetched)? {
            return Ok(());
        }
        // With each batch: those who keep the list may have been told to forget it.
        self.context.statuses.topic(&self.id, &fetched.topic);
        let partition = TopicPartition {
            topic: fetched.topic.clone(),
            partition: fetched.partition,
        };
        let (records, bytes) = (fetched.rows.len(), fetched.data.len());
        let lag = fetched.high_watermark.saturating_sub(fetched.next_offset);
        let time = fetched.rows.last().map(|row| row.timestamp);
        self.metrics
            .sink
            .read(&partition, records, bytes, lag, time);
        gathered.records += records;
        gathered.bytes += bytes;
        let first = fetched.rows.first();
        let first = first.map_or(fetched.next_offset, |row| row.offset);
        gathered.from.entry(partition.clone()).or_insert(first);
        gathered.behind.insert(partition, fetched.next_offset);
        gathered.fetched.push(fetched);
        Ok(())
    }

    /// Converts and transforms, again and again while a step says that this may help and `errors.retry.timeout` allows
    /// it. None if the batch is no longer to be delivered.
    async fn convert(
        &mut self,
        gathered: &Gathered,
        steering: &mut Steering,
    ) -> Result<Option<SinkBatch>, ConnectError> {
        let mut retry = self.errors.policy.retry(self.now());
        let mut again = false;
        loop {
            let mut attempt = self.errors.policy.attempt(retry.may(self.now()));
            let now_ms = self.context.clock.now_ms();
            let outcome = convert(
                &self.decoder,
                (gathered, self.retries.as_deref()),
                &mut self.rows,
                now_ms,
                &mut attempt,
            );
            let reports = attempt.into_reports();
            match outcome {
                Err(error) if error.is_retriable() => {
                    self.metrics.errors.retries.increment();
                    let pause = retry.pause(self.now(), random);
                    log::warn!(
                        "{} could not convert a batch and will try again in {} ms: {error}",
                        self.id,
                        pause.as_millis()
                    );
                    self.hold(pause, steering).await?;
                    again = true;
                    if self.is_abandoned(gathered, steering)? {
                        return Ok(None);
                    }
                }
                outcome => {
                    self.errors.report(reports).await;
                    if again {
                        self.apply_pauses()?;
                    }
                    return outcome.map(Some);
                }
            }
        }
    }

    /// Whether a batch that waits is no longer to be delivered: the task is to stop, or some of its partitions are gone.
    /// What it held of the others is then read again.
    pub(super) fn is_abandoned(
        &mut self,
        gathered: &Gathered,
        steering: &Steering,
    ) -> Result<bool, ConnectError> {
        if steering.target() == TargetState::Stopped {
            return Ok(true);
        }
        let assigned = self.delivery.assigned();
        let mut left = gathered.from.clone();
        left.retain(|partition, _| assigned.contains(partition));
        if left.len() == gathered.from.len() {
            return Ok(false);
        }
        self.rewind(&left)?;
        self.apply_pauses()?;
        Ok(true)
    }

    /// Waits without reading, for at most `pause`; ends early when the task is to stop.
    pub(super) async fn hold(
        &mut self,
        pause: Duration,
        steering: &mut Steering,
    ) -> Result<(), ConnectError> {
        let until = self.now() + pause;
        while self.now() < until && steering.target() != TargetState::Stopped {
            let all = self.delivery.assigned().iter().collect();
            self.consumer.pause(&theirs(all)).map_err(consume_error)?;
            let wait = until.saturating_sub(self.now());
            let polled = tokio::select! {
                polled = self.consumer.poll_event(wait) => polled,
                _ = steering.target.wait_for(|now| *now == TargetState::Stopped) => return Ok(()),
            };
            match polled {
                // Nothing is handed out while all partitions are paused.
                Ok(None | Some(Polled::Batch(_))) => {}
                Ok(Some(change)) => self.rebalance(change).await?,
                Err(error) => self.survive(error).await?,
            }
        }
        Ok(())
    }
}

/// One attempt to make a sink's batch of what was fetched. `rows` is kept because fresh memory is dear.
fn convert(
    decoder: &Decoder,
    (gathered, retries): (&Gathered, Option<&RetryTopics>),
    rows: &mut Vec<Row>,
    now_ms: i64,
    attempt: &mut Attempt<'_>,
) -> Result<SinkBatch, ConnectError> {
    let mut batch = SinkBatch::new();
    for fetched in &gathered.fetched {
        if retries.is_some_and(|retries| retries.delay(&fetched.topic).is_some()) {
            let parts = by_first_topic(fetched, fetched.rows.iter().map(row));
            for (topic, mut part) in parts {
                let fetched = pipeline::Fetched {
                    original_topic: Some(fetched.topic.clone()),
                    topic,
                    partition: fetched.partition,
                    log_append_time: fetched.log_append_time,
                    data: fetched.data.clone(),
                };
                decoder.decode(fetched, &mut part, &mut batch, attempt)?;
            }
            continue;
        }
        rows.clear();
        rows.extend(fetched.rows.iter().map(row));
        let fetched = pipeline::Fetched {
            topic: fetched.topic.clone(),
            original_topic: None,
            partition: fetched.partition,
            log_append_time: fetched.log_append_time,
            data: fetched.data.clone(),
        };
        decoder.decode(fetched, rows, &mut batch, attempt)?;
    }
    decoder.transform(batch, now_ms, attempt)
}

/// The spans of a fetched row lie in the one block of its batch.
fn row(row: &millrace_wire::batch::RecordRow) -> Row {
    let span = |span: millrace_wire::batch::Span| Span {
        block: 0,
        start: span.start,
        len: span.len,
    };
    Row {
        key: span(row.key),
        value: span(row.value),
        headers: span(row.headers),
        timestamp: row.timestamp,
        mark: row.offset,
    }
}
