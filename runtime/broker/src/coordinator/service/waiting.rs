//! Requests whose answers are awaited.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use millrace_wire::error_code::ErrorCode;
use tokio::sync::oneshot;

use crate::coordinator::group::{Answer, Ticket};

/// Tickets given out and who waits for them.
///
/// Every ticket is answered once by the state machine, so an entry goes even if its client went away before.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    next: AtomicU64,
    senders: Mutex<Senders>,
}

#[derive(Debug, Default)]
struct Senders {
    by_ticket: HashMap<Ticket, oneshot::Sender<Answer>>,
    closed: bool,
}

impl Waiting {
    /// Draws a ticket; its answer comes through the receiver, which fails where nobody is to wait any more.
    pub(super) fn draw(&self) -> (Ticket, oneshot::Receiver<Answer>) {
        let ticket = Ticket(self.next.fetch_add(1, Ordering::Relaxed));
        let (sender, receiver) = oneshot::channel();
        let mut senders = self.lock();
        if !senders.closed {
            senders.by_ticket.insert(ticket, sender);
        }
        drop(senders);
        (ticket, receiver)
    }

    /// Sends answers; with `failure` the changes behind them could not be stored, and that is what they say.
    pub(super) fn answer(&self, answers: Vec<(Ticket, Answer)>, failure: Option<ErrorCode>) {
        for (ticket, answer) in answers {
            let sender = self.lock().by_ticket.remove(&ticket);
            let answer = match failure {
                Some(error) => answer.failed(error),
                None => answer,
            };
            // The client may have gone away; nobody misses the answer then.
            sender.map(|sender| sender.send(answer).ok());
        }
    }

    /// Lets everyone go who waits, now and later: the broker stops.
    pub(super) fn close(&self) {
        let mut senders = self.lock();
        senders.closed = true;
        senders.by_ticket.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Senders> {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
