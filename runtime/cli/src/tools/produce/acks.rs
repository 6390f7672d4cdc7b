//! Counts the records that were not delivered, and keeps the first reason.

use std::{
    ops::Range,
    sync::{Mutex, PoisonError},
};

use millrace_client::producer::{Ack, AckSink, ProduceError};

#[derive(Debug, Default)]
pub(super) struct Acks(Mutex<Option<(u64, ProduceError)>>);

impl Acks {
    /// How many were not delivered, and why the first was not.
    pub(super) fn failed(&self) -> Option<(u64, ProduceError)> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl AckSink for Acks {
    fn acknowledged(&self, tickets: Range<u64>, result: Result<Ack, &ProduceError>) {
        let Err(error) = result else { return };
        let count = tickets.end.saturating_sub(tickets.start);
        let mut failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (so_far, _) = failed.get_or_insert_with(|| (0, error.clone()));
        *so_far += count;
    }
}
