//! What the producer says about lines, until the sender looks at it.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use millrace_client::producer::{Ack, AckSink, ProduceError};

use crate::core::Core;

/// What became of lines.
#[derive(Debug)]
pub(super) enum Outcome {
    Delivered,
    /// They never will be.
    Refused(String),
    /// They have to be sent again.
    GivenUp(String),
}

/// Collects what one producer says.
pub(super) struct Acks {
    core: Arc<Core>,
    said: Mutex<Vec<(Range<u64>, Outcome)>>,
}

impl Acks {
    pub(super) fn new(core: &Arc<Core>) -> Arc<Self> {
        Arc::new(Self {
            core: Arc::clone(core),
            said: Mutex::default(),
        })
    }

    /// All that was said since this was last asked.
    pub(super) fn take(&self) -> Vec<(Range<u64>, Outcome)> {
        std::mem::take(&mut *self.said.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl AckSink for Acks {
    fn acknowledged(&self, tickets: Range<u64>, result: Result<Ack, &ProduceError>) {
        let outcome = match result {
            Ok(_) => Outcome::Delivered,
            Err(error) if error.is_retriable() || matches!(error, ProduceError::Closed) => {
                Outcome::GivenUp(error.to_string())
            }
            Err(error) => Outcome::Refused(error.to_string()),
        };
        self.said
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((tickets, outcome));
        self.core.queue.wake.notify_one();
    }
}
