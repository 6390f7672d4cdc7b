//! Which batches belong to aborted transactions, and which markers have nothing left to mark.
//!
//! The batches are shown in the order of the log. A marker may go once none of its transaction's
//! batches was met any more: an earlier compaction has taken them all.

use std::collections::{HashMap, HashSet};

use millrace_wire::batch::BatchHeader;

use super::survey::{Aborted, Outcome};

#[derive(Debug)]
pub(super) struct Transactions<'a> {
    /// Those that did not begin yet, by first offset.
    ahead: &'a [Aborted],
    /// Markers at and behind this offset are still to come; older transactions are over.
    from: i64,
    /// Aborted ones that have begun, by producer; whether a batch of it was met.
    aborting: HashMap<i64, bool>,
    /// Producers of which a batch was met that will be committed.
    committing: HashSet<i64>,
}

impl<'a> Transactions<'a> {
    /// For a walk that begins at `from`.
    pub(super) fn new(aborted: &'a [Aborted], from: i64) -> Self {
        Self {
            ahead: aborted,
            from,
            aborting: HashMap::new(),
            committing: HashSet::new(),
        }
    }

    /// Meets a batch of records; says whether its transaction was aborted.
    pub(super) fn is_aborted(&mut self, header: &BatchHeader) -> bool {
        self.begin_up_to(header.last_offset());
        if !header.attributes.is_transactional() {
            return false;
        }
        match self.aborting.get_mut(&header.producer_id) {
            Some(met) => {
                *met = true;
                true
            }
            None => {
                self.committing.insert(header.producer_id);
                false
            }
        }
    }

    /// Meets a marker; says whether nothing of its transaction is left.
    pub(super) fn is_spent(&mut self, header: &BatchHeader, outcome: Option<Outcome>) -> bool {
        self.begin_up_to(header.last_offset());
        match outcome {
            Some(Outcome::Abort) => self.aborting.remove(&header.producer_id) != Some(true),
            Some(Outcome::Commit) => !self.committing.remove(&header.producer_id),
            // Of an emptied marker nothing is left but what tells its producer's epoch.
            None => header.record_count == 0,
        }
    }

    fn begin_up_to(&mut self, offset: i64) {
        let begun = self
            .ahead
            .partition_point(|aborted| aborted.first_offset <= offset);
        let (begun, ahead) = self.ahead.split_at(begun);
        self.ahead = ahead;
        for aborted in begun {
            if aborted.marker_offset >= self.from {
                self.aborting.insert(aborted.producer_id, false);
            }
        }
    }
}
