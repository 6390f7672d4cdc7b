//! What all requests share.

use std::sync::Arc;

use millrace_wire::clock::Clock;
use tokio_util::sync::CancellationToken;

use crate::broker_configs::BrokerConfigs;
use crate::config::BrokerConfig;
use crate::coordinator::GroupCoordinator;
use crate::fetch_session::FetchSessions;
use crate::metrics::BrokerMetrics;
use crate::producer_ids::ProducerIds;
use crate::topics::{OFFSETS_TOPIC, Topic, TopicError, Topics};

/// The broker's state, and what it needs to act on it.
#[derive(Debug)]
pub(crate) struct Core {
    /// What the broker was started with.
    pub(crate) config: BrokerConfig,
    /// What it was told since.
    pub(crate) broker_configs: BrokerConfigs,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) cluster_id: String,
    pub(crate) topics: Arc<Topics>,
    pub(crate) fetch_sessions: FetchSessions,
    pub(crate) producer_ids: Arc<ProducerIds>,
    pub(crate) groups: Arc<GroupCoordinator>,
    pub(crate) metrics: Arc<BrokerMetrics>,
    /// Cancelled when the broker stops: what is parked gives up.
    pub(crate) stopping: CancellationToken,
}

/// The least that a topic's `segment.bytes` takes; the key of the offsets topic takes less.
const SEGMENT_BYTES_MIN: u32 = 1 << 20;

impl Core {
    /// The topic that keeps committed offsets; made where it is missing.
    pub(crate) async fn offsets_topic(&self) -> Result<Arc<Topic>, TopicError> {
        if let Some(topic) = self.topics.get(OFFSETS_TOPIC) {
            return Ok(topic);
        }
        let segment_bytes = self.config.offsets_topic_segment_bytes;
        let segment_bytes = segment_bytes.max(SEGMENT_BYTES_MIN).to_string();
        let overrides = [
            ("cleanup.policy", Some("compact")),
            ("compression.type", Some("producer")),
            ("segment.bytes", Some(segment_bytes.as_str())),
        ];
        // Without them retention would delete what was committed.
        let config = self.topics.defaults().with_overrides(overrides)?;
        self.topics
            .get_or_create(OFFSETS_TOPIC, self.config.offsets_topic_partitions, config)
            .await
    }
}
