//! The records of a partition that were read and not compared yet.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;

/// Records behind one that are looked at, to tell equal lines apart.
pub(super) const AHEAD: usize = 32;

/// A record as it is compared.
#[derive(Debug, Clone, Default)]
pub(super) struct Item {
    pub(super) offset: i64,
    pub(super) value: Option<Bytes>,
    /// The hash of its first line; none where it has no value.
    pub(super) hash: Option<u64>,
    /// Those of its other lines.
    pub(super) more: Box<[u64]>,
    /// What its headers say.
    pub(super) path: Option<Arc<[u8]>>,
    pub(super) position: Option<u64>,
}

impl Item {
    /// The hashes of its lines.
    pub(super) fn hashes(&self) -> impl Iterator<Item = u64> + '_ {
        self.hash.into_iter().chain(self.more.iter().copied())
    }

    /// How many lines it has.
    pub(super) fn lines(&self) -> u64 {
        u64::from(self.hash.is_some()) + self.more.len() as u64
    }
}

/// Records of one partition, in the order of their offsets.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) partition: i32,
    pub(super) items: VecDeque<Item>,
    /// All records that are to be compared were read.
    pub(super) is_whole: bool,
}

impl Queue {
    /// Of a partition of which nothing was read.
    pub(super) fn new(partition: i32) -> Self {
        Self {
            partition,
            items: VecDeque::new(),
            is_whole: false,
        }
    }

    /// Whether records must be read before the first one can be compared.
    pub(super) fn is_short(&self) -> bool {
        !self.is_whole && self.items.len() <= AHEAD
    }
}
