//! Parcels between those who receive them and the poll that takes them, within a budget of bytes that they hold until
//! the broker has acknowledged them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::parcel::{Parcel, Waiting};

/// Parcels that wait to be taken, and the budget.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: Mutex<VecDeque<Waiting>>,
    added: Notify,
    room: Arc<Semaphore>,
    /// Bytes of the budget.
    most: u32,
}

impl Queue {
    pub(crate) fn new(most: u32) -> Self {
        Self {
            waiting: Mutex::default(),
            added: Notify::new(),
            room: Arc::new(Semaphore::new(most as usize)),
            most,
        }
    }

    /// Adds a parcel once there is room for it.
    pub(crate) async fn add(&self, parcel: Parcel) {
        let room = Arc::clone(&self.room).acquire_many_owned(self.share(&parcel));
        if let Ok(room) = room.await {
            self.push(parcel, room);
        }
    }

    /// Adds a parcel if there is room for it now.
    ///
    /// # Errors
    /// The parcel, for which there is none.
    pub(crate) fn try_add(&self, parcel: Parcel) -> Result<(), Parcel> {
        match Arc::clone(&self.room).try_acquire_many_owned(self.share(&parcel)) {
            Ok(room) => {
                self.push(parcel, room);
                Ok(())
            }
            Err(_) => Err(parcel),
        }
    }

    /// The room that a parcel takes: all of it, where it is larger.
    fn share(&self, parcel: &Parcel) -> u32 {
        u32::try_from(parcel.bytes())
            .unwrap_or(u32::MAX)
            .min(self.most)
    }

    fn push(&self, parcel: Parcel, room: OwnedSemaphorePermit) {
        self.lock().push_back(Waiting { parcel, room });
        self.added.notify_one();
    }

    /// Those that fit into `bytes`, at least one if there is any.
    pub(crate) fn take(&self, bytes: usize) -> Vec<Waiting> {
        let mut taken = Vec::new();
        let mut size = 0;
        let mut waiting = self.lock();
        while let Some(next) = waiting.front() {
            let own = next.parcel.bytes();
            if !taken.is_empty() && size + own > bytes {
                break;
            }
            size += own;
            taken.extend(waiting.pop_front());
        }
        taken
    }

    /// Has the one who waits for more look up.
    pub(crate) fn wake(&self) {
        self.added.notify_one();
    }

    /// Completes when something was added since the last time.
    pub(crate) async fn added(&self) {
        self.added.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(bytes: usize) -> Parcel {
        Parcel {
            block: vec![0; bytes].into(),
            ..Parcel::default()
        }
    }

    #[tokio::test]
    async fn room_is_held_until_what_was_taken_is_dropped() {
        let queue = Queue::new(100);
        assert!(queue.try_add(parcel(60)).is_ok());
        assert!(queue.try_add(parcel(60)).is_err());
        let taken = queue.take(1);
        assert_eq!(taken.len(), 1);
        assert!(queue.try_add(parcel(60)).is_err(), "taken is not stored");
        let later = queue.add(parcel(1000));
        tokio::pin!(later);
        let waited = tokio::time::timeout(std::time::Duration::from_millis(20), &mut later).await;
        assert!(waited.is_err());
        drop(taken);
        later.await;
        assert_eq!(queue.take(1)[0].parcel.block.len(), 1000);
    }

    #[tokio::test]
    async fn a_batch_is_bounded() {
        let queue = Queue::new(100);
        for _ in 0..3 {
            queue.try_add(parcel(20)).unwrap();
        }
        queue.added().await;
        assert_eq!((queue.take(45).len(), queue.take(45).len()), (2, 1));
    }
}
