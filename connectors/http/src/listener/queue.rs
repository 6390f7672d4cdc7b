//! Requests between the connections that read them and the poll that takes them. What waits here is bounded by the
//! gate's bytes, of which each holds its share.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::pending::Pending;
use super::record::Parcel;

/// A request that is read and waits to be taken.
#[derive(Debug)]
pub(super) struct Submission {
    pub(super) parcel: Parcel,
    pub(super) pending: Pending,
}

/// Requests that wait to be taken.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<VecDeque<Submission>>,
    added: Notify,
}

impl Queue {
    /// One more.
    pub(super) fn push(&self, submission: Submission) {
        self.lock().push_back(submission);
        self.added.notify_one();
    }

    /// Those that fit into `bytes`, at least one if there is any. Those whose sender has gone are left out.
    pub(super) fn take(&self, bytes: usize) -> Vec<Submission> {
        let mut taken = Vec::new();
        let mut size = 0;
        let mut waiting = self.lock();
        while let Some(next) = waiting.front() {
            let own = next.parcel.bytes();
            if !taken.is_empty() && size + own > bytes {
                break;
            }
            if let Some(submission) = waiting.pop_front()
                && !submission.pending.is_given_up()
            {
                size += own;
                taken.push(submission);
            }
        }
        taken
    }

    /// Refuses all: their senders hear that nothing was stored.
    pub(super) fn clear(&self) {
        let refused = std::mem::take(&mut *self.lock());
        drop(refused);
    }

    /// Completes when something was added since the last time.
    pub(super) async fn added(&self) {
        self.added.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Submission>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
