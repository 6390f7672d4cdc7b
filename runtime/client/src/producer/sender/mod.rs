//! The task that sends.
//!
//! It wakes when there is something new, an answer is there, or a batch has waited long enough;
//! takes all that can go ([`plan`]), closes the batches, and polls each request once, which fixes
//! the order of their effects. What comes back is judged ([`verdict`]) and delivered, sent again,
//! split or given up.

mod identity;
mod outcome;
mod plan;
mod request;
mod upkeep;
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
use self::plan::{Outgoing, Plan, View, plan};
use self::request::{Answers, build, exchange, index};
use self::verdict::Retry;
use super::Shared;
use super::batch::ProducerBatch;
use super::error::ProduceError;
use super::partition::ProducerId;
use crate::backoff::Backoff;
use crate::cluster::{Lane, Metadata};
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

    fn plan(&self) -> Plan {
        let metadata = self.shared.cluster.metadata();
        let capacity = |node: i32| {
            let node = self.nodes.get(&node)?;
            let open = node
                .connection
                .as_ref()
                .is_some_and(|connection| !connection.is_closed());
            open.then(|| match self.throttled_until(node) {
                Some(_) => 0,
                None => self.max_in_flight.saturating_sub(node.in_flight),
            })
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
            self.shared.lock().budget.give_back(batch.accounted - len);
            batch.accounted = len;
            self.shared.progress.notify_waiters();
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Answered { request, result } => self.answered(request, result),
            Event::Connected { node, result } => self.connected(node, result),
            Event::Refreshed(result) => self.refreshed(result),
            Event::Identified(result) => self.identified(result),
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
            self.shared.lock().budget.release(&batch);
        }
        self.shared.progress.notify_waiters();
    }

    fn throttled_until(&self, node: &Node) -> Option<Duration> {
        node.connection.as_ref()?.throttled_until()
    }

    fn start(&self, work: Work) {
        self.work.push(work);
    }

    fn now(&self) -> Duration {
        self.shared.cluster.clock().monotonic()
    }
}

async fn poll_once(call: &mut Work) -> Poll<Event> {
    futures_util::poll!(call.as_mut())
}
