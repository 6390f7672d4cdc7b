//! Giving a batch to the sink until it has taken it; where it refuses the batch for good, finding the record at fault.
//!
//! A sink whose failed `put` leaves nothing behind, or nothing that a repetition would change, is given a refused batch
//! by halves: what it takes is delivered, a record that it refuses alone becomes a dead letter. What lies in front of
//! the search counts as taken at any time, so that a task that stops half way goes on from there.

use std::time::Duration;

use millrace_api::{ConnectError, FailedPut, SinkBatch, SinkOffsets, SinkRow, TopicPartition};
use millrace_client::consumer::Polled;

use super::deliver::Gathered;
use super::{SinkLoop, consume_error, theirs};
use crate::metrics::FlowStage;
use crate::pipeline::{Bisection, Step};
use crate::task::explained;
use crate::task::handle::Steering;

/// First pause before a batch is given again after a retriable error; doubles up to [`REDELIVERY_MAX`].
const REDELIVERY_MIN: Duration = Duration::from_millis(100);
const REDELIVERY_MAX: Duration = Duration::from_secs(5);
/// After so long without a poll the group is shown that the task lives.
const POLL_WITHIN: Duration = Duration::from_secs(10);

/// What became of a batch that was given to the sink.
enum Put {
    Taken,
    /// It is no longer to be delivered.
    Abandoned,
    /// The sink says that trying again does not help.
    Refused(ConnectError),
}

impl SinkLoop<'_> {
    /// Calls the sink without records: one that writes by time wants to be called when nothing comes, too.
    pub(super) async fn put_nothing(
        &mut self,
        steering: &mut Steering,
    ) -> Result<(), ConnectError> {
        self.put(&SinkBatch::new(), Gathered::default(), steering)
            .await
    }

    /// Gives a batch to the sink.
    pub(super) async fn put(
        &mut self,
        batch: &SinkBatch,
        gathered: Gathered,
        steering: &mut Steering,
    ) -> Result<(), ConnectError> {
        self.metrics.progress.enter(FlowStage::Put);
        match self.put_again_and_again(batch, &gathered, steering).await? {
            Put::Taken => {
                self.delivery.taken(&gathered.from, &gathered.behind);
                Ok(())
            }
            Put::Abandoned => Ok(()),
            Put::Refused(error) if self.may_bisect(batch) => {
                self.bisect(batch, gathered, error, steering).await
            }
            Put::Refused(error) => Err(self.refusal(batch, error)),
        }
    }

    /// Gives a batch to the sink, again and again while it says that this may help. Meanwhile all partitions are
    /// paused and the group is kept up, so that a sink that cannot write holds up nobody else.
    async fn put_again_and_again(
        &mut self,
        batch: &SinkBatch,
        gathered: &Gathered,
        steering: &mut Steering,
    ) -> Result<Put, ConnectError> {
        let mut pause = REDELIVERY_MIN;
        loop {
            let started = self.now();
            let outcome = self.delivery.put(batch).await;
            let errant = self.requests.take_errant_records();
            match outcome {
                Ok(()) => {
                    let took = self.now().saturating_sub(started);
                    self.metrics.put(batch.len(), took);
                    if !errant.is_empty() {
                        self.errors.errant(errant).await?;
                    }
                    if pause != REDELIVERY_MIN {
                        self.apply_pauses()?;
                    }
                    return Ok(Put::Taken);
                }
                Err(error) if error.is_retriable() => {
                    self.metrics.errors.retries.increment();
                    log::warn!(
                        "{} could not write a batch and will try again in {} ms: {error}",
                        self.id,
                        pause.as_millis()
                    );
                }
                Err(error) => return Ok(Put::Refused(error)),
            }
            self.hold(pause, steering).await?;
            if self.is_abandoned(gathered, steering)? {
                return Ok(Put::Abandoned);
            }
            pause = (pause * 2).min(REDELIVERY_MAX);
        }
    }

    /// Whether the record at fault is to be looked for: it needs a place to go to, and a sink that can be asked again.
    fn may_bisect(&self, batch: &SinkBatch) -> bool {
        !batch.is_empty()
            && self.errors.policy.sets_aside()
            && self.delivery.failed_put() != FailedPut::Unknown
    }

    /// Has the sink take the batch by parts, and sets aside what it refuses.
    async fn bisect(
        &mut self,
        batch: &SinkBatch,
        mut gathered: Gathered,
        error: ConnectError,
        steering: &mut Steering,
    ) -> Result<(), ConnectError> {
        log::warn!(
            "{} could not write a batch of {} records and looks for those at fault: {error}",
            self.id,
            batch.len()
        );
        let limit = self.errors.policy.bisection_max();
        let (mut search, mut refused) = (Bisection::new(batch.len(), error), 0);
        let mut polled = self.now();
        loop {
            match search.next() {
                Step::Done => break,
                Step::Try(rows) => {
                    let part = batch.slice(rows);
                    match self.put_again_and_again(&part, &gathered, steering).await? {
                        Put::Taken => search.taken(),
                        Put::Abandoned => return Ok(()),
                        Put::Refused(error) => search.refused(error),
                    }
                }
                Step::Refused(row, error) => {
                    refused += 1;
                    if refused > limit {
                        return Err(self.too_many(batch, row, limit, error));
                    }
                    if let Some(row) = batch.rows().nth(row) {
                        self.errors.refused(row.consumed(), error).await?;
                    }
                }
            }
            self.advance(batch, search.done(), &mut gathered);
            if self.now().saturating_sub(polled) >= POLL_WITHIN {
                self.show_life().await?;
                polled = self.now();
                if self.is_abandoned(&gathered, steering)? {
                    return Ok(());
                }
            }
        }
        log::info!(
            "{} has written {} records of the batch, {refused} are set aside",
            self.id,
            batch.len() - refused
        );
        self.delivery.taken(&gathered.from, &gathered.behind);
        Ok(())
    }

    /// The first `done` records of the batch are delivered or set aside: that far the task has come.
    fn advance(&mut self, batch: &SinkBatch, done: usize, gathered: &mut Gathered) {
        let mut reached = gathered.behind.clone();
        let mut left: Vec<SinkRow<'_>> = batch.rows().skip(done).collect();
        left.reverse();
        reached.extend(left.iter().map(|row| (partition(row), row.offset())));
        self.delivery.taken(&gathered.from, &reached);
        gathered.from = reached;
    }

    /// Polls without being given anything, so that the group does not take the task for dead.
    async fn show_life(&mut self) -> Result<(), ConnectError> {
        let all = self.delivery.assigned().iter().collect();
        self.consumer.pause(&theirs(all)).map_err(consume_error)?;
        match self.consumer.poll_event(Duration::ZERO).await {
            Ok(None | Some(Polled::Batch(_))) => {}
            Ok(Some(change)) => self.rebalance(change).await?,
            Err(error) => self.survive(error).await?,
        }
        self.apply_pauses()
    }

    /// Why the task ends at a batch that the sink has refused.
    fn refusal(&self, batch: &SinkBatch, error: ConnectError) -> ConnectError {
        if batch.is_empty() {
            return explained(&self.id, "write", error);
        }
        let advice = match (self.delivery.failed_put(), self.errors.policy.sets_aside()) {
            (FailedPut::Unknown, _) => {
                "this sink cannot say which record is at fault, nor write the rest without it; mend the cause and restart the task, or move the group's offsets behind the record"
            }
            (_, false) => {
                "errors.tolerance=all with errors.deadletterqueue.topic.name sets the records at fault aside and writes the rest"
            }
            (_, true) => "mend the cause and restart the task",
        };
        let text = format!(
            "task {} could not write a batch of {} records ({}), stage 'TASK_PUT': {error}; {advice}",
            self.id,
            batch.len(),
            extent(batch)
        );
        ConnectError::connect(text).caused_by(error)
    }

    fn too_many(
        &self,
        batch: &SinkBatch,
        row: usize,
        limit: usize,
        error: ConnectError,
    ) -> ConnectError {
        let place = batch.rows().nth(row).map_or_else(String::new, |row| {
            format!("{} offset {}", partition(&row), row.offset())
        });
        let text = format!(
            "task {} has set aside {limit} records of one batch of {} and stops before {place}, because the sink seems to refuse all of them: {error}; mend the cause and restart the task, or raise errors.bisection.max.records",
            self.id,
            batch.len()
        );
        ConnectError::connect(text).caused_by(error)
    }
}

/// The partition that a record came from.
fn partition(row: &SinkRow<'_>) -> TopicPartition {
    TopicPartition {
        topic: row.original_topic().clone(),
        partition: row.partition(),
    }
}

/// The first and the last offset of a batch in each partition, of the first few partitions.
fn extent(batch: &SinkBatch) -> String {
    const SHOWN: usize = 3;
    let mut ends = SinkOffsets::new();
    let mut starts = SinkOffsets::new();
    for row in batch.rows() {
        starts.entry(partition(&row)).or_insert(row.offset());
        ends.insert(partition(&row), row.offset());
    }
    let range = |(partition, end): (&TopicPartition, &i64)| {
        let start = starts.get(partition).unwrap_or(end);
        match start == end {
            true => format!("{partition} offset {end}"),
            false => format!("{partition} offsets {start} to {end}"),
        }
    };
    let mut texts: Vec<String> = ends.iter().take(SHOWN).map(range).collect();
    if ends.len() > SHOWN {
        texts.push(format!("{} more partitions", ends.len() - SHOWN));
    }
    texts.join(", ")
}
