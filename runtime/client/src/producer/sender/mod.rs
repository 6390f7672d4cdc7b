//! The task that sends.
//!
//! It wakes when there is something new, an answer is there, or a batch has waited long enough;
//! takes all that can go ([`plan`]), closes the batches, and polls each request once, which fixes
//! the order of their effects. What comes back is judged ([`verdict`]) and delivered, sent again,
//! split or given up.

mod identity;
mod plan;
mod request;
mod verdict;

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use self::identity::Identity;
use self::plan::{Expired, Outgoing, Plan, View, plan};
use self::request::{Answers, build, exchange, index};
use self::verdict::{Retry, Verdict, judge, judge_failure};
use super::Shared;
use super::batch::ProducerBatch;
use super::error::ProduceError;
use super::partition::ProducerId;
use crate::backoff::Backoff;
use crate::cluster::{Lane, Metadata};
use crate::config::millis;
use crate::connection::Connection;
use crate::error::ClientError;

/// After this many requests to each node other tasks get their turn.
const ROUNDS: usize = 8;

type Work = Pin<Box<dyn Future<Output = Event> + Send>>;

/// Something that the sender started is over.
enum Event {
    Answered {
        request: u64,
        result: Result<Option<Answers>, ClientError>,
    },
    Connected {
        node: i32,
        result: Result<Arc<Connection>, ClientError>,
    },
    Refreshed(Result<Arc<Metadata>, ClientError>),
    Identified(Result<ProducerId, ClientError>),
}

/// What is known of a broker.
#[derive(Default)]
struct Node {
    connection: Option<Arc<Connection>>,
    connecting: bool,
    in_flight: usize,
    last_error: Option<String>,
}

/// A request on its way.
struct Sent {
    node: i32,
    batches: Vec<Outgoing>,
}

pub(super) struct Sender {
    shared: Arc<Shared>,
    lane: Arc<Lane>,
    nodes: HashMap<i32, Node>,
    sent: HashMap<u64, Sent>,
    next_request: u64,
    work: FuturesUnordered<Work>,
    identity: Identity,
    identity_error: Option<String>,
    identity_backoff: Backoff,
    /// No attempt to get an id before this time.
    identity_not_before: Duration,
    max_in_flight: usize,
    refreshing: bool,
    refresh_wanted: bool,
    refresh_backoff: Backoff,
    refresh_not_before: Duration,
    refreshed: Duration,
}

impl Sender {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let cluster = &shared.cluster;
        Self {
            lane: Arc::new(cluster.lane()),
            nodes: HashMap::new(),
            sent: HashMap::new(),
            next_request: 0,
            work: FuturesUnordered::new(),
            identity: if shared.config.idempotence {
                Identity::Missing
            } else {
                Identity::Unwanted
            },
            identity_error: None,
            identity_backoff: cluster.retry_backoff(),
            identity_not_before: Duration::ZERO,
            max_in_flight: shared.config.max_in_flight,
            refreshing: false,
            refresh_wanted: false,
            refresh_backoff: cluster.retry_backoff(),
            refresh_not_before: Duration::ZERO,
            refreshed: cluster.clock().monotonic(),
            shared,
        }
    }

    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let _stopped = shared.stopped.clone().drop_guard();
        while !shared.stop.is_cancelled() {
            let Some(next) = self.pump() else {
                tokio::task::yield_now().await;
                continue;
            };
            let pause = next.saturating_sub(self.now());
            tokio::select! {
                () = shared.stop.cancelled() => break,
                Some(event) = self.work.next(), if !self.work.is_empty() => self.handle(event),
                () = shared.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.give_up();
    }

    /// Sends all that can go; says when to look again, `None` for at once.
    fn pump(&mut self) -> Option<Duration> {
        for _ in 0..ROUNDS {
            self.prepare();
            let mut plan = self.plan();
            for expired in std::mem::take(&mut plan.expired) {
                self.expired(expired);
            }
            for &node in &plan.connect {
                self.connect(node);
            }
            self.refresh_wanted |= plan.leaderless;
            if plan.new_id && matches!(self.identity, Identity::Given(_)) {
                self.identity = Identity::Missing;
            }
            let done = plan.requests.is_empty() && !plan.new_id;
            let ready: Vec<Event> = std::mem::take(&mut plan.requests)
                .into_iter()
                .filter_map(|(node, batches)| self.send(node, batches))
                .collect();
            for event in ready {
                self.handle(event);
            }
            if done {
                return Some(self.wake_at(&plan));
            }
        }
        None
    }

    /// Starts what sending needs beside records: an id, and metadata that is not too old.
    fn prepare(&mut self) {
        let now = self.now();
        if self.identity == Identity::Missing
            && self.identity_not_before <= now
            && self.has_records()
        {
            self.identity = Identity::Asked;
            let lane = Arc::clone(&self.lane);
            self.start(Box::pin(async move {
                Event::Identified(identity::ask(&lane).await)
            }));
        }
        let max_age = millis(self.shared.config.cluster.metadata_max_age_ms);
        if now.saturating_sub(self.refreshed) >= max_age && self.has_topics() {
            self.refresh_wanted = true;
        }
        if self.refresh_wanted && !self.refreshing && self.refresh_not_before <= now {
            self.refreshing = true;
            let cluster = self.shared.cluster.clone();
            let topics: Vec<Arc<str>> = self.shared.lock().topics.keys().cloned().collect();
            self.start(Box::pin(async move {
                Event::Refreshed(cluster.refresh(&topics).await)
            }));
        }
    }

    fn plan(&self) -> Plan {
        let metadata = self.shared.cluster.metadata();
        let capacity = |node: i32| {
            let node = self.nodes.get(&node)?;
            let open = node
                .connection
                .as_ref()
                .is_some_and(|connection| !connection.is_closed());
            open.then(|| self.max_in_flight.saturating_sub(node.in_flight))
        };
        let (id, may_send) = match self.identity {
            Identity::Given(id) => (Some(id), true),
            Identity::Unwanted => (None, true),
            Identity::Missing | Identity::Asked => (None, false),
        };
        let view = View {
            config: &self.shared.config,
            metadata: &metadata,
            now: self.now(),
            id,
            may_send,
            capacity: &capacity,
            max_in_flight: self.max_in_flight,
        };
        plan(&mut self.shared.lock(), &view)
    }

    /// Closes the batches and sends them to a node in one request. Gives the answer where it is there
    /// at once.
    fn send(&mut self, node: i32, batches: Vec<Outgoing>) -> Option<Event> {
        let batches = self.close_batches(batches);
        let config = &self.shared.config;
        let wait = config.cluster.request_timeout();
        let state = self.nodes.entry(node).or_default();
        let Some(connection) = state.connection.clone() else {
            for outgoing in batches {
                self.retry(
                    outgoing,
                    Retry::after("the connection is closed".to_owned()),
                );
            }
            return None;
        };
        if batches.is_empty() {
            return None;
        }
        let request = self.next_request;
        self.next_request += 1;
        state.in_flight += 1;
        let produce = build(&connection, &batches, config.acks, wait);
        self.sent.insert(request, Sent { node, batches });
        let mut call: Work = Box::pin(async move {
            Event::Answered {
                request,
                result: exchange(connection, produce, wait).await,
            }
        });
        // The first poll puts the request in its place among those of the connection.
        match futures_util::FutureExt::now_or_never(poll_once(&mut call)) {
            Some(Poll::Ready(event)) => Some(event),
            _ => {
                self.work.push(call);
                None
            }
        }
    }

    fn close_batches(&mut self, batches: Vec<Outgoing>) -> Vec<Outgoing> {
        let (codec, level) = (
            self.shared.config.compression,
            self.shared.config.compression_level,
        );
        let mut closed = Vec::with_capacity(batches.len());
        for mut outgoing in batches {
            let Outgoing {
                topic,
                topic_id,
                partition,
                batch,
            } = outgoing;
            match batch.close(codec, level) {
                Ok(batch) => {
                    outgoing = Outgoing {
                        topic,
                        topic_id,
                        partition,
                        batch,
                    };
                    self.count_closed(&mut outgoing.batch);
                    closed.push(outgoing);
                }
                Err(failure) => self.failed(&topic, partition, &failure.0, &failure.1),
            }
        }
        closed
    }

    /// A compressed batch counts for what is left of it.
    fn count_closed(&self, batch: &mut ProducerBatch) {
        let len = batch.len();
        if self.shared.config.compression.id() != 0 && len < batch.accounted {
            self.shared.lock().shrink(batch.accounted - len);
            batch.accounted = len;
            self.shared.progress.notify_waiters();
        }
    }

    fn connect(&mut self, id: i32) {
        let node = self.nodes.entry(id).or_default();
        if node.connecting {
            return;
        }
        node.connecting = true;
        node.connection = None;
        let lane = Arc::clone(&self.lane);
        self.start(Box::pin(async move {
            Event::Connected {
                node: id,
                result: lane.connection(id).await,
            }
        }));
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Answered { request, result } => self.answered(request, result),
            Event::Connected { node, result } => self.connected(node, result),
            Event::Refreshed(result) => self.refreshed(result),
            Event::Identified(result) => self.identified(result),
        }
    }

    fn answered(&mut self, request: u64, result: Result<Option<Answers>, ClientError>) {
        let Some(Sent { node, batches }) = self.sent.remove(&request) else {
            return;
        };
        if let Some(node) = self.nodes.get_mut(&node) {
            node.in_flight = node.in_flight.saturating_sub(1);
            if let Err(error) = &result {
                node.last_error = Some(error.to_string());
            }
        }
        let mut answers = match result {
            Ok(Some(answers)) => Ok(answers),
            Ok(None) => {
                for outgoing in &batches {
                    self.delivered(outgoing, -1);
                }
                return;
            }
            Err(error) => {
                log::debug!("a produce request failed: {error}");
                Err(error)
            }
        };
        for outgoing in batches {
            let verdict = match &mut answers {
                Ok(answers) => self.judge(answers, &outgoing),
                Err(error) => judge_failure(error, &outgoing.topic, index(outgoing.partition)),
            };
            self.carry_out(outgoing, verdict);
        }
    }

    fn judge(&self, answers: &mut Answers, outgoing: &Outgoing) -> Verdict {
        let Some(answer) = answers.take(outgoing) else {
            let reason = "the answer leaves the partition out".to_owned();
            return Verdict::Retry(Retry {
                refresh: true,
                ..Retry::after(reason)
            });
        };
        let mut accumulator = self.shared.lock();
        match accumulator.queue(&outgoing.topic, outgoing.partition) {
            Some(queue) => judge(&answer, &outgoing.topic, &outgoing.batch, queue),
            None => Verdict::Failed(ProduceError::Closed),
        }
    }

    fn carry_out(&mut self, outgoing: Outgoing, verdict: Verdict) {
        match verdict {
            Verdict::Delivered(base_offset) => self.delivered(&outgoing, base_offset),
            Verdict::Retry(retry) => self.retry(outgoing, retry),
            Verdict::Split => self.split(outgoing),
            Verdict::Failed(error) => {
                self.failed(&outgoing.topic, outgoing.partition, &outgoing.batch, &error)
            }
        }
    }

    fn delivered(&mut self, outgoing: &Outgoing, base_offset: i64) {
        self.refresh_backoff.succeed();
        let mut accumulator = self.shared.lock();
        if let Some(queue) = accumulator.queue(&outgoing.topic, outgoing.partition) {
            queue.delivered(&outgoing.batch);
        }
        accumulator.release(&outgoing.batch);
        drop(accumulator);
        outgoing
            .batch
            .complete(index(outgoing.partition), Ok(base_offset));
        self.shared.progress.notify_waiters();
    }

    fn retry(&mut self, mut outgoing: Outgoing, retry: Retry) {
        self.refresh_wanted |= retry.refresh;
        if retry.new_id && matches!(self.identity, Identity::Given(_)) {
            self.identity = Identity::Missing;
        }
        let attempts = outgoing.batch.attempts;
        if attempts > self.shared.config.retries {
            let error = self.expiry(
                &outgoing.topic,
                outgoing.partition,
                &outgoing.batch,
                Some(retry.reason),
            );
            return self.failed(&outgoing.topic, outgoing.partition, &outgoing.batch, &error);
        }
        log::debug!(
            "{}-{}: sending a batch again: {}",
            outgoing.topic,
            outgoing.partition,
            retry.reason
        );
        outgoing.batch.last_error = Some(retry.reason);
        let not_before = if retry.wait {
            self.now() + self.wait_after(attempts)
        } else {
            Duration::ZERO
        };
        let mut accumulator = self.shared.lock();
        if let Some(queue) = accumulator.queue(&outgoing.topic, outgoing.partition) {
            if retry.start_over {
                queue.forgotten();
            }
            queue.retry(outgoing.batch, not_before);
        }
        accumulator.list(&outgoing.topic, outgoing.partition);
    }

    fn split(&mut self, outgoing: Outgoing) {
        let Outgoing {
            topic,
            partition,
            batch,
            ..
        } = outgoing;
        let id = batch.id;
        match batch.split(
            self.shared.config.compression,
            self.shared.config.compression_level,
        ) {
            Ok([first, second]) => {
                let mut accumulator = self.shared.lock();
                accumulator.note_split(id);
                if let Some(queue) = accumulator.queue(&topic, partition) {
                    queue.put_back(second);
                    queue.retry(first, Duration::ZERO);
                }
                accumulator.list(&topic, partition);
            }
            Err(batch) => {
                let (size, number) = (batch.len(), index(partition));
                let error = ProduceError::MessageTooLarge {
                    topic: Arc::clone(&topic),
                    partition: number,
                    size,
                };
                self.failed(&topic, partition, &batch, &error);
            }
        }
    }

    /// Gives up a batch that was taken to be sent.
    fn failed(
        &self,
        topic: &Arc<str>,
        partition: usize,
        batch: &ProducerBatch,
        error: &ProduceError,
    ) {
        let mut accumulator = self.shared.lock();
        if let Some(queue) = accumulator.queue(topic, partition) {
            queue.failed(batch);
        }
        accumulator.release(batch);
        drop(accumulator);
        batch.complete(index(partition), Err(error));
        self.shared.progress.notify_waiters();
    }

    fn expired(&self, expired: Expired) {
        let Expired {
            topic,
            partition,
            leader,
            batch,
        } = expired;
        let of_node = || self.nodes.get(&leader?)?.last_error.clone();
        let no_leader = || {
            leader
                .is_none()
                .then(|| "the partition has no leader".to_owned())
        };
        let of_id = || self.identity_error.clone();
        let last = batch
            .last_error
            .clone()
            .or_else(of_node)
            .or_else(of_id)
            .or_else(no_leader);
        let error = self.expiry(&topic, partition, &batch, last);
        batch.complete(index(partition), Err(&error));
        self.shared.progress.notify_waiters();
    }

    fn expiry(
        &self,
        topic: &Arc<str>,
        partition: usize,
        batch: &ProducerBatch,
        last: Option<String>,
    ) -> ProduceError {
        ProduceError::Expired {
            topic: Arc::clone(topic),
            partition: index(partition),
            waited: self.now().saturating_sub(batch.created),
            attempts: batch.attempts,
            last,
        }
    }

    fn connected(&mut self, id: i32, result: Result<Arc<Connection>, ClientError>) {
        let node = self.nodes.entry(id).or_default();
        node.connecting = false;
        match result {
            Ok(connection) => {
                node.connection = Some(connection);
                node.last_error = None;
            }
            Err(error) => {
                if node.last_error.is_none() {
                    log::warn!("a producer cannot reach node {id}: {error}");
                }
                node.last_error = Some(error.to_string());
                self.refresh_wanted = true;
            }
        }
    }

    fn refreshed(&mut self, result: Result<Arc<Metadata>, ClientError>) {
        self.refreshing = false;
        self.refresh_wanted = false;
        self.refresh_not_before = self.now() + self.refresh_backoff.fail();
        match result {
            Ok(_) => self.refreshed = self.now(),
            Err(error) => {
                log::debug!("a producer cannot refresh its metadata: {error}");
                self.refresh_wanted = true;
            }
        }
    }

    fn identified(&mut self, result: Result<ProducerId, ClientError>) {
        match result {
            Ok(id) => {
                self.identity = Identity::Given(id);
                self.identity_error = None;
                self.identity_backoff.succeed();
            }
            Err(error) if error.is_retriable() => {
                self.identity = Identity::Missing;
                self.identity_error = Some(error.to_string());
                self.identity_not_before = self.now() + self.identity_backoff.fail();
            }
            Err(error) if self.shared.config.idempotence_required => {
                self.identity = Identity::Unwanted;
                self.close_with(&ProduceError::Identity(error));
            }
            Err(error) => {
                log::warn!(
                    "the cluster gives no producer id, so retries may repeat records: {error}"
                );
                self.identity = Identity::Unwanted;
                // One request at a time keeps the order without sequence numbers.
                self.max_in_flight = 1;
            }
        }
    }

    /// Gives up all that is queued or on its way, at the end.
    fn give_up(&mut self) {
        for (_, Sent { batches, .. }) in std::mem::take(&mut self.sent) {
            for outgoing in batches {
                self.failed(
                    &outgoing.topic,
                    outgoing.partition,
                    &outgoing.batch,
                    &ProduceError::Closed,
                );
            }
        }
        self.close_with(&ProduceError::Closed);
        self.lane.close();
    }

    fn close_with(&self, error: &ProduceError) {
        let left = self.shared.lock().close(error.clone());
        for (partition, batch) in left {
            batch.complete(index(partition), Err(error));
        }
        self.shared.progress.notify_waiters();
    }

    fn wake_at(&self, plan: &Plan) -> Duration {
        let now = self.now();
        let mut next = plan.next.unwrap_or(Duration::MAX);
        if self.refresh_wanted && !self.refreshing {
            next = next.min(self.refresh_not_before);
        }
        if self.identity == Identity::Missing && self.has_records() {
            next = next.min(self.identity_not_before);
        }
        let max_age = millis(self.shared.config.cluster.metadata_max_age_ms);
        next.min(now + max_age)
    }

    fn wait_after(&self, attempts: u32) -> Duration {
        let mut backoff = self.shared.cluster.retry_backoff();
        let mut wait = backoff.fail();
        for _ in 1..attempts.min(8) {
            wait = backoff.fail();
        }
        wait
    }

    fn start(&self, work: Work) {
        self.work.push(work);
    }

    fn has_records(&self) -> bool {
        !self.shared.lock().active.is_empty()
    }

    fn has_topics(&self) -> bool {
        !self.shared.lock().topics.is_empty()
    }

    fn now(&self) -> Duration {
        self.shared.cluster.clock().monotonic()
    }
}

async fn poll_once(call: &mut Work) -> Poll<Event> {
    futures_util::poll!(call.as_mut())
}
