//! The same work on many things, on a few threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Calls `work` for every item, on the caller's thread and up to `threads - 1` others.
pub(crate) fn for_each<T: Sync>(items: &[T], threads: usize, work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let take = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(item);
        }
    };
    if threads.min(items.len()) <= 1 {
        return take();
    }
    thread::scope(|scope| {
        for _ in 1..threads.min(items.len()) {
            scope.spawn(take);
        }
        take();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_has_its_turn() {
        for threads in [0, 1, 3, 100] {
            let sum = AtomicUsize::new(0);
            for_each(&[1, 2, 3, 4, 5], threads, |item| {
                sum.fetch_add(*item, Ordering::Relaxed);
            });
            assert_eq!(sum.into_inner(), 15);
        }
    }
}
