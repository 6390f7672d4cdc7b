//! Writing the broker's families when somebody scrapes.

mod groups;
mod logs;
mod node;
mod requests;
#[cfg(test)]
mod tests;
mod topics;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use millrace_wire::messages::ApiKey;
use millrace_wire::metrics::{Collect, Exposition, RecentTimes};
use millrace_wire::uuid::Uuid;

use crate::Broker;
use crate::topics::Topic;
use topics::TopicRates;

/// What the figures of the last minute need of earlier scrapes.
#[derive(Debug)]
pub(crate) struct Recent {
    /// When the last scrape was, or the start: what is new came since.
    at: Duration,
    /// By the topic's id; those of deleted topics are forgotten at the next scrape.
    topics: HashMap<Uuid, TopicRates>,
    all: TopicRates,
    requests: HashMap<ApiKey, RecentTimes>,
    flushes: RecentTimes,
}

impl Recent {
    /// Before the first scrape of a broker that starts now.
    pub(super) fn new(now: Duration) -> Self {
        Self {
            at: now,
            topics: HashMap::new(),
            all: TopicRates::new(now),
            requests: HashMap::new(),
            flushes: RecentTimes::default(),
        }
    }
}

/// What one scrape looks at.
struct Scrape<'a> {
    broker: &'a Broker,
    topics: Vec<Arc<Topic>>,
    now: Duration,
}

impl Collect for Broker {
    fn collect(&self, into: &mut Exposition) {
        let scrape = Scrape {
            broker: self,
            topics: self.core.topics.all(),
            now: self.core.clock.monotonic(),
        };
        let recent = &self.core.metrics.recent;
        let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
        node::collect(&scrape, into);
        topics::collect(&scrape, &mut recent, into);
        requests::collect(&scrape, &mut recent, into);
        logs::collect(&scrape, &mut recent, into);
        recent.at = scrape.now;
        drop(recent);
        groups::collect(&scrape, into);
    }
}
