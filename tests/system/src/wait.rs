//! Waiting for a condition, with a deadline and a name for what was waited for.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How often a condition is looked at.
const INTERVAL: Duration = Duration::from_millis(5);

/// Waits until `look` finds something, and hands it on.
///
/// # Panics
/// Names `what`, if nothing was found within `limit`.
#[track_caller]
pub fn until_some<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited {limit:?} in vain for {what}");
        thread::park_timeout(INTERVAL);
    }
}

/// Waits until `holds`.
///
/// # Panics
/// Names `what`, if it did not come to hold within `limit`.
#[track_caller]
pub fn until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    until_some(what, limit, || holds().then_some(()));
}

/// Waits until `look` finds something or `end` has come.
pub fn until_or<T>(end: Instant, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    loop {
        let found = look();
        if found.is_some() || Instant::now() >= end {
            return found;
        }
        thread::park_timeout(INTERVAL);
    }
}
