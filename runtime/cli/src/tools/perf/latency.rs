//! From acknowledgements to latencies: a histogram by milliseconds, for all of a test and for the last seconds.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use millrace_client::producer::{Ack, AckSink, ProduceError};
use millrace_wire::clock::Clock;

/// Latencies of more milliseconds are counted with this one.
const LATENCY_MS_MAX: usize = 300_000;

/// Records that were taken together, and are not all acknowledged.
#[derive(Debug)]
struct Sent {
    tickets: Range<u64>,
    at: Duration,
    left: u64,
}

/// Counts of a span of time.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    pub(super) records: u64,
    total_ms: u64,
    max_ms: u64,
}

#[derive(Debug, Default)]
struct State {
    sent: VecDeque<Sent>,
    by_ms: Vec<u64>,
    total: Counts,
    window: Counts,
    failed: Option<(u64, ProduceError)>,
}

/// Takes acknowledgements in. Tickets count records from 0.
#[derive(Debug)]
pub(super) struct Latencies {
    clock: Arc<dyn Clock>,
    /// Records below this are warm-up, and counted apart.
    warm_up: u64,
    all: Mutex<State>,
    steady: Mutex<State>,
}

impl Latencies {
    pub(super) fn new(clock: Arc<dyn Clock>, warm_up: u64) -> Self {
        Self {
            clock,
            warm_up,
            all: Mutex::default(),
            steady: Mutex::default(),
        }
    }

    /// These records are handed over now.
    pub(super) fn sent(&self, tickets: Range<u64>, at: Duration) {
        let left = tickets.end - tickets.start;
        let sent = Sent { tickets, at, left };
        lock(&self.all).sent.push_back(sent);
    }

    /// Of the records of the last one, so many were not taken after all.
    pub(super) fn untaken(&self, count: u64) {
        let mut state = lock(&self.all);
        if let Some(last) = state.sent.back_mut() {
            last.tickets.end -= count;
            last.left -= count;
        }
        state.forget();
    }

    /// What came since this was last asked.
    pub(super) fn window(&self) -> Counts {
        std::mem::take(&mut lock(&self.all).window)
    }

    /// All records, or those behind the warm-up.
    pub(super) fn summary(&self, steady: bool) -> Summary {
        let state = lock(if steady { &self.steady } else { &self.all });
        Summary {
            counts: state.total.clone(),
            percentiles: [0.5, 0.95, 0.99, 0.999].map(|part| state.percentile(part)),
        }
    }

    /// How many records were not delivered, and why the first was not.
    pub(super) fn failed(&self) -> Option<(u64, ProduceError)> {
        lock(&self.all).failed.clone()
    }
}

/// What came of a test.
#[derive(Debug)]
pub(super) struct Summary {
    pub(super) counts: Counts,
    /// 50, 95, 99 and 99.9 of a hundred took at most so many milliseconds.
    pub(super) percentiles: [u64; 4],
}

impl Counts {
    pub(super) fn average_ms(&self) -> f64 {
        if self.records == 0 {
            return 0.0;
        }
        self.total_ms as f64 / self.records as f64
    }

    pub(super) fn max_ms(&self) -> f64 {
        self.max_ms as f64
    }

    fn add(&mut self, records: u64, ms: u64) {
        self.records += records;
        self.total_ms += records * ms;
        self.max_ms = self.max_ms.max(ms);
    }
}

impl State {
    fn record(&mut self, records: u64, ms: u64) {
        self.total.add(records, ms);
        self.window.add(records, ms);
        let bucket = usize::try_from(ms)
            .unwrap_or(LATENCY_MS_MAX)
            .min(LATENCY_MS_MAX);
        if self.by_ms.len() <= bucket {
            self.by_ms.resize(bucket + 1, 0);
        }
        self.by_ms[bucket] += records;
    }

    fn percentile(&self, part: f64) -> u64 {
        let rank = (self.total.records as f64 * part) as u64;
        let mut seen = 0;
        let found = self.by_ms.iter().position(|count| {
            seen += count;
            seen > rank
        });
        found.unwrap_or(self.by_ms.len().saturating_sub(1)) as u64
    }

    /// The first of those sent that hold the ticket.
    fn position(&self, ticket: u64) -> usize {
        self.sent.partition_point(|sent| sent.tickets.end <= ticket)
    }

    fn forget(&mut self) {
        while self.sent.front().is_some_and(|sent| sent.left == 0) {
            self.sent.pop_front();
        }
    }
}

impl AckSink for Latencies {
    fn acknowledged(&self, tickets: Range<u64>, result: Result<Ack, &ProduceError>) {
        let now = self.clock.monotonic();
        let mut state = lock(&self.all);
        if let Err(error) = result {
            let count = tickets.end.saturating_sub(tickets.start);
            let (so_far, _) = state.failed.get_or_insert_with(|| (0, error.clone()));
            *so_far += count;
        }
        let mut at = state.position(tickets.start);
        let mut ticket = tickets.start;
        while ticket < tickets.end {
            let Some(sent) = state.sent.get_mut(at) else {
                break;
            };
            let end = sent.tickets.end.min(tickets.end);
            let count = end.saturating_sub(ticket);
            sent.left = sent.left.saturating_sub(count);
            let ms = now.saturating_sub(sent.at).as_millis();
            let ms = u64::try_from(ms).unwrap_or(u64::MAX);
            if result.is_ok() {
                state.record(count, ms);
                let steady = end.saturating_sub(ticket.max(self.warm_up));
                if self.warm_up > 0 && steady > 0 {
                    lock(&self.steady).record(steady.min(count), ms);
                }
            }
            ticket = end;
            at += 1;
        }
        state.forget();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use millrace_client::producer::{Ack, AckSink as _};
    use millrace_wire::clock::{Clock as _, ManualClock};

    use super::Latencies;

    #[test]
    fn latencies_are_those_of_each_record() {
        let clock = Arc::new(ManualClock::new(0));
        let latencies = Latencies::new(Arc::clone(&clock) as _, 4);
        let ack = Ack {
            partition: 0,
            base_offset: 0,
        };
        latencies.sent(0..4, clock.monotonic());
        clock.advance(Duration::from_millis(10));
        latencies.sent(4..10, clock.monotonic());
        latencies.untaken(2);
        clock.advance(Duration::from_millis(5));
        latencies.acknowledged(2..6, Ok(ack));
        latencies.acknowledged(0..2, Ok(ack));
        latencies.acknowledged(6..8, Ok(ack));
        let summary = latencies.summary(false);
        assert_eq!(summary.counts.records, 8);
        assert_eq!(summary.counts.average_ms(), 10.0);
        assert_eq!(summary.counts.max_ms(), 15.0);
        assert_eq!(summary.percentiles, [15, 15, 15, 15]);
        let steady = latencies.summary(true);
        assert_eq!((steady.counts.records, steady.counts.max_ms()), (4, 5.0));
        assert_eq!(latencies.window().records, 8);
        assert_eq!(latencies.window().records, 0);
    }
}
