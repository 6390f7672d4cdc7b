//! What a source counts that no record shows.

use std::fmt;

/// Hears how often something has happened in a source; must not block.
pub trait EventListener: Send + Sync + fmt::Debug {
    /// How often it has happened since the task was started, in place of what was told before.
    fn event(&self, event: &'static str, total: u64);
}
