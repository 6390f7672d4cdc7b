//! The offsets a group has committed.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::coordinator::record::OffsetValue;

/// Committed offsets by topic and partition, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Offsets {
    topics: BTreeMap<String, BTreeMap<i32, OffsetValue>>,
}

impl Offsets {
    pub(crate) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.topics.values().map(BTreeMap::len).sum()
    }

    pub(crate) fn get(&self, topic: &str, partition: i32) -> Option<&OffsetValue> {
        self.topics.get(topic)?.get(&partition)
    }

    /// The topics with their partitions, in order.
    pub(crate) fn topics(&self) -> impl Iterator<Item = (&str, &BTreeMap<i32, OffsetValue>)> {
        self.topics
            .iter()
            .map(|(topic, partitions)| (topic.as_str(), partitions))
    }

    /// Every offset, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, i32, &OffsetValue)> {
        self.topics().flat_map(|(topic, partitions)| {
            partitions
                .iter()
                .map(move |(&partition, value)| (topic, partition, value))
        })
    }

    /// Sets an offset, or forgets it.
    pub(crate) fn set(&mut self, topic: String, partition: i32, value: Option<OffsetValue>) {
        match value {
            Some(value) => {
                self.topics
                    .entry(topic)
                    .or_default()
                    .insert(partition, value);
            }
            None => {
                let Some(partitions) = self.topics.get_mut(&topic) else {
                    return;
                };
                partitions.remove(&partition);
                if partitions.is_empty() {
                    self.topics.remove(&topic);
                }
            }
        }
    }
}

/// When an unused offset goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expiry {
    pub(super) retention: Duration,
    pub(super) now_ms: i64,
}

impl Expiry {
    /// Whether `value`, unused since `unused_since`, has expired. An expiry that the client asked for goes first.
    pub(super) fn has_come(self, value: &OffsetValue, unused_since: i64) -> bool {
        let retention = i64::try_from(self.retention.as_millis()).unwrap_or(i64::MAX);
        let expires = value
            .expire_ms
            .unwrap_or_else(|| unused_since.saturating_add(retention));
        self.now_ms >= expires
    }
}
