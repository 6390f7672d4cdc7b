//! Waking a consumer up from another task.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Ends a consumer's poll from anywhere; clones wake the same consumer.
#[derive(Debug, Clone, Default)]
pub struct WakeUp {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    wanted: AtomicBool,
    notify: Notify,
}

impl WakeUp {
    /// Makes the poll under way, or else the next one, end with [`super::ConsumeError::WokenUp`].
    pub fn wake_up(&self) {
        self.shared.wanted.store(true, Ordering::Release);
        self.shared.notify.notify_one();
    }

    /// Whether it was woken up since the last call.
    pub(super) fn take(&self) -> bool {
        self.shared.wanted.swap(false, Ordering::AcqRel)
    }

    /// Returns when it is woken up; perhaps once too often.
    pub(super) async fn notified(&self) {
        self.shared.notify.notified().await;
    }
}
