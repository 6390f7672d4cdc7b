//! Files whose records are on their way: which of them are all acknowledged.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use millrace_api::BatchAcks;
use tokio::sync::Notify;

use crate::scan::Stamp;

/// How many records of a file are not acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Open(AtomicUsize);

impl Open {
    /// More records are on their way.
    pub(crate) fn add(&self, records: usize) {
        self.0.fetch_add(records, Ordering::AcqRel);
    }

    fn take(&self, records: usize) -> bool {
        self.0.fetch_sub(records, Ordering::AcqRel) == records
    }

    fn is_none(&self) -> bool {
        self.0.load(Ordering::Acquire) == 0
    }
}

/// What is to become of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Done,
    Failed,
}

/// A file that was read to its end, or to where it could not be read on.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) path: PathBuf,
    pub(crate) stamp: Stamp,
    pub(crate) fate: Fate,
    pub(crate) open: Arc<Open>,
}

impl InFlight {
    /// Whether all records that were read of it are acknowledged.
    pub(crate) fn is_acknowledged(&self) -> bool {
        self.open.is_none()
    }
}

/// Hears which rows of a batch are acknowledged.
#[derive(Debug)]
pub(crate) struct Acks {
    /// The index behind the last row of each file.
    pub(crate) files: Vec<(usize, Arc<Open>)>,
    /// Woken when a file has nothing open.
    pub(crate) woken: Arc<Notify>,
}

impl BatchAcks for Acks {
    fn acknowledged(&self, rows: Range<usize>, _stored: bool) {
        let mut start = 0;
        for (end, open) in &self.files {
            let (first, last) = (rows.start.max(start), rows.end.min(*end));
            if first < last && open.take(last - first) {
                self.woken.notify_one();
            }
            start = *end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_count_for_the_file_that_they_are_of() {
        let (one, other) = (Arc::<Open>::default(), Arc::<Open>::default());
        one.add(3);
        other.add(2);
        let acks = Acks {
            files: vec![(3, Arc::clone(&one)), (5, Arc::clone(&other))],
            woken: Arc::default(),
        };
        acks.acknowledged(0..2, true);
        assert!(!one.is_none());
        acks.acknowledged(2..4, false);
        assert!(one.is_none() && !other.is_none());
        acks.acknowledged(4..5, true);
        assert!(other.is_none());
    }
}
