//! The broker's keys that the coordinator obeys.

use std::time::Duration;

/// Settings of the group coordinator, named after Kafka's broker keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupSettings {
    /// `group.min.session.timeout.ms`.
    pub(crate) min_session_timeout_ms: i32,
    /// `group.max.session.timeout.ms`.
    pub(crate) max_session_timeout_ms: i32,
    /// `group.initial.rebalance.delay.ms`: how long the first join of an empty group waits for others.
    pub(crate) initial_rebalance_delay: Duration,
    /// `group.max.size`: members of a group.
    pub(crate) max_size: usize,
    /// `offset.metadata.max.bytes`: the text a client may keep beside an offset.
    pub(crate) offset_metadata_max_bytes: usize,
    /// `offsets.retention.minutes`: how long an unused offset is kept.
    pub(crate) offsets_retention: Duration,
    /// `offsets.retention.check.interval.ms`.
    pub(crate) offsets_retention_check_interval: Duration,
}

impl Default for GroupSettings {
    /// Kafka's defaults, except that nobody is waited for when an empty group gets its first member: on one node
    /// every sink's start would pay that delay.
    fn default() -> GroupSettings {
        GroupSettings {
            min_session_timeout_ms: 6_000,
            max_session_timeout_ms: 1_800_000,
            initial_rebalance_delay: Duration::ZERO,
            max_size: i32::MAX as usize,
            offset_metadata_max_bytes: 4096,
            offsets_retention: Duration::from_secs(10_080 * 60),
            offsets_retention_check_interval: Duration::from_secs(600),
        }
    }
}
