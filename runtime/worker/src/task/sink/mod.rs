//! The sink loop: poll, convert, put, and commit what the sink has made safe (contract connect-internals, 3.2).

mod commit;
mod deliver;
mod put;
mod retries;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use millrace_api::{
    ConnectError, Properties, Row, SinkContext, SinkOffsets, SinkTask, TaskId, TopicPartition,
};
use millrace_client::consumer::{self, ConsumeError, Consumer, Polled};

use super::delivery::Delivery;
use super::errors::Errors;
use super::explained;
use super::guard::Condition;
use super::handle::Steering;
use super::{Parts, State, TargetState, TaskContext};
use crate::metrics::{FlowStage, TaskMetrics};
use crate::pipeline::{DeadLetters, Decoder, ErrorPolicy, RetryTopics};

/// Pause after a poll that failed but may succeed later.
const POLL_PAUSE: Duration = Duration::from_millis(100);
/// Pause before a task that has used up its memory looks again; what is let go of wakes nobody.
const ROOM_PAUSE: Duration = Duration::from_millis(10);
/// Longest wait for the consumer to leave its group.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Runs a sink task until it is told to stop.
///
/// # Errors
/// What made it fail.
pub(super) async fn run(
    parts: Parts,
    code: Box<dyn SinkTask>,
    context: &TaskContext,
    metrics: Arc<TaskMetrics>,
    mut steering: Steering,
) -> Result<(), ConnectError> {
    let Parts {
        id,
        connector,
        properties,
        converters,
        condition,
    } = parts;
    let settings = context.clients.consumer_settings(&id, &connector);
    let mut consumer = context.clients.consumer(&settings)?;
    metrics.sink.show_held(consumer.held());
    let retries = RetryTopics::of(&id, &connector)?.map(Arc::new);
    let policy = ErrorPolicy::new(id.clone(), &connector)
        .counted(Arc::clone(&metrics.errors), Arc::clone(&context.clock));
    let task_context = SinkContext::new(id.clone(), steering.running.clone());
    let task_context = match policy.reports() {
        true => task_context.with_errant_records(),
        false => task_context,
    };
    let dead_letters =
        DeadLetters::open(&id, &connector, &context.clients, &metrics.errors).await?;
    let dead_letters = match (dead_letters, &retries) {
        (Some(queue), Some(topics)) => {
            Some(queue.after(topics, &connector, &context.clients).await?)
        }
        (queue, _) => queue,
    };
    subscribe(&mut consumer, &connector, retries.as_deref())?;
    let mut sink = SinkLoop {
        context,
        decoder: Decoder::new(converters),
        errors: Errors::new(policy, dead_letters, Arc::clone(&context.clock)),
        consumer,
        delivery: Delivery::new(id.clone(), code),
        requests: task_context.clone(),
        condition,
        paused_by_task: BTreeSet::new(),
        retries,
        waiting: BTreeMap::new(),
        reported: None,
        rows: Vec::new(),
        metrics,
        id,
    };
    let outcome = async {
        sink.delivery
            .code()
            .start(&properties, task_context)
            .await
            .map_err(|error| explained(&sink.id, "start", error))?;
        sink.run(&mut steering).await
    }
    .await;
    let closed = sink.give_up_all().await;
    sink.delivery.code().stop().await;
    sink.errors.close(CLOSE_TIMEOUT).await;
    if let Err(error) = sink.consumer.close(CLOSE_TIMEOUT).await {
        log::warn!("{} could not leave its group in order: {error}", sink.id);
    }
    outcome.and(closed)
}

fn subscribe(
    consumer: &mut Consumer,
    connector: &Properties,
    retries: Option<&RetryTopics>,
) -> Result<(), ConnectError> {
    let retries: Vec<&str> = retries
        .into_iter()
        .flat_map(RetryTopics::names)
        .map(|name| &**name)
        .collect();
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
                .chain(retries)
                .collect();
            consumer.subscribe(&topics.into_iter().collect::<Vec<_>>())
        }
        (None, Some(pattern)) if retries.is_empty() => consumer.subscribe_pattern(pattern),
        (None, Some(pattern)) => {
            let names = retries.iter().map(|name| regex::escape(name));
            let names = names.collect::<Vec<_>>().join("|");
            consumer.subscribe_pattern(&format!("(?:{pattern})|{names}"))
        }
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
    errors: Errors,
    consumer: Consumer,
    delivery: Delivery,
    requests: SinkContext,
    condition: Condition,
    /// Partitions that the sink itself has asked not to be given.
    paused_by_task: BTreeSet<TopicPartition>,
    retries: Option<Arc<RetryTopics>>,
    /// Partitions of retry topics whose next record is not due before this time.
    waiting: BTreeMap<TopicPartition, Duration>,
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
                self.metrics.progress.enter(FlowStage::Commit);
                self.commit_all().await?;
                next_commit = self.now() + self.context.flush_interval;
            }
            self.release_due()?;
            let next = self
                .next_due()
                .map_or(next_commit, |due| due.min(next_commit));
            let mut wait = next.saturating_sub(self.now());
            let has_room = self.context.metrics.has_room(&self.metrics);
            self.consumer.hold_fetches(!has_room);
            if !has_room {
                wait = wait.min(ROOM_PAUSE);
            }
            self.metrics.progress.enter(match target {
                TargetState::Started if has_room => FlowStage::Poll,
                TargetState::Started => FlowStage::Memory,
                _ => FlowStage::Paused,
            });
            let polled = tokio::select! {
                polled = self.consumer.poll_event(wait) => polled,
                () = self.requests.woken() => Ok(None),
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
        let (pause, resume): (Vec<_>, Vec<_>) = all.iter().partition(|partition| {
            still || self.paused_by_task.contains(partition) || self.waiting.contains_key(partition)
        });
        let paused = self.consumer.pause(&theirs(pause));
        paused
            .and_then(|()| self.consumer.resume(&theirs(resume)))
            .map_err(consume_error)
    }

    /// Does what the sink has asked for. True if offsets are to be committed now.
    fn heed_requests(&mut self) -> Result<bool, ConnectError> {
        let request = self.requests.take_request();
        let mut rewind = request.rewind;
        rewind.retain(|partition, offset| {
            let is_held = self.delivery.assigned().contains(partition);
            if !is_held {
                log::warn!(
                    "sink {} asks to go on from offset {offset} of {partition}, which it does not have; it is not heeded",
                    self.id
                );
            }
            is_held
        });
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
            None => self.put_nothing(steering).await,
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
                let opened = self.delivery.open(&partitions).await;
                opened.map_err(|error| explained(&self.id, "open its partitions", error))?;
                self.apply_pauses()
            }
            Polled::Revoked(partitions) => {
                let partitions: BTreeSet<_> = partitions.iter().map(our).collect();
                self.give_up(&partitions).await
            }
            Polled::Lost(partitions) => {
                let partitions: Vec<_> = partitions.iter().map(our).collect();
                let closed = self.delivery.close(&partitions).await;
                closed.map_err(|error| explained(&self.id, "close its partitions", error))
            }
        }
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
