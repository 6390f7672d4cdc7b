//! Which partition a record goes to that names none.
//!
//! By default a key chooses: Java's murmur2 of it, so that records of a key meet those of other
//! clients. Records without a key fill one partition until it has had a batch's worth of bytes, then
//! another, so that batches fill; partitions where fewer batches wait are chosen more often.

mod murmur2;
mod sticky;

use std::fmt;
use std::sync::Arc;

use super::RecordRef;
use crate::cluster::Topic;

pub use murmur2::murmur2;
pub(super) use sticky::{Sight, Sticky};

/// A way of one's own to choose partitions.
///
/// It is asked while the producer's queues are locked: it has to be quick and must not call the producer.
pub trait Partitioner: Send + Sync {
    /// The number of the partition that a record goes to. One that the topic does not have is the
    /// record's error.
    fn partition(&self, record: &RecordRef<'_>, topic: &Topic) -> i32;
}

/// How partitions are chosen.
#[derive(Clone, Default)]
pub enum Partitioning {
    /// By the key's hash; without a key by batches.
    #[default]
    ByKey,
    /// By batches, keys or not.
    Sticky,
    /// Every record to the next partition that has a leader, keys or not.
    RoundRobin,
    /// As somebody else says.
    Own(Arc<dyn Partitioner>),
}

/// Names of partitioners as Kafka's clients configure them, and short ones.
const NAMES: &[(&str, Partitioning)] = &[
    ("default", Partitioning::ByKey),
    (
        "org.apache.kafka.clients.producer.internals.DefaultPartitioner",
        Partitioning::ByKey,
    ),
    ("sticky", Partitioning::Sticky),
    (
        "org.apache.kafka.clients.producer.UniformStickyPartitioner",
        Partitioning::Sticky,
    ),
    ("roundrobin", Partitioning::RoundRobin),
    (
        "org.apache.kafka.clients.producer.RoundRobinPartitioner",
        Partitioning::RoundRobin,
    ),
];

impl Partitioning {
    /// The way of that short or class name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = name.trim();
        let found = NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, partitioning)| partitioning.clone())
    }

    fn name(&self) -> &'static str {
        match self {
            Self::ByKey => "default",
            Self::Sticky => "sticky",
            Self::RoundRobin => "roundrobin",
            Self::Own(_) => "own",
        }
    }
}

impl PartialEq for Partitioning {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Own(one), Self::Own(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.name() == other.name(),
        }
    }
}

impl fmt::Debug for Partitioning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The partition of a key among `count`.
#[inline]
#[must_use]
pub fn partition_of_key(key: &[u8], count: usize) -> usize {
    (murmur2(key) & 0x7fff_ffff) as usize % count.max(1)
}
