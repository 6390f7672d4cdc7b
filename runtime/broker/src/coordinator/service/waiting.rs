//! Requests whose answers are awaited.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use millrace_wire::error_code::ErrorCode;
use tokio::sync::oneshot;

use crate::coordinator::group::{Answer, Ticket};

/// Tickets given out and who waits for them.
///
/// Every ticket is answered once by the state machine, so an entry goes even if its client went away before.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    next: AtomicU64,
    senders: Mutex<HashMap<Ticket, oneshot::Sender<Answer>>>,
}

impl Waiting {
    /// Draws a ticket; its answer comes through the receiver.
    pub(super) fn draw(&self) -> (Ticket, oneshot::Receiver<Answer>) {
        let ticket = Ticket(self.next.fetch_add(1, Ordering::Relaxed));
        let (sender, receiver) = oneshot::channel();
        self.lock().insert(ticket, sender);
        (ticket, receiver)
    }

    /// Sends answers; with `failure` the changes behind them could not be stored, and that is what they say.
    pub(super) fn answer(&self, answers: Vec<(Ticket, Answer)>, failure: Option<ErrorCode>) {
        for (ticket, answer) in answers {
            let sender = self.lock().remove(&ticket);
            let answer = match failure {
                Some(error) => answer.failed(error),
                None => answer,
            };
            // The client may have gone away; nobody misses the answer then.
            sender.map(|sender| sender.send(answer).ok());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Ticket, oneshot::Sender<Answer>>> {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
