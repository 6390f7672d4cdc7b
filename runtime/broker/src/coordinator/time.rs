//! The time a step of the state machine is given.

use std::time::Duration;

use millrace_wire::clock::Clock;

/// Both clocks at one moment: the wall's for what is stored, the monotonic for what runs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Now {
    /// Milliseconds since the epoch; may jump.
    pub(crate) wall_ms: i64,
    /// Time since an arbitrary start; never goes back.
    pub(crate) monotonic: Duration,
}

impl Now {
    /// Reads both clocks.
    pub(crate) fn read(clock: &dyn Clock) -> Now {
        Now {
            wall_ms: clock.now_ms(),
            monotonic: clock.monotonic(),
        }
    }

    /// The monotonic moment `ms` milliseconds from now; a negative timeout counts as zero.
    pub(crate) fn after_ms(&self, ms: i32) -> Duration {
        self.monotonic + duration_ms(ms)
    }
}

/// A timeout of the wire as a duration; negative ones count as zero.
pub(crate) fn duration_ms(ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
