//! Which requests were stored before, by the id that they bear: the last ones, in memory, kept as digests.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

type Id = [u8; 32];

/// The ids of the last requests.
#[derive(Debug)]
pub(super) struct Seen {
    window: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Whether the request of this id is stored; otherwise it is on its way.
    stored: HashMap<Id, bool>,
    /// Those that are stored, the oldest first.
    order: VecDeque<Id>,
}

/// What an id says.
#[derive(Debug)]
pub(super) enum Known {
    /// Nobody has sent it before.
    New(Claim),
    /// The request was stored.
    Stored,
    /// The request is on its way.
    Underway,
}

/// The right to store the request of an id. Dropped, the id is free again.
#[derive(Debug)]
pub(super) struct Claim {
    seen: Arc<Seen>,
    id: Id,
}

impl Seen {
    /// Remembers the last `window` ids.
    pub(super) fn new(window: usize) -> Self {
        Self {
            window,
            inner: Mutex::default(),
        }
    }

    /// A request with this id came.
    pub(super) fn arrives(self: &Arc<Self>, id: &[u8]) -> Known {
        let id = Sha256::digest(id).into();
        let mut inner = self.lock();
        match inner.stored.get(&id) {
            Some(true) => Known::Stored,
            Some(false) => Known::Underway,
            None => {
                inner.stored.insert(id, false);
                Known::New(Claim {
                    seen: Arc::clone(self),
                    id,
                })
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim {
    /// The request is stored.
    pub(super) fn stored(self) {
        let mut inner = self.seen.lock();
        inner.stored.insert(self.id, true);
        inner.order.push_back(self.id);
        while inner.order.len() > self.seen.window {
            if let Some(oldest) = inner.order.pop_front() {
                inner.stored.remove(&oldest);
            }
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut inner = self.seen.lock();
        if inner.stored.get(&self.id) == Some(&false) {
            inner.stored.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(seen: &Arc<Seen>, id: &str) -> Claim {
        match seen.arrives(id.as_bytes()) {
            Known::New(claim) => claim,
            known => panic!("{id} is {known:?}"),
        }
    }

    #[test]
    fn the_last_ids_are_remembered() {
        let seen = Arc::new(Seen::new(2));
        let first = claim(&seen, "a");
        assert!(matches!(seen.arrives(b"a"), Known::Underway));
        first.stored();
        assert!(matches!(seen.arrives(b"a"), Known::Stored));
        drop(claim(&seen, "b"));
        claim(&seen, "b").stored();
        claim(&seen, "c").stored();
        assert!(matches!(seen.arrives(b"c"), Known::Stored));
        assert!(matches!(seen.arrives(b"a"), Known::New(_)));
        assert_eq!(seen.lock().order.len(), 2);
        assert_eq!(seen.lock().stored.len(), 2);
    }
}
