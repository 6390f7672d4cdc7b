//! Tells the other threads of a test that one is done, or has failed.

use std::sync::atomic::{AtomicBool, Ordering};

/// Sets a flag when it goes, by a panic too: threads that run until the flag is set then end, and the
/// test fails instead of hanging.
#[derive(Debug)]
pub struct SetOnDrop<'a>(pub &'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
