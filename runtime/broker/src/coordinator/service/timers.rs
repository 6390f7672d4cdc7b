//! When each group is next to be looked at.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// Deadlines of groups, in monotonic time. A group whose deadline moved later is still called at the earlier one and
/// then says the later: sessions are renewed far more often than they end, and a renewal costs nothing here.
#[derive(Debug, Default)]
pub(super) struct Timers {
    queue: Mutex<Queue>,
    earlier: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    order: BinaryHeap<Reverse<(Duration, String)>>,
    armed: HashMap<String, Duration>,
}

impl Timers {
    /// Makes sure that `group` is called at `deadline` at the latest.
    pub(super) fn arm(&self, group: &str, deadline: Option<Duration>) {
        let Some(deadline) = deadline else {
            return;
        };
        let mut queue = self.lock();
        if queue
            .armed
            .get(group)
            .is_some_and(|armed| *armed <= deadline)
        {
            return;
        }
        let first = queue
            .order
            .peek()
            .is_none_or(|Reverse((first, _))| deadline < *first);
        queue.armed.insert(group.to_owned(), deadline);
        queue.order.push(Reverse((deadline, group.to_owned())));
        drop(queue);
        if first {
            self.earlier.notify_one();
        }
    }

    /// Takes a group whose deadline has come.
    pub(super) fn pop(&self, now: Duration) -> Option<String> {
        let mut queue = self.lock();
        loop {
            let Reverse((deadline, _)) = queue.order.peek()?;
            if *deadline > now {
                return None;
            }
            let Reverse((deadline, group)) = queue.order.pop()?;
            // An entry that an earlier one replaced has been served by it.
            if queue.armed.get(&group) == Some(&deadline) {
                queue.armed.remove(&group);
                return Some(group);
            }
        }
    }

    /// The earliest deadline.
    pub(super) fn first(&self) -> Option<Duration> {
        self.lock()
            .order
            .peek()
            .map(|Reverse((deadline, _))| *deadline)
    }

    /// Waits until a deadline came that is earlier than all others were.
    pub(super) async fn earlier(&self) {
        self.earlier.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Timers;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn groups_come_in_the_order_of_their_deadlines_and_once() {
        let timers = Timers::default();
        timers.arm("b", Some(at(2)));
        timers.arm("a", Some(at(1)));
        timers.arm("a", Some(at(3)));
        timers.arm("b", Some(at(1)));
        timers.arm("c", None);
        assert_eq!(timers.first(), Some(at(1)));
        assert_eq!(timers.pop(at(0)), None);
        assert_eq!(timers.pop(at(1)).as_deref(), Some("a"));
        assert_eq!(timers.pop(at(1)).as_deref(), Some("b"));
        assert_eq!(timers.pop(at(9)), None);
        assert_eq!(timers.first(), None);
    }
}
