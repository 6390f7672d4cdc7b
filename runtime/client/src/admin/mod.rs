//! Administrative calls: topics, offsets and groups.
//!
//! Each call goes to the node that can answer it, and once more after a growing wait while the error
//! may pass, until the time limit is over.

mod groups;
mod offsets;
mod topics;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use millrace_wire::error_code::ErrorCode;

use crate::cluster::{Cluster, Lane};
use crate::connection::Connection;
use crate::error::ClientError;

pub use groups::{CommittedOffset, GroupListing};
pub use offsets::{FoundOffset, OffsetSpec};
pub use topics::{ClusterDescription, NewTopic};

/// How long a call may take where the caller does not say.
const DEFAULT_LIMIT: Duration = Duration::from_secs(60);

/// Administers a cluster.
#[derive(Debug)]
pub struct Admin {
    lane: Lane,
    limit: Duration,
}

impl Admin {
    /// An admin with connections of its own.
    #[must_use]
    pub fn new(cluster: &Cluster) -> Self {
        Self {
            lane: cluster.lane(),
            limit: DEFAULT_LIMIT,
        }
    }

    /// The same with another time limit for each call.
    #[must_use]
    pub fn with_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    fn cluster(&self) -> &Cluster {
        self.lane.cluster()
    }

    /// A connection to the controller, or to any node of a cluster that names none.
    async fn controller(&self) -> Result<Arc<Connection>, ClientError> {
        let metadata = self.cluster().refresh(&[]).await?;
        match metadata
            .controller
            .filter(|node| metadata.nodes.contains_key(node))
        {
            Some(node) => self.lane.connection(node).await,
            None => self.lane.any().await,
        }
    }

    /// A connection to the node that looks after a group.
    async fn coordinator(&self, group: &str) -> Result<Arc<Connection>, ClientError> {
        let node = self.lane.coordinator_of(group).await?;
        self.lane.connection(node.id).await
    }

    /// Calls until it succeeds, fails for good, or the limit is over.
    async fn retried<T, F>(&self, mut call: impl FnMut() -> F) -> Result<T, ClientError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        let clock = self.cluster().clock();
        let deadline = clock.monotonic() + self.limit;
        let mut backoff = self.cluster().retry_backoff();
        loop {
            let error = match call().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let pause = backoff.fail();
            let passes = error.is_retriable() || error.code() == Some(ErrorCode::NOT_CONTROLLER);
            if !passes || clock.monotonic() + pause >= deadline {
                return Err(error);
            }
            log::debug!("an administrative call is tried again: {error}");
            tokio::time::sleep(pause).await;
        }
    }

    fn limit_ms(&self) -> i32 {
        i32::try_from(self.limit.as_millis()).unwrap_or(i32::MAX)
    }
}
