//! What sources have counted: lines that were cut short, files that were deleted too early.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use millrace_api::EventListener;

/// What a task's source has told last.
#[derive(Debug, Default)]
pub(crate) struct TaskEvents {
    totals: Mutex<BTreeMap<&'static str, u64>>,
}

impl TaskEvents {
    /// Events with their totals, in the order of their names.
    pub(super) fn totals(&self) -> Vec<(&'static str, u64)> {
        let totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        totals
            .iter()
            .map(|(event, total)| (*event, *total))
            .collect()
    }
}

impl EventListener for TaskEvents {
    fn event(&self, event: &'static str, total: u64) {
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        totals.insert(event, total);
    }
}
