//! What sending needs beside records: connections, an id, and metadata that is not too old.

use std::sync::Arc;
use std::time::Duration;

use super::identity::{self, Identity};
use super::plan::Plan;
use super::{Event, Sender};
use crate::cluster::Metadata;
use crate::config::millis;
use crate::connection::Connection;
use crate::error::ClientError;
use crate::producer::error::ProduceError;
use crate::producer::partition::ProducerId;

impl Sender {
    /// Starts what sending needs beside records: an id, and metadata that is not too old.
    pub(super) fn prepare(&mut self) {
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

    pub(super) fn connect(&mut self, id: i32) {
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

    pub(super) fn connected(&mut self, id: i32, result: Result<Arc<Connection>, ClientError>) {
        let node = self.nodes.entry(id).or_default();
        node.connecting = false;
        match result {
            Ok(connection) => {
                node.connection = Some(connection);
                node.last_error = None;
            }
            Err(error) => {
                if node.last_error.is_none() {
                    let client = &self.shared.config.cluster.client_id;
                    log::warn!("{client}: cannot reach node {id}: {error}");
                }
                node.last_error = Some(error.to_string());
                self.refresh_wanted = true;
            }
        }
    }

    pub(super) fn refreshed(&mut self, result: Result<Arc<Metadata>, ClientError>) {
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

    pub(super) fn identified(&mut self, result: Result<ProducerId, ClientError>) {
        match result {
            Ok(id) => {
                self.identity = Identity::Given(id);
                self.identity_error = None;
                self.identity_backoff.succeed();
            }
            // Wrong credentials say nothing about what the cluster could give.
            Err(error) if error.is_retriable() || error.is_about_security() => {
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

    pub(super) fn wake_at(&self, plan: &Plan) -> Duration {
        let now = self.now();
        let mut next = plan.next.unwrap_or(Duration::MAX);
        if self.refresh_wanted && !self.refreshing {
            next = next.min(self.refresh_not_before);
        }
        if self.identity == Identity::Missing && self.has_records() {
            next = next.min(self.identity_not_before);
        }
        let throttled = self
            .nodes
            .values()
            .filter_map(|node| self.throttled_until(node));
        next = throttled.fold(next, Duration::min);
        let max_age = millis(self.shared.config.cluster.metadata_max_age_ms);
        next.min(now + max_age)
    }

    pub(super) fn has_records(&self) -> bool {
        !self.shared.lock().active.is_empty()
    }

    pub(super) fn has_topics(&self) -> bool {
        !self.shared.lock().topics.is_empty()
    }
}
