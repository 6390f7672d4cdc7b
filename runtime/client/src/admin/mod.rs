//! Administrative calls: topics, configurations, records, offsets, groups and the cluster.
//!
//! Each call goes to the node that can answer it, and once more after a growing wait while the error
//! may pass, until the time limit is over. A call about one thing fails with what the broker says of
//! it ([`ClientError::code`]); a call about many gives each its own outcome.

mod cluster;
mod configs;
mod epochs;
mod group_offsets;
mod groups;
mod leaders;
mod log_dirs;
mod members;
mod offsets;
mod partitions;
mod producers;
mod topic_partitions;
mod topics;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use millrace_wire::error_code::ErrorCode;

use crate::cluster::{Cluster, Lane};
use crate::connection::Connection;
use crate::error::ClientError;

pub use cluster::ClusterDescription;
pub use configs::{
    ConfigChange, ConfigEntry, ConfigKind, ConfigResource, ConfigSource, ConfigSynonym,
    DescribeConfigs,
};
pub use epochs::EpochEnd;
pub use group_offsets::CommittedOffset;
pub use groups::{GroupDescription, GroupFilter, GroupListing, GroupMember};
pub use log_dirs::{LogDir, LogDirReplica};
pub use offsets::{FoundOffset, OffsetSpec};
pub use partitions::HIGH_WATERMARK;
pub use producers::ActiveProducer;
pub use topic_partitions::{PartitionDescription, TopicDescription, TopicDescriptions};
pub use topics::NewTopic;

/// How long a call may take where the caller does not say.
const DEFAULT_LIMIT: Duration = Duration::from_secs(60);

/// A partition: its topic and its number.
pub type Place = (Arc<str>, i32);

/// What a call about several partitions comes to, for each.
pub type ByPlace<T> = BTreeMap<Place, Result<T, ClientError>>;

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

    /// A connection to a node of the cluster.
    async fn node(&self, node: i32) -> Result<Arc<Connection>, ClientError> {
        if !self.cluster().metadata().nodes.contains_key(&node) {
            self.cluster().refresh(&[]).await?;
        }
        self.lane.connection(node).await
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
            if !error.is_retriable() || clock.monotonic() + pause >= deadline {
                return Err(error);
            }
            log::debug!("an administrative call is tried again: {error}");
            tokio::time::sleep(pause).await;
        }
    }

    /// [`Admin::retried`] for calls about topics by name: one that is not there stays so. The code
    /// counts as passing only for clients that wait for a topic.
    async fn retried_if_known<T, F>(&self, mut call: impl FnMut() -> F) -> Result<T, ClientError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        let outcome = self.retried(|| {
            let called = call();
            async {
                match called.await {
                    Err(error) if error.code() == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => {
                        Ok(Err(error))
                    }
                    outcome => outcome.map(Ok),
                }
            }
        });
        outcome.await?
    }

    fn limit_ms(&self) -> i32 {
        i32::try_from(self.limit.as_millis()).unwrap_or(i32::MAX)
    }
}

/// An outcome that the broker gives as a code and a text.
fn said(
    doing: impl FnOnce() -> String,
    code: ErrorCode,
    detail: Option<String>,
) -> Result<(), ClientError> {
    code.ok()
        .map_err(|code| ClientError::refused(doing(), code, detail))
}

/// Partitions with what is asked of them, by topic.
fn by_topic<T>(places: impl IntoIterator<Item = (Place, T)>) -> BTreeMap<Arc<str>, Vec<(i32, T)>> {
    let mut topics: BTreeMap<Arc<str>, Vec<(i32, T)>> = BTreeMap::new();
    for ((topic, partition), asked) in places {
        topics.entry(topic).or_default().push((partition, asked));
    }
    topics
}
