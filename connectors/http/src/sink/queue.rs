//! Records that wait for a lane.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use super::rows::Piece;

/// Records in the order in which they are to be sent. Where no order is to be kept, several lanes take from one queue.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    pieces: Mutex<VecDeque<Piece>>,
    filled: Notify,
}

impl Queue {
    /// Adds records. How many there may be is bounded by the bytes that a task holds.
    pub(crate) fn add(&self, piece: Piece) {
        self.pieces
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(piece);
        self.filled.notify_one();
    }

    /// The next records, at most `max` of them; none if there are none now.
    pub(crate) fn take(&self, max: usize) -> Option<Piece> {
        let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        let mut first = pieces.pop_front()?;
        if first.rows.len() > max {
            let rest = first.split_off(max);
            pieces.push_front(rest);
        }
        if !pieces.is_empty() {
            // For another lane that may wait.
            self.filled.notify_one();
        }
        Some(first)
    }

    /// Waits until there may be records.
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }
}
