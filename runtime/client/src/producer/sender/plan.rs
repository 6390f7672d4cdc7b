//! What can be sent now: one pass over the partitions with batches, under the accumulator's lock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use millrace_wire::uuid::Uuid;

use crate::cluster::Metadata;
use crate::producer::accumulator::Accumulator;
use crate::producer::batch::{Body, ProducerBatch};
use crate::producer::config::ProducerConfig;
use crate::producer::partition::{PartitionQueue, ProducerId};

/// A batch that was taken to be sent.
pub(super) struct Outgoing {
    pub(super) topic: Arc<str>,
    pub(super) topic_id: Uuid,
    pub(super) partition: usize,
    pub(super) batch: ProducerBatch,
}

/// A batch that was given up before it was sent (again).
pub(super) struct Expired {
    pub(super) topic: Arc<str>,
    pub(super) partition: usize,
    pub(super) leader: Option<i32>,
    pub(super) batch: ProducerBatch,
}

/// What one pass came to.
#[derive(Default)]
pub(super) struct Plan {
    /// A request for each node, at most one batch a partition.
    pub(super) requests: BTreeMap<i32, Vec<Outgoing>>,
    pub(super) expired: Vec<Expired>,
    /// Nodes that batches wait for and no connection is open to.
    pub(super) connect: BTreeSet<i32>,
    /// Whether a partition has no known leader.
    pub(super) leaderless: bool,
    /// Whether a partition has used up its sequence numbers.
    pub(super) new_id: bool,
    /// When a batch that may not go yet may go, or is given up.
    pub(super) next: Option<Duration>,
}

/// What the pass has to know.
pub(super) struct View<'a> {
    pub(super) config: &'a ProducerConfig,
    pub(super) metadata: &'a Metadata,
    pub(super) now: Duration,
    /// The identity to send under; `None` without idempotence.
    pub(super) id: Option<ProducerId>,
    /// Whether anything may be sent at all, or batches only expire.
    pub(super) may_send: bool,
    /// How many more requests an open connection takes; `None` where none is open.
    pub(super) capacity: &'a dyn Fn(i32) -> Option<usize>,
    pub(super) max_in_flight: usize,
}

impl Plan {
    fn wake_at(&mut self, at: Duration) {
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }
}

/// Takes what can go.
pub(super) fn plan(accumulator: &mut Accumulator, view: &View<'_>) -> Plan {
    let mut plan = Plan::default();
    let hurry =
        accumulator.flushing > 0 || accumulator.closed.is_some() || !accumulator.budget.has_room();
    let mut active = std::mem::take(&mut accumulator.active);
    // Whoever found a request full is first the next time.
    if !active.is_empty() {
        active.rotate_left(1);
    }
    active.retain(|(topic, partition)| {
        let Some(queue) = accumulator.queue(topic, *partition) else {
            return false;
        };
        visit(&mut plan, queue, topic, *partition, view, hurry);
        queue.listed = !queue.batches.is_empty();
        queue.listed
    });
    accumulator.active = active;
    plan
}

fn visit(
    plan: &mut Plan,
    queue: &mut PartitionQueue,
    topic: &Arc<str>,
    partition: usize,
    view: &View<'_>,
    hurry: bool,
) {
    let known = view.metadata.topic(topic);
    let leader = known
        .and_then(|known| known.partitions.get(partition))
        .and_then(|known| known.leader);
    expire(plan, queue, topic, partition, leader, view);
    let Some(front) = queue.batches.front() else {
        return;
    };
    plan.wake_at(front.created + view.config.delivery_timeout);
    if !view.may_send {
        return;
    }
    let due = if hurry || queue.batches.len() > 1 || is_full(front, view.config) || front.is_retry()
    {
        queue.not_before
    } else {
        queue.not_before.max(front.created + view.config.linger)
    };
    if due > view.now {
        plan.wake_at(due);
        return;
    }
    let Some(leader) = leader else {
        plan.leaderless = true;
        return;
    };
    match (view.capacity)(leader) {
        None => {
            plan.connect.insert(leader);
            return;
        }
        Some(0) => return,
        Some(_) => {}
    }
    if !queue.may_send_to(leader, view.max_in_flight) {
        return;
    }
    if view.id.is_some_and(|id| queue.needs_new_id(id)) {
        plan.new_id = true;
        return;
    }
    let request = plan.requests.entry(leader).or_default();
    let size: usize = request.iter().map(|outgoing| outgoing.batch.len()).sum();
    if !request.is_empty() && size + front.len() > view.config.max_request_size {
        return;
    }
    if let Some(batch) = queue.take(leader, view.id) {
        let topic_id = known.map_or(Uuid::ZERO, |known| known.id);
        request.push(Outgoing {
            topic: Arc::clone(topic),
            topic_id,
            partition,
            batch,
        });
    }
}

fn expire(
    plan: &mut Plan,
    queue: &mut PartitionQueue,
    topic: &Arc<str>,
    partition: usize,
    leader: Option<i32>,
    view: &View<'_>,
) {
    let is_late = |batch: &ProducerBatch| batch.created + view.config.delivery_timeout <= view.now;
    while queue.batches.front().is_some_and(is_late) {
        let Some(batch) = queue.batches.pop_front() else {
            return;
        };
        queue.abandoned(&batch);
        plan.expired.push(Expired {
            topic: Arc::clone(topic),
            partition,
            leader,
            batch,
        });
    }
}

fn is_full(batch: &ProducerBatch, config: &ProducerConfig) -> bool {
    match &batch.body {
        Body::Open(builder) => builder.len() >= config.batch_size,
        Body::Closed(_) => true,
    }
}
