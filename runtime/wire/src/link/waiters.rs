//! The calls that wait for an answer, in the order of their requests.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::link::LinkError;

type Answer = Result<Bytes, LinkError>;

/// First in, first out; once failed, it takes no more.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    queue: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<oneshot::Sender<Answer>>,
    failed: Option<LinkError>,
}

impl Waiters {
    /// Queues up for the answer after those of all who came before.
    pub(super) fn push(&self) -> Result<oneshot::Receiver<Answer>, LinkError> {
        let mut state = self.lock();
        if let Some(error) = &state.failed {
            return Err(error.clone());
        }
        let (sender, receiver) = oneshot::channel();
        state.waiting.push_back(sender);
        Ok(receiver)
    }

    /// Gives an answer to the first in the queue; `false` where nobody waits.
    pub(super) fn answer(&self, bytes: Bytes) -> bool {
        let first = self.lock().waiting.pop_front();
        match first {
            // The caller may have given up; its answer is still its turn.
            Some(sender) => {
                drop(sender.send(Ok(bytes)));
                true
            }
            None => false,
        }
    }

    /// Fails all who wait and all who come; the first error stays.
    pub(super) fn fail(&self, error: &LinkError) {
        let mut state = self.lock();
        let error = state.failed.get_or_insert_with(|| error.clone()).clone();
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        for sender in waiting {
            drop(sender.send(Err(error.clone())));
        }
    }

    /// The error that ended the link.
    pub(super) fn failure(&self) -> Option<LinkError> {
        self.lock().failed.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
