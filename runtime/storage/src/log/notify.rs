//! Telling others that there is more to read.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use super::Log;

/// Hears of changes of a log.
pub trait LogListener: Send + Sync {
    /// The high watermark or the log start offset moved, or the log was truncated, deleted or taken
    /// offline. Called on whichever thread did it, often the flusher's: it must be short.
    fn log_changed(&self, log: &Log);
}

#[derive(Default)]
pub(super) struct Listeners(RwLock<Vec<Arc<dyn LogListener>>>);

impl Listeners {
    pub(super) fn notify(&self, log: &Log) {
        for listener in self.0.read().unwrap_or_else(PoisonError::into_inner).iter() {
            listener.log_changed(log);
        }
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listeners = self.0.read().unwrap_or_else(PoisonError::into_inner).len();
        f.debug_tuple("Listeners").field(&listeners).finish()
    }
}

impl Log {
    /// Has `listener` hear of every change from now on, for as long as the log is there.
    pub fn subscribe(&self, listener: Arc<dyn LogListener>) {
        self.listeners
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(listener);
    }
}
