//! The logs of a data directory by topic and partition.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::log::Log;

type Partitions = BTreeMap<i32, Arc<Log>>;

#[derive(Debug, Default)]
pub(crate) struct Registry {
    topics: RwLock<BTreeMap<Arc<str>, Partitions>>,
}

impl Registry {
    pub(crate) fn find(&self, topic: &str, partition: i32) -> Option<Arc<Log>> {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        topics.get(topic)?.get(&partition).cloned()
    }

    pub(crate) fn insert(&self, log: Arc<Log>) {
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        topics
            .entry(Arc::clone(log.topic()))
            .or_default()
            .insert(log.partition(), log);
    }

    pub(crate) fn remove(&self, topic: &str, partition: i32) -> Option<Arc<Log>> {
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        let partitions = topics.get_mut(topic)?;
        let log = partitions.remove(&partition);
        if partitions.is_empty() {
            topics.remove(topic);
        }
        log
    }

    /// All logs, ordered by topic and partition.
    pub(crate) fn all(&self) -> Vec<Arc<Log>> {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        topics
            .values()
            .flat_map(BTreeMap::values)
            .cloned()
            .collect()
    }
}
