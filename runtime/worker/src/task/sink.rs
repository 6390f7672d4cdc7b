//! The sink loop: poll, convert, put, and commit what the sink has made safe (contract connect-internals, 3.2).

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use millrace_api::{
    ConnectError, Properties, Row, SinkBatch, SinkContext, SinkOffsets, Span, TaskId,
    TopicPartition,
};
use millrace_client::consumer::{
    self, CommitError, CommittedOffset, ConsumeError, Consumer, Fetched, Polled,
};

use super::delivery::Delivery;
use super::handle::Steering;
use super::{State, TargetState, TaskCode, TaskContext, TaskSpec};
use crate::metrics::TaskMetrics;
use crate::pipeline::{self, Decoder, ErrorPolicy};

/// First pause before a batch is given again after a retriable error; doubles up to [`REDELIVERY_MAX`].
const REDELIVERY_MIN: Duration = Duration::from_millis(100);
const REDELIVERY_MAX: Duration = Duration::from_secs(5);
/// Small record batches are put together up to this many bytes.
const PUT_BYTES: usize = 256 * 1024;
/// Pause after a poll that failed but may succeed later.
const POLL_PAUSE: Duration = Duration::from_millis(100);
/// Longest wait for the consumer to leave its group.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Runs a sink task until it is told to stop.
///
/// # Errors
/// What made it fail.
pub(crate) async fn run(
    spec: TaskSpec,
    context: &TaskContext,
    metrics: Arc<TaskMetrics>,
    mut steering: Steering,
) -> Result<(), ConnectError> {
    let TaskSpec {
        id,
        connector,
        task: properties,
        code,
        converters,
        ..
    } = spec;
    let TaskCode::Sink(code) = code else {
        return Err(ConnectError::connect(format!("task {id} is not a sink")));
    };
    let settings = context.clients.consumer_settings(&id, &connector);
    let mut consumer = context.clients.consumer(&settings)?;
    subscribe(&mut consumer, &connector)?;
    let task_context = SinkContext::new(id.clone(), steering.running.clone());
    let policy = ErrorPolicy::new(id.clone(), &connector)
        .counted(Arc::clone(&metrics.errors), Arc::clone(&context.clock));
    let decoder = Decoder::new(converters, policy);
    let mut sink = SinkLoop {
        context,
        decoder,
        consumer,
        delivery: Delivery::new(id.clone(), code),
        requests: task_context.clone(),
        paused_by_task: BTreeSet::new(),
        topics: HashSet::new(),
        reported: None,
        rows: Vec::new(),
        metrics,
        id,
    };
    let outcome = async {
        sink.delivery
            .code()
            .start(&properties, task_context)
            .await?;
        sink.run(&mut steering).await
    }
    .await;
    let closed = sink.give_up_all().await;
    sink.delivery.code().stop().await;
    if let Err(error) = sink.consumer.close(CLOSE_TIMEOUT).await {
        log::warn!("{} could not leave its group in order: {error}", sink.id);
    }
    outcome.and(closed)
}

fn subscribe(consumer: &mut Consumer, connector: &Properties) -> Result<(), ConnectError> {
    let named = |key: &str| {
        connector
            .get(key)
            .map(|text| text.trim())
            .filter(|text| !text.is_empty())
    };
    let subscribed = match (named("topics"), named("topics.regex")) {
        (Some(topics), _) => {
            let topics: BTreeSet<&str> = topics
                .split(',')
                .map(str::trim)
                .filter(|topic| !topic.is_empty())
                .collect();
            consumer.subscribe(&topics.into_iter().collect::<Vec<_>>())
        }
        (None, Some(pattern)) => consumer.subscribe_pattern(pattern),
        (None, None) => {
            return Err(ConnectError::config(
                "a sink needs one of topics or topics.regex",
            ));
        }
    };
    subscribed.map_err(|error| {
        ConnectError::config("cannot subscribe to the sink's topics").caused_by(error)
    })
}

struct SinkLoop<'a> {
    id: TaskId,
    context: &'a TaskContext,
    decoder: Decoder,
    consumer: Consumer,
    delivery: Delivery,
    requests: SinkContext,
    /// Partitions that the sink itself has asked not to be given.
    paused_by_task: BTreeSet<TopicPartition>,
    /// Topics that were reported as used.
    topics: HashSet<Arc<str>>,
    reported: Option<State>,
    metrics: Arc<TaskMetrics>,
    /// Rows of the record batch being converted; kept because fresh memory is dear.
    rows: Vec<Row>,
}

impl SinkLoop<'_> {
    async fn run(&mut self, steering: &mut Steering) -> Result<(), ConnectError> {
        let mut next_commit = self.now() + self.context.flush_interval;
        loop {
            let target = steering.target();
            if target == TargetState::Stopped {
                return Ok(());
            }
            let wanted_commit = self.heed_target(target)? | self.heed_requests()?;
            if wanted_commit || self.now() >= next_commit {
                self.commit_all().await?;
                next_commit = self.now() + self.context.flush_interval;
            }
            let wait = next_commit.saturating_sub(self.now());
            let polled = tokio::select! {
                polled = self.consumer.poll_event(wait) => polled,
                _ = steering.target.wait_for(|now| *now != target) => continue,
            };
            match polled {
                Ok(polled) => self.take(polled, steering).await?,
                Err(error) => self.survive(error).await?,
            }
        }
    }

    fn now(&self) -> Duration {
        self.context.clock.monotonic()
    }

    /// Stands still or goes on as told. True if offsets are to be committed now.
    fn heed_target(&mut self, target: TargetState) -> Result<bool, ConnectError> {
        let state = if target == TargetState::Started {
            State::Running
        } else {
            State::Paused
        };
        if self.reported == Some(state) {
            return Ok(false);
        }
        self.reported = Some(state);
        self.apply_pauses()?;
        self.context.statuses.task(&self.id, state, None);
        Ok(state == State::Paused)
    }

    /// Pauses what is not to be read now, and resumes the rest.
    fn apply_pauses(&mut self) -> Result<(), ConnectError> {
        let all = self.delivery.assigned();
        let still = self.reported == Some(State::Paused);
        let (pause, resume): (Vec<_>, Vec<_>) = all
            .iter()
            .partition(|partition| still || self.paused_by_task.contains(partition));
        let paused = self.consumer.pause(&theirs(pause));
        paused
            .and_then(|()| self.consumer.resume(&theirs(resume)))
            .map_err(consume_error)
    }

    /// Does what the sink has asked for. True if offsets are to be committed now.
    fn heed_requests(&mut self) -> Result<bool, ConnectError> {
        let request = self.requests.take_request();
        let mut rewind = request.rewind;
        rewind.retain(|partition, _| self.delivery.assigned().contains(partition));
        self.rewind(&rewind)?;
        if !request.pause.is_empty() {
            for (partition, paused) in request.pause {
                match paused {
                    true => self.paused_by_task.insert(partition),
                    false => self.paused_by_task.remove(&partition),
                };
            }
            self.apply_pauses()?;
        }
        Ok(request.commit)
    }

    fn rewind(&mut self, offsets: &SinkOffsets) -> Result<(), ConnectError> {
        for (partition, offset) in offsets {
            self.consumer
                .seek(&their(partition), *offset)
                .map_err(consume_error)?;
        }
        self.delivery.rewound(offsets);
        Ok(())
    }

    async fn take(
        &mut self,
        polled: Option<Polled>,
        steering: &mut Steering,
    ) -> Result<(), ConnectError> {
        match polled {
            Some(Polled::Batch(fetched)) => self.deliver(fetched, steering).await,
            Some(change) => self.rebalance(change).await,
            // A sink that writes by time wants to be called when nothing comes, too.
            None => {
                self.put(&SinkBatch::new(), &SinkOffsets::new(), steering)
                    .await
            }
        }
    }

    async fn rebalance(&mut self, change: Polled) -> Result<(), ConnectError> {
        let outcome = self.follow(change).await;
        self.metrics.sink.assigned(self.delivery.assigned());
        outcome
    }

    async fn follow(&mut self, change: Polled) -> Result<(), ConnectError> {
        match change {
            Polled::Batch(_) => Ok(()),
            Polled::Assigned(partitions) => {
                let partitions: Vec<_> = partitions.iter().map(our).collect();
                self.delivery.open(&partitions).await?;
                self.apply_pauses()
            }
            Polled::Revoked(partitions) => {
                let partitions: BTreeSet<_> = partitions.iter().map(our).collect();
                self.give_up(&partitions).await
            }
            Polled::Lost(partitions) => {
                let partitions: Vec<_> = partitions.iter().map(our).collect();
                self.delivery.close(&partitions).await
            }
        }
    }

    fn report_topic(&mut self, topic: &Arc<str>) {
        if !self.topics.contains(topic) {
            self.context.statuses.topic(&self.id, topic);
            self.topics.insert(Arc::clone(topic));
        }
    }

    /// Gives the sink what has arrived, several record batches at once where they are small.
    async fn deliver(
        &mut self,
        first: Fetched,
        steering: &mut Steering,
    ) -> Result<(), ConnectError> {
        let mut batch = SinkBatch::new();
        let mut behind = SinkOffsets::new();
        self.convert(first, &mut batch, &mut behind)?;
        let (mut change, mut failed) = (None, None);
        while batch.block_bytes() < PUT_BYTES && change.is_none() {
            match self.consumer.poll_event(Duration::ZERO).await {
                Ok(Some(Polled::Batch(fetched))) => {
                    self.convert(fetched, &mut batch, &mut behind)?;
                }
                Ok(Some(other)) => change = Some(other),
                Ok(None) => break,
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        let now_ms = self.context.clock.now_ms();
        let batch = self.decoder.transform(batch, now_ms)?;
        self.put(&batch, &behind, steering).await?;
        match (change, failed) {
            (Some(change), _) => self.rebalance(change).await,
            (None, Some(error)) => self.survive(error).await,
            (None, None) => Ok(()),
        }
    }

    /// Adds a fetched batch to what the sink is given, and the offset behind it.
    fn convert(
        &mut self,
        fetched: Fetched,
        batch: &mut SinkBatch,
        behind: &mut SinkOffsets,
    ) -> Result<(), ConnectError> {
        self.report_topic(&fetched.topic);
        let partition = TopicPartition {
            topic: Arc::clone(&fetched.topic),
            partition: fetched.partition,
        };
        let (records, bytes) = (fetched.rows.len(), fetched.data.len());
        let lag = fetched.high_watermark.saturating_sub(fetched.next_offset);
        self.metrics.sink.read(&partition, records, bytes, lag);
        behind.insert(partition, fetched.next_offset);
        self.rows.clear();
        self.rows.extend(fetched.rows.iter().map(row));
        let fetched = pipeline::Fetched {
            topic: fetched.topic,
            partition: fetched.partition,
            log_append_time: fetched.log_append_time,
            data: fetched.data,
        };
        self.decoder.decode(fetched, &mut self.rows, batch)
    }

    /// Gives a batch to the sink, again and again while it says that this may help. Meanwhile all partitions are
    /// paused and the group is kept up, so that a sink that cannot write holds up nobody else.
    async fn put(
        &mut self,
        batch: &SinkBatch,
        behind: &SinkOffsets,
        steering: &mut Steering,
    ) -> Result<(), ConnectError> {
        let mut pause = REDELIVERY_MIN;
        loop {
            let started = self.now();
            let outcome = self.delivery.put(batch, behind).await;
            if outcome.is_ok() {
                let took = self.now().saturating_sub(started);
                self.metrics.put(batch.len(), took);
            }
            match outcome {
                Ok(()) if pause == REDELIVERY_MIN => return Ok(()),
                Ok(()) => return self.apply_pauses(),
                Err(error) if error.is_retriable() => {
                    self.metrics.errors.retries.increment();
                    log::warn!(
                        "{} could not write a batch and will try again in {} ms: {error}",
                        self.id,
                        pause.as_millis()
                    );
                }
                Err(error) => return Err(error),
            }
            self.hold(pause, steering).await?;
            let gone = behind
                .keys()
                .any(|partition| !self.delivery.assigned().contains(partition));
            if gone || steering.target() == TargetState::Stopped {
                return Ok(());
            }
            pause = (pause * 2).min(REDELIVERY_MAX);
        }
    }

    /// Waits without reading, for at most `pause`; ends early when the task is to stop.
    async fn hold(&mut self, pause: Duration, steering: &mut Steering) -> Result<(), ConnectError> {
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

    async fn commit_all(&mut self) -> Result<(), ConnectError> {
        let all = self.delivery.assigned().clone();
        match self.delivery.committable(&all).await {
            Ok(offsets) => {
                self.commit(offsets).await;
                Ok(())
            }
            Err(error) => {
                log::error!(
                    "{} could not make its records safe and reads them again: {error}",
                    self.id
                );
                let back = self.delivery.back_to_committed();
                self.rewind(&back)
            }
        }
    }

    /// Commits offsets; what could not be committed is tried again with the next commit.
    async fn commit(&mut self, offsets: SinkOffsets) {
        if offsets.is_empty() {
            return;
        }
        let theirs = offsets
            .iter()
            .map(|(partition, offset)| (their(partition), CommittedOffset::at(*offset)));
        let started = self.now();
        let commit = self.consumer.commit(theirs.collect());
        let outcome = tokio::time::timeout(self.context.flush_timeout, commit).await;
        let took = self.now().saturating_sub(started);
        self.metrics.committed(took, matches!(outcome, Ok(Ok(()))));
        match outcome {
            Ok(Ok(())) => self.delivery.committed(offsets),
            Ok(Err(CommitError::Rebalancing { .. })) => {
                log::debug!("{} commits after the rebalance", self.id)
            }
            Ok(Err(error)) => log::warn!("{} could not commit offsets: {error}", self.id),
            Err(_) => log::warn!(
                "{} could not commit offsets within offset.flush.timeout.ms",
                self.id
            ),
        }
    }

    async fn give_up_all(&mut self) -> Result<(), ConnectError> {
        let all = self.delivery.assigned().clone();
        self.give_up(&all).await
    }

    /// Commits what is safe of `partitions` and closes them.
    async fn give_up(&mut self, partitions: &BTreeSet<TopicPartition>) -> Result<(), ConnectError> {
        match self.delivery.committable(partitions).await {
            Ok(offsets) => self.commit(offsets).await,
            Err(error) => log::error!("{} could not make its last records safe: {error}", self.id),
        }
        self.delivery
            .close(&partitions.iter().cloned().collect::<Vec<_>>())
            .await
    }

    /// Goes on after an error of the consumer that may pass.
    async fn survive(&mut self, error: ConsumeError) -> Result<(), ConnectError> {
        if !error.is_retriable() {
            return Err(consume_error(error));
        }
        log::warn!("{} could not read and will try again: {error}", self.id);
        tokio::time::sleep(POLL_PAUSE).await;
        Ok(())
    }
}

fn consume_error(error: ConsumeError) -> ConnectError {
    ConnectError::connect("cannot read the sink's topics").caused_by(error)
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

fn our(partition: &consumer::TopicPartition) -> TopicPartition {
    TopicPartition {
        topic: Arc::clone(&partition.topic),
        partition: partition.partition,
    }
}

fn their(partition: &TopicPartition) -> consumer::TopicPartition {
    consumer::TopicPartition::new(Arc::clone(&partition.topic), partition.partition)
}

fn theirs(partitions: Vec<&TopicPartition>) -> Vec<consumer::TopicPartition> {
    partitions.into_iter().map(their).collect()
}
