//! The source loop: poll, convert, send, and commit what was acknowledged (contract connect-internals, section 3.1).

use std::collections::HashSet;
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millrace_api::{
    ConnectError, OffsetMap, OffsetReader, Row, SourceBatch, SourceContext, SourcePartition,
    SourceRun, SourceTask, TaskId,
};
use millrace_client::producer::{Ack, AckSink, ProduceError, Producer, RecordRef};

use super::commit::Committer;
use super::errors::Errors;
use super::guard::panicked;
use super::handle::{Failure, Steering};
use super::refused::Refused;
use super::topic_creation::TopicCreation;
use super::{Converters, Parts, State, TargetState, TaskContext};
use crate::actor::panic_text;
use crate::causes::chain;
use crate::metrics::TaskMetrics;
use crate::pipeline::{
    Brought, DeadLetters, Encoded, ErrorPolicy, Report, Stage, Subject, encode, random,
};
use crate::store::OffsetStore;

/// The class of the step in which records are stored.
const PRODUCER: &str = "org.apache.kafka.clients.producer.KafkaProducer";
/// Rows that may be without an answer: bounds the memory of their marks (56 bytes each) where records are tiny.
const OUTSTANDING_MAX: u64 = 500_000;
/// Pause after a retriable failure of `poll`.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// Longest wait for the producer to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs a source task until it is told to stop.
///
/// # Errors
/// What made it fail.
pub(super) async fn run(
    parts: Parts,
    mut code: Box<dyn SourceTask>,
    context: &TaskContext,
    metrics: Arc<TaskMetrics>,
    mut steering: Steering,
) -> Result<(), ConnectError> {
    let Parts {
        id,
        connector,
        properties,
        converters,
        ..
    } = parts;
    let settings = context.clients.producer_settings(&id, &connector);
    let producer = Arc::new(context.clients.producer(&settings)?);
    let creation = TopicCreation::new(&context.clients, &id, &connector)?;
    metrics.source.show_producer(producer.metrics());
    let committer = Arc::new(Committer::new(
        Arc::clone(&context.offsets),
        context.flush_timeout,
        Arc::clone(&metrics),
        Arc::clone(&context.clock),
    ));
    let failure = Failure::default();
    let policy = ErrorPolicy::new(id.clone(), &connector)
        .counted(Arc::clone(&metrics.errors), Arc::clone(&context.clock));
    let dead_letters =
        DeadLetters::open(&id, &connector, &context.clients, &metrics.errors).await?;
    let errors = Errors::new(policy.clone(), dead_letters, Arc::clone(&context.clock));
    let refused = errors.has_dead_letters().then(Refused::default);
    let answers = Arc::new(Answers {
        committer: Arc::clone(&committer),
        failure: failure.clone(),
        policy,
        refused: refused.clone(),
    });
    let offsets = Arc::new(StoredOffsets {
        connector: Arc::clone(&id.connector),
        store: Arc::clone(&context.offsets),
    });
    let task_context = SourceContext::new(id.clone(), offsets, steering.running.clone());
    let background = commit_in_background(Arc::clone(&committer), context);

    let mut loop_ = SourceLoop {
        id: &id,
        context,
        converters,
        errors,
        refused: refused.unwrap_or_default(),
        producer: Arc::clone(&producer),
        committer: Arc::clone(&committer),
        failure,
        answers,
        metrics,
        creation,
        topics: HashSet::new(),
    };
    let outcome = async {
        code.start(&properties, task_context).await?;
        loop_.run(code.as_mut(), &mut steering).await
    }
    .await;

    background.abort();
    let sent = tokio::time::timeout(context.flush_timeout, loop_.answered(1)).await;
    if sent.is_err() {
        log::warn!(
            "{id} stops with records that the broker has not acknowledged; they will be read again"
        );
    }
    if committer.commit().await {
        code.commit().await;
    }
    code.stop().await;
    producer
        .close(CLOSE_TIMEOUT.min(context.flush_timeout))
        .await;
    loop_.errors.close(context.flush_timeout).await;
    outcome.and_then(|()| loop_.failure.take().map_or(Ok(()), Err))
}

/// Commits every flush interval until aborted.
fn commit_in_background(
    committer: Arc<Committer>,
    context: &TaskContext,
) -> tokio::task::JoinHandle<()> {
    let interval = context.flush_interval;
    context.data.spawn(async move {
        loop {
            tokio::time::sleep(interval).await;
            committer.commit().await;
        }
    })
}

struct SourceLoop<'a> {
    id: &'a TaskId,
    context: &'a TaskContext,
    converters: Converters,
    errors: Errors,
    refused: Refused,
    producer: Arc<Producer>,
    committer: Arc<Committer>,
    failure: Failure,
    answers: Arc<Answers>,
    metrics: Arc<TaskMetrics>,
    /// Creates topics, if the connector asks for it.
    creation: Option<TopicCreation>,
    /// Topics that are there.
    topics: HashSet<Arc<str>>,
}

impl SourceLoop<'_> {
    async fn run(
        &mut self,
        code: &mut dyn SourceTask,
        steering: &mut Steering,
    ) -> Result<(), ConnectError> {
        let mut reported = None;
        loop {
            let target = steering.target();
            let state = match target {
                TargetState::Stopped => return Ok(()),
                TargetState::Paused => State::Paused,
                TargetState::Started => State::Running,
            };
            if reported != Some(state) {
                self.context.statuses.task(self.id, state, None);
                reported = Some(state);
            }
            if target == TargetState::Paused {
                steering.changed_from(TargetState::Paused).await;
                continue;
            }
            if self.committer.has_committed() {
                code.commit().await;
            }
            self.step(code, steering).await?;
            // Gives others their turn where neither source nor broker ever waits.
            tokio::task::yield_now().await;
        }
    }

    /// One poll and what it brings.
    async fn step(
        &mut self,
        code: &mut dyn SourceTask,
        steering: &mut Steering,
    ) -> Result<(), ConnectError> {
        self.check()?;
        // A record that could not be stored fails the task though its source may not have anything new for days.
        self.keep_refused().await?;
        let started = self.context.clock.monotonic();
        let polled = tokio::select! {
            biased;
            polled = code.poll() => polled,
            () = self.committer.until(|| self.failure.is_set() || self.refused.is_some()) => return self.check(),
        };
        match polled {
            Ok(Some(batch)) if !batch.is_empty() => {
                let took = self.context.clock.monotonic().saturating_sub(started);
                self.metrics.polled(batch.len(), took);
                match self.encode(batch, steering).await? {
                    Some(encoded) => self.send(encoded).await,
                    None => Ok(()),
                }
            }
            Ok(_) => Ok(()),
            Err(error) if error.is_retriable() => {
                self.metrics.errors.retries.increment();
                log::warn!("{} could not poll and will try again: {error}", self.id);
                tokio::time::sleep(RETRY_PAUSE).await;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn check(&self) -> Result<(), ConnectError> {
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Transforms and converts, again and again while a step says that this may help and `errors.retry.timeout` allows
    /// it. None if the task is to stop, so that the batch will be read again.
    async fn encode(
        &mut self,
        batch: SourceBatch,
        steering: &mut Steering,
    ) -> Result<Option<Encoded>, ConnectError> {
        let clock = Arc::clone(&self.context.clock);
        let mut retry = self.errors.policy.retry(clock.monotonic());
        let mut next = Some(batch);
        while let Some(batch) = next {
            let may_retry = retry.may(clock.monotonic());
            let kept = may_retry.then(|| batch.clone());
            let mut attempt = self.errors.policy.attempt(may_retry);
            let outcome = encode(batch, &self.converters, clock.now_ms(), &mut attempt);
            match outcome {
                Err(error) if error.is_retriable() => {
                    self.metrics.errors.retries.increment();
                    let pause = retry.pause(clock.monotonic(), random);
                    log::warn!(
                        "{} could not convert a batch and will try again in {} ms: {error}",
                        self.id,
                        pause.as_millis()
                    );
                    let stop = steering.target.wait_for(|now| *now == TargetState::Stopped);
                    if tokio::time::timeout(pause, stop).await.is_ok() {
                        return Ok(None);
                    }
                    next = kept;
                }
                outcome => {
                    let reports = attempt.into_reports();
                    if !reports.is_empty() && !self.keep(reports, steering).await? {
                        return Ok(None);
                    }
                    return outcome.map(Some);
                }
            }
        }
        Ok(None)
    }

    async fn send(&mut self, encoded: Encoded) -> Result<(), ConnectError> {
        let Encoded { batch, dropped } = encoded;
        self.answered(OUTSTANDING_MAX).await?;
        let first_ticket = self.committer.in_flight().next_ticket();
        // Submitted before it is sent: an answer may come before `append` returns.
        self.committer
            .in_flight()
            .submit(batch.clone().into_marks());
        self.metrics.source.taken.add(batch.len() as u64);
        for (start, run) in batch.runs_with_start() {
            let holes = dropped.partition_point(|&row| row < start)
                ..dropped.partition_point(|&row| row < run.end);
            // A topic that nothing goes to need not be there.
            if holes.len() < run.end - start {
                self.prepare_topic(&run.topic).await?;
            }
            let mut from = start;
            for &hole in &dropped[holes] {
                self.append(&batch, run, from..hole, first_ticket).await?;
                self.committer.acknowledge(
                    first_ticket + hole as u64..first_ticket + hole as u64 + 1,
                    false,
                );
                from = hole + 1;
            }
            self.append(&batch, run, from..run.end, first_ticket)
                .await?;
        }
        Ok(())
    }

    /// Waits until the producer knows the topic, which is created first if the connector asks for it. Reports it with
    /// each run: those who keep the list may have been told to forget it.
    async fn prepare_topic(&mut self, topic: &Arc<str>) -> Result<(), ConnectError> {
        if !self.topics.contains(topic) {
            if let Some(creation) = &self.creation {
                creation.ensure(topic).await?;
            }
            self.producer
                .ready(topic)
                .await
                .map_err(|error| self.failed(topic, error))?;
            self.topics.insert(Arc::clone(topic));
        }
        self.context.statuses.topic(self.id, topic);
        Ok(())
    }

    /// Hands rows to the producer, waiting for room as often as needed.
    async fn append(
        &self,
        batch: &SourceBatch,
        run: &SourceRun,
        rows: Range<usize>,
        first_ticket: u64,
    ) -> Result<(), ConnectError> {
        let now = self.context.clock.now_ms();
        let acks: Arc<dyn AckSink> = Arc::clone(&self.answers) as _;
        let mut from = rows.start;
        while from < rows.end {
            let mut records = batch.rows()[from..rows.end]
                .iter()
                .map(|row| record(batch, row, now));
            let ticket = first_ticket + from as u64;
            let appended =
                match self
                    .producer
                    .append(&run.topic, run.partition, &mut records, ticket, &acks)
                {
                    // The topic was deleted, or its broker has just come back and does not know it yet.
                    Err(ProduceError::NotReady { .. }) => {
                        self.producer
                            .ready(&run.topic)
                            .await
                            .map_err(|error| self.failed(&run.topic, error))?;
                        continue;
                    }
                    appended => appended.map_err(|error| {
                        self.failed(&run.topic, error)
                            .caused_by_record(batch, run, from)
                    })?,
                };
            from += appended.rows;
            self.check()?;
            if from < rows.end {
                self.producer
                    .room()
                    .await
                    .map_err(|error| self.failed(&run.topic, error))?;
            }
        }
        Ok(())
    }

    fn failed(&self, topic: &str, error: ProduceError) -> ConnectError {
        ConnectError::connect(format!(
            "task {} cannot send records to topic '{topic}'",
            self.id
        ))
        .caused_by(error)
    }
}

impl SourceLoop<'_> {
    /// Tells of failed records and waits until they are stored, for their offsets may be committed from here on. False
    /// if the task is to stop meanwhile, so that they will be read again.
    async fn keep(
        &mut self,
        reports: Vec<Report>,
        steering: &mut Steering,
    ) -> Result<bool, ConnectError> {
        self.errors.keep(reports).await;
        tokio::select! {
            stored = self.errors.stored() => stored.map(|()| true),
            _ = steering.target.wait_for(|now| *now == TargetState::Stopped) => Ok(false),
        }
    }

    /// Stores dead letters of the records that the broker has refused, and only then lets go of these.
    async fn keep_refused(&mut self) -> Result<(), ConnectError> {
        for (tickets, reports) in self.refused.take() {
            self.errors.keep(reports).await;
            self.errors.stored().await?;
            self.committer.acknowledge(tickets, false);
        }
        Ok(())
    }

    /// Waits until fewer than `rows` rows are without an answer, or the task has failed.
    async fn answered(&mut self, rows: u64) -> Result<(), ConnectError> {
        loop {
            let over = || self.failure.is_set() || self.refused.is_some();
            self.committer.below(rows, over).await;
            if !self.refused.is_some() {
                return Ok(());
            }
            self.keep_refused().await?;
        }
    }
}

/// A row as the producer takes it. A row without a time gets the time it is sent.
fn record<'a>(batch: &'a SourceBatch, row: &Row, now: i64) -> RecordRef<'a> {
    RecordRef {
        timestamp: if row.timestamp < 0 {
            now
        } else {
            row.timestamp
        },
        key: batch.bytes(row.key),
        value: batch.bytes(row.value),
        headers: batch.bytes(row.headers).unwrap_or_default(),
    }
}

/// Names a record by the offset behind it.
fn origin(source: &SourcePartition, mark: i64) -> String {
    let partition = serde_json::to_string(source.partition()).unwrap_or_default();
    let offset = serde_json::to_string(&source.offset(mark)).unwrap_or_default();
    format!("near source partition {partition} and offset {offset}")
}

/// Names the record that could not be sent.
trait CausedByRecord {
    fn caused_by_record(self, batch: &SourceBatch, run: &SourceRun, row: usize) -> Self;
}

impl CausedByRecord for ConnectError {
    fn caused_by_record(self, batch: &SourceBatch, run: &SourceRun, row: usize) -> Self {
        let origin = origin(&run.source, batch.mark_behind(row));
        ConnectError::connect(format!("{}, {origin}", chain(&self)))
    }
}

/// Hears the broker's answers.
#[derive(Debug)]
struct Answers {
    committer: Arc<Committer>,
    failure: Failure,
    policy: ErrorPolicy,
    /// Where refused records wait for their dead letters, if there is a queue for them.
    refused: Option<Refused>,
}

impl Answers {
    /// Records could not be stored, which is tolerated: all of a range for the same reason, of which the first one is
    /// reported.
    fn leave_out(&self, tickets: &Range<u64>, error: &ProduceError) -> Result<(), ConnectError> {
        let subject = || {
            let in_flight = self.committer.in_flight();
            let found = in_flight.origin(tickets.start);
            let text = |map: &OffsetMap| serde_json::to_string(map).unwrap_or_default();
            let (partition, offset) = found.map_or_else(Default::default, |(source, mark)| {
                (text(source.partition()), text(&source.offset(mark)))
            });
            Subject::Brought(Box::new(Brought {
                topic: topic(error).to_owned(),
                partition,
                offset,
                records: tickets.end.saturating_sub(tickets.start),
                ..Brought::default()
            }))
        };
        let mut attempt = self.policy.attempt(false);
        let error = ConnectError::connect(error.to_string());
        let outcome = attempt.failed(Stage::KafkaProduce, PRODUCER, subject, error);
        let reports = attempt.into_reports();
        match (&outcome, &self.refused) {
            (Ok(()), Some(refused)) => {
                refused.add(tickets.clone(), reports);
                self.committer.wake();
            }
            (Ok(()), None) => {
                reports.iter().for_each(|report| report.log(&self.policy));
                self.committer.acknowledge(tickets.clone(), false);
            }
            (Err(_), _) => reports.iter().for_each(|report| report.log(&self.policy)),
        }
        outcome
    }
}

/// The topic that records were for, where the error knows it.
fn topic(error: &ProduceError) -> &str {
    match error {
        ProduceError::Topic { topic, .. }
        | ProduceError::NotReady { topic }
        | ProduceError::UnknownPartition { topic, .. }
        | ProduceError::Refused { topic, .. }
        | ProduceError::MessageTooLarge { topic, .. }
        | ProduceError::Expired { topic, .. } => topic,
        _ => "",
    }
}

impl AckSink for Answers {
    fn acknowledged(&self, tickets: Range<u64>, result: Result<Ack, &ProduceError>) {
        // The connector hears of it in there, on a thread that others send on, too.
        let heard = AssertUnwindSafe(|| self.hear(tickets, result));
        if let Err(panic) = std::panic::catch_unwind(heard) {
            let text = panic_text(panic.as_ref());
            self.failure.set(panicked(format!(
                "task {} panicked in acknowledged: {text}",
                self.committer.id()
            )));
            self.committer.wake();
        }
    }
}

impl Answers {
    fn hear(&self, tickets: Range<u64>, result: Result<Ack, &ProduceError>) {
        match result {
            Ok(ack) => self
                .committer
                .stored(tickets, ack.partition, ack.base_offset),
            Err(error) if self.policy.tolerates() && self.leave_out(&tickets, error).is_ok() => {}
            Err(error) => {
                let in_flight = self.committer.in_flight();
                let origin = in_flight
                    .origin(tickets.start)
                    .map(|(source, mark)| origin(source, mark));
                drop(in_flight);
                let text = [Some(error.to_string()), origin]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join(", ");
                self.failure.set(ConnectError::connect(text));
                self.committer.wake();
            }
        }
    }
}

/// The connector's committed offsets, for its tasks.
#[derive(Debug)]
struct StoredOffsets {
    connector: Arc<str>,
    store: Arc<dyn OffsetStore>,
}

#[async_trait]
impl OffsetReader for StoredOffsets {
    async fn offset(&self, partition: &OffsetMap) -> Result<Option<OffsetMap>, ConnectError> {
        let read = self.store.get(&self.connector, partition).await;
        read.map_err(|error| ConnectError::connect("cannot read source offsets").caused_by(error))
    }
}
