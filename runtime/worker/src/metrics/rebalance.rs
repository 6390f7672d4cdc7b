//! The rebalances of a worker's group, as this worker sees them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use millrace_wire::clock::Clock;
use millrace_wire::metrics::{Collect, Exposition, RecentMax, RecentMean};

use super::families::{
    ASSIGNED_CONNECTORS, ASSIGNED_TASKS, REBALANCE_AVG, REBALANCE_EPOCH, REBALANCE_LEADER,
    REBALANCE_MAX, REBALANCE_PROTOCOL, REBALANCE_SINCE, REBALANCES, REBALANCING,
};

/// A generation that this worker is part of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Generation {
    /// Its number.
    pub(crate) epoch: i32,
    /// The leader's URL.
    pub(crate) leader: String,
    /// The version of the protocol: `EAGER`, `COMPATIBLE` or `SESSIONED`.
    pub(crate) protocol: &'static str,
    /// How many connectors and tasks this worker has.
    pub(crate) connectors: usize,
    pub(crate) tasks: usize,
}

#[derive(Debug, Default)]
struct Inner {
    generation: Generation,
    completed: u64,
    /// When the rebalance that is on began.
    began: Option<Duration>,
    /// When the last one ended.
    ended: Option<Duration>,
    total: Duration,
    /// The longest since the last scrape.
    longest: Duration,
    avg: RecentMean,
    max: RecentMax,
}

/// What a worker counts of its group's rebalances. One begins when the worker is asked to give up what must move, and
/// ends when it has its part of the new generation.
#[derive(Debug)]
pub(crate) struct RebalanceMetrics {
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

impl RebalanceMetrics {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            clock,
            inner: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A rebalance is on.
    pub(crate) fn began(&self) {
        let now = self.clock.monotonic();
        self.lock().began.get_or_insert(now);
    }

    /// This worker has its part of a generation.
    pub(crate) fn completed(&self, generation: Generation) {
        let now = self.clock.monotonic();
        let mut inner = self.lock();
        let took = inner
            .began
            .take()
            .map_or(Duration::ZERO, |began| now.saturating_sub(began));
        inner.generation = generation;
        inner.completed += 1;
        inner.total += took;
        inner.longest = inner.longest.max(took);
        inner.ended = Some(now);
    }
}

impl Collect for RebalanceMetrics {
    fn collect(&self, into: &mut Exposition) {
        let now = self.clock.monotonic();
        let mut inner = self.lock();
        let (completed, total) = (inner.completed, inner.total.as_secs_f64() * 1e3);
        let longest = std::mem::take(&mut inner.longest).as_secs_f64() * 1e3;
        let avg = inner.avg.update(completed, total, now);
        let max = inner.max.update(longest, now);
        let since = inner.ended.map_or(f64::INFINITY, |ended| {
            now.saturating_sub(ended).as_secs_f64() * 1e3
        });
        let is_on = inner.began.is_some();
        let generation = inner.generation.clone();
        drop(inner);
        into.single(&REBALANCES, completed);
        into.single(&REBALANCING, u64::from(is_on));
        into.single(&REBALANCE_AVG, avg);
        into.single(&REBALANCE_MAX, max);
        into.single(&REBALANCE_SINCE, since);
        into.single(&REBALANCE_EPOCH, i64::from(generation.epoch));
        into.single(&ASSIGNED_CONNECTORS, generation.connectors);
        into.single(&ASSIGNED_TASKS, generation.tasks);
        if completed > 0 {
            let mut leader = into.family(&REBALANCE_LEADER);
            leader.add(&[&generation.leader], 1_u64);
            let mut protocol = into.family(&REBALANCE_PROTOCOL);
            protocol.add(&[generation.protocol], 1_u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use millrace_wire::clock::{Clock, ManualClock};
    use millrace_wire::metrics::{Format, Registry};

    use super::{Generation, RebalanceMetrics};

    #[test]
    fn a_rebalance_lasts_from_its_first_word_to_the_assignment() {
        let clock = Arc::new(ManualClock::new(0));
        let metrics = RebalanceMetrics::new(Arc::clone(&clock) as Arc<dyn Clock>);
        let registry = Registry::default();
        registry.add(Arc::clone(&metrics) as _);
        let shows = |line: &str| {
            let text = registry.render(Format::accepted(""));
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        };
        shows("kafka_connect_worker_rebalance_time_since_last_rebalance_ms +Inf");
        metrics.began();
        clock.advance(Duration::from_millis(30));
        metrics.began();
        shows("kafka_connect_worker_rebalance_rebalancing 1");
        clock.advance(Duration::from_millis(10));
        metrics.completed(Generation {
            epoch: 7,
            leader: "http://w:8083/".to_owned(),
            protocol: "SESSIONED",
            connectors: 2,
            tasks: 5,
        });
        clock.advance(Duration::from_millis(100));
        for line in [
            "kafka_connect_worker_rebalance_rebalancing 0",
            "kafka_connect_worker_rebalance_completed_rebalances_total 1",
            "kafka_connect_worker_rebalance_rebalance_max_time_ms 40",
            "kafka_connect_worker_rebalance_time_since_last_rebalance_ms 100",
            "kafka_connect_worker_rebalance_epoch 7",
            "kafka_connect_worker_rebalance_leader_name{leader_name=\"http://w:8083/\"} 1",
            "kafka_connect_worker_rebalance_connect_protocol{connect_protocol=\"SESSIONED\"} 1",
            "kafka_connect_coordinator_assigned_tasks 5",
        ] {
            shows(line);
        }
    }
}
