//! Code that others hand to a client, run so that what it gets wrong costs nobody else.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a hook or a callback. A panic in it is logged and goes no further; `None` then.
pub(crate) fn contained<T>(whose: &str, call: impl FnOnce() -> T) -> Option<T> {
    let called = catch_unwind(AssertUnwindSafe(call)).ok();
    if called.is_none() {
        log::error!("{whose} panicked");
    }
    called
}
