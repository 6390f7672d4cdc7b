//! Records that wait for a lane, and requests that are made of them and wait for any lane.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::prepare::Parcel;
use super::rows::Piece;

/// What waits, in the order in which it is to be sent. Where no order is to be kept, several lanes share it.
#[derive(Debug)]
pub(crate) struct Queue {
    /// How many lanes take from it.
    lanes: usize,
    waiting: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    pieces: VecDeque<Piece>,
    /// Whole requests, which lanes have made while theirs were on their way.
    parcels: VecDeque<Parcel>,
    /// Requests that are being made, and have a place among the parcels.
    begun: usize,
}

impl Queue {
    /// A queue that this many lanes take from.
    pub(crate) fn of(lanes: usize) -> Self {
        Self {
            lanes,
            waiting: Mutex::default(),
            filled: Notify::new(),
        }
    }

    /// Whether several lanes take from it.
    pub(crate) fn is_shared(&self) -> bool {
        self.lanes > 1
    }

    /// Adds records. How many there may be is bounded by the bytes that a task holds.
    pub(crate) fn add(&self, piece: Piece) {
        self.lock().pieces.push_back(piece);
        self.filled.notify_one();
    }

    /// The next records, at most `max` of them; none if there are none now.
    pub(crate) fn take(&self, max: usize) -> Option<Piece> {
        let mut waiting = self.lock();
        let mut first = waiting.pieces.pop_front()?;
        if first.rows.len() > max {
            let rest = first.split_off(max);
            waiting.pieces.push_front(rest);
        }
        self.tell_of(&waiting);
        Some(first)
    }

    /// Puts records that were taken, in their order, before all others.
    pub(crate) fn give_back(&self, pieces: impl DoubleEndedIterator<Item = Piece>) {
        let mut waiting = self.lock();
        for piece in pieces.rev() {
            waiting.pieces.push_front(piece);
        }
        self.tell_of(&waiting);
    }

    /// Whether a request may be made ahead for any lane, of which there is at most one a lane. [`Queue::lay_out`] must follow.
    pub(crate) fn begin(&self) -> bool {
        let mut waiting = self.lock();
        let may = waiting.parcels.len() + waiting.begun < self.lanes;
        waiting.begun += usize::from(may);
        may
    }

    /// Leaves the request that was begun to the first lane that has nothing to do; none if none came of it.
    pub(crate) fn lay_out(&self, parcel: Option<Parcel>) {
        let mut waiting = self.lock();
        waiting.begun = waiting.begun.saturating_sub(1);
        waiting.parcels.extend(parcel);
        self.tell_of(&waiting);
    }

    /// A request that waits for a lane.
    pub(crate) fn pick_up(&self) -> Option<Parcel> {
        let mut waiting = self.lock();
        let parcel = waiting.parcels.pop_front()?;
        self.tell_of(&waiting);
        Some(parcel)
    }

    /// Waits until there may be something.
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Wakes a lane if there is something for it.
    fn tell_of(&self, waiting: &Waiting) {
        if !waiting.pieces.is_empty() || !waiting.parcels.is_empty() {
            self.filled.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
