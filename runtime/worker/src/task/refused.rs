//! Records of a source that the broker has refused, on their way to the dead letter queue.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::pipeline::Report;

/// Rows that the broker has refused for good, with what is to be told of them. Each row that is in flight is in it at
/// most once.
#[derive(Clone, Debug, Default)]
pub(super) struct Refused(Arc<Mutex<Vec<Told>>>);

/// Tickets of rows, and what is to be told of them.
type Told = (Range<u64>, Vec<Report>);

impl Refused {
    pub(super) fn add(&self, tickets: Range<u64>, reports: Vec<Report>) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push((tickets, reports));
    }

    pub(super) fn is_some(&self) -> bool {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        !waiting.is_empty()
    }

    pub(super) fn take(&self) -> Vec<Told> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
