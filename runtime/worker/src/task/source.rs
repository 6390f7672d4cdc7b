//! The source loop: poll, convert, send, and commit what was acknowledged (contract connect-internals, section 3.1).

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millrace_api::{
    ConnectError, OffsetMap, OffsetReader, Row, SourceBatch, SourceContext, SourceRun, SourceTask,
    TaskId,
};
use millrace_client::ClientError;
use millrace_client::producer::{AckSink, ProduceError, Producer, RecordRef};
use millrace_wire::error_code::ErrorCode;

use super::answers::{Answers, origin};
use super::commit::Committer;
use super::errors::Errors;
use super::explained;
use super::handle::{Failure, Steering};
use super::periodic::Periodic;
use super::refused::Refused;
use super::topic_creation::TopicCreation;
use super::{Converters, Parts, State, TargetState, TaskContext};
use crate::metrics::{FlowStage, TaskMetrics};
use crate::pipeline::{DeadLetters, Encoded, ErrorPolicy, Report, encode, random};
use crate::store::{OffsetStore, StoreError};

/// Rows that may be without an answer: bounds the memory of their marks (56 bytes each) where records are tiny.
const OUTSTANDING_MAX: u64 = 500_000;
/// How long a task may go on without letting others of its thread have their turn.
const TURN: Duration = Duration::from_millis(5);
/// Pause after a retriable failure of `poll`.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// Pause before a task that has used up its memory looks again; what is let go of wakes nobody.
const ROOM_PAUSE: Duration = Duration::from_millis(10);
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
    let task_context = SourceContext::new(id.clone(), offsets, steering.running.clone())
        .with_backlog(Arc::clone(&metrics.backlog) as _)
        .with_events(Arc::clone(&metrics.events) as _)
        .with_offset_listener(Arc::clone(&committer) as _);
    let background = commit_in_background(Arc::clone(&committer), &metrics, context);

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
        let started = code.start(&properties, task_context).await;
        started.map_err(|error| explained(&id, "start", error))?;
        loop_.run(code.as_mut(), &mut steering).await
    }
    .await;

    background.stop().await;
    let sent = tokio::time::timeout(context.flush_timeout, loop_.sent()).await;
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

/// Commits every flush interval in which there is something to commit.
fn commit_in_background(
    committer: Arc<Committer>,
    metrics: &Arc<TaskMetrics>,
    context: &TaskContext,
) -> Periodic {
    let interval = context.flush_interval;
    let metrics = Arc::clone(metrics);
    let due = Arc::clone(&committer);
    let wait = move || {
        let due = Arc::clone(&due);
        async move {
            due.due().await;
            tokio::time::sleep(interval).await;
        }
    };
    Periodic::start(&context.data, wait, move || {
        let (committer, metrics) = (Arc::clone(&committer), Arc::clone(&metrics));
        async move {
            committer.commit().await;
            // A source that waits for records looks at its memory no more.
            metrics.note_memory();
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
        let mut turn = self.context.clock.monotonic();
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
                self.metrics.progress.enter(FlowStage::Paused);
                steering.changed_from(TargetState::Paused).await;
                continue;
            }
            if self.committer.has_committed() {
                self.metrics.progress.enter(FlowStage::Commit);
                code.commit().await;
            }
            self.step(code, steering).await?;
            wake_another_thread();
            // Others get their turn where neither source nor broker ever waits; not after each batch, for a task that
            // goes on elsewhere finds its open batch in no cache.
            let now = self.context.clock.monotonic();
            if now.saturating_sub(turn) >= TURN {
                tokio::task::yield_now().await;
                turn = now;
            }
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
        if !self.context.metrics.has_room(&self.metrics) {
            self.metrics.progress.enter(FlowStage::Memory);
            tokio::time::sleep(ROOM_PAUSE).await;
            return Ok(());
        }
        self.metrics.progress.poll();
        let started = self.context.clock.monotonic();
        let polled = tokio::select! {
            biased;
            polled = code.poll() => polled,
            () = self.committer.until(|| self.failure.is_set() || self.refused.is_some()) => return self.check(),
        };
        if polled.is_ok() {
            self.metrics.progress.polled();
        }
        match polled {
            Ok(Some(mut batch)) if !batch.is_empty() => {
                self.committer.in_flight().polled();
                let held = &self.metrics.memory.blocks;
                batch.replace_blocks(|block| held.block(block));
                let took = self.context.clock.monotonic().saturating_sub(started);
                self.metrics.polled(batch.len(), took);
                match self.encode(batch, steering).await? {
                    Some(encoded) => self.send(encoded).await,
                    None => Ok(()),
                }
            }
            // A source that answers without ever waiting gives others their turn here.
            Ok(_) => {
                tokio::task::yield_now().await;
                Ok(())
            }
            Err(error) if error.is_retriable() => {
                self.metrics.errors.retries.increment();
                self.metrics.progress.enter(FlowStage::PollRetry);
                log::warn!("{} could not poll and will try again: {error}", self.id);
                tokio::time::sleep(RETRY_PAUSE).await;
                Ok(())
            }
            Err(error) => Err(explained(self.id, "poll", error)),
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
        self.metrics.progress.enter(FlowStage::Transform);
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
        self.metrics.progress.enter(FlowStage::Send);
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
            let is_ready = match holes.len() < run.end - start {
                true => self.prepare_topic(&run.topic).await?,
                false => Ok(()),
            };
            let mut from = start;
            for &hole in &dropped[holes] {
                self.append_or_leave(&batch, run, from..hole, (first_ticket, &is_ready))
                    .await?;
                self.committer.acknowledge(
                    first_ticket + hole as u64..first_ticket + hole as u64 + 1,
                    false,
                );
                from = hole + 1;
            }
            self.append_or_leave(&batch, run, from..run.end, (first_ticket, &is_ready))
                .await?;
        }
        Ok(())
    }

    /// Waits until the producer knows the topic, which is created first if the connector asks for it. Reports it with
    /// each run: those who keep the list may have been told to forget it.
    ///
    /// The inner error says why there will be no such topic, where records for it may be left out.
    async fn prepare_topic(
        &mut self,
        topic: &Arc<str>,
    ) -> Result<Result<(), ProduceError>, ConnectError> {
        if !self.topics.contains(topic) {
            // The broker's own answer to a name that no topic can have is heard from the producer.
            if let Some(creation) = &self.creation {
                let created = creation.ensure(topic).await;
                created.or_else(|error| {
                    match self.answers.policy.tolerates() && is_for_a_bad_name(&error) {
                        true => Ok(()),
                        false => Err(error),
                    }
                })?;
            }
            match self.producer.ready(topic).await {
                Ok(_) => self.topics.insert(Arc::clone(topic)),
                Err(error) if self.answers.may_leave_out(&error) => return Ok(Err(error)),
                Err(error) => return Err(self.failed(topic, error)),
            };
        }
        self.context.statuses.topic(self.id, topic);
        Ok(Ok(()))
    }

    /// Hands rows to the producer, or leaves them out where their topic is not ready.
    async fn append_or_leave(
        &self,
        batch: &SourceBatch,
        run: &SourceRun,
        rows: Range<usize>,
        (first_ticket, is_ready): (u64, &Result<(), ProduceError>),
    ) -> Result<(), ConnectError> {
        let Err(error) = is_ready else {
            return self.append(batch, run, rows, first_ticket).await;
        };
        for row in rows {
            let ticket = first_ticket + row as u64;
            self.answers
                .leave_out_row((batch, run), row, ticket, error)?;
        }
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
                self.producer
                    .append(&run.topic, run.partition, &mut records, ticket, &acks);
            let appended = match appended {
                // The topic was deleted, or its broker has just come back and does not know it yet.
                Err(ProduceError::NotReady { .. }) => match self.producer.ready(&run.topic).await {
                    Ok(_) => continue,
                    Err(error) => Err(error),
                },
                appended => appended,
            };
            match appended {
                Ok(appended) => from += appended.rows,
                Err(error) if self.answers.may_leave_out(&error) => {
                    self.answers
                        .leave_out_row((batch, run), from, ticket, &error)?;
                    from += 1;
                }
                Err(error) => {
                    let place = origin(&run.source, batch.mark_behind(from));
                    return Err(self.answers.unsent(&run.topic, error, Some(place)));
                }
            }
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
        self.answers.unsent(topic, error, None)
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
        self.metrics.progress.enter(FlowStage::DeadLetters);
        self.errors.keep(reports).await;
        tokio::select! {
            stored = self.errors.stored() => stored.map(|()| true),
            _ = steering.target.wait_for(|now| *now == TargetState::Stopped) => Ok(false),
        }
    }

    /// Stores dead letters of the records that the broker has refused, and only then lets go of these.
    async fn keep_refused(&mut self) -> Result<(), ConnectError> {
        for (tickets, reports) in self.refused.take() {
            self.metrics.progress.enter(FlowStage::DeadLetters);
            self.errors.keep(reports).await;
            self.errors.stored().await?;
            self.committer.acknowledge(tickets, false);
        }
        Ok(())
    }

    /// Waits until the producer has an answer for every row that it has taken, or the task has failed: for rows that it
    /// has not taken no answer ever comes.
    async fn sent(&mut self) -> Result<(), ConnectError> {
        tokio::select! {
            () = self.producer.flush() => {}
            () = self.committer.until(|| self.failure.is_set()) => return Ok(()),
        }
        self.keep_refused().await
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

/// Lets an idle thread take the sender, which a full batch has woken.
///
/// Tokio keeps the task that was woken last for the thread that woke it. That is right before a wait; a source that goes
/// on for a whole turn would hold the sender up. A task that does nothing takes that place.
fn wake_another_thread() {
    drop(tokio::spawn(async {}));
}

/// Whether a topic could not be created because of its name, which is its records' fault.
fn is_for_a_bad_name(error: &ConnectError) -> bool {
    let cause = std::error::Error::source(error);
    let refusal = cause.and_then(|cause| cause.downcast_ref::<ClientError>());
    refusal.and_then(ClientError::code) == Some(ErrorCode::INVALID_TOPIC_EXCEPTION)
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
        read.map_err(unreadable)
    }

    async fn offsets(&self) -> Result<Vec<(OffsetMap, OffsetMap)>, ConnectError> {
        let read = self.store.list(&self.connector).await;
        read.map_err(unreadable)
    }
}

fn unreadable(error: StoreError) -> ConnectError {
    ConnectError::connect("cannot read source offsets").caused_by(error)
}
