//! What a command says on standard error, in the log, without flooding it.

use std::time::Duration;

use millrace_api::{TaskId, utf8_lossy};
use tokio::time::Instant;

/// Lines that are logged in an interval.
const LINES: u32 = 20;
const INTERVAL: Duration = Duration::from_secs(10);
/// Bytes of a line that are logged.
const LINE_BYTES: usize = 1_000;

/// Logs lines, and remembers the last one.
#[derive(Debug)]
pub(crate) struct Complaints {
    id: TaskId,
    begun: Instant,
    logged: u32,
    left_out: u64,
    last: Option<String>,
}

impl Complaints {
    pub(crate) fn new(id: TaskId) -> Self {
        Self {
            id,
            begun: Instant::now(),
            logged: 0,
            left_out: 0,
            last: None,
        }
    }

    /// A line came.
    pub(crate) fn add(&mut self, line: &[u8]) {
        let text = utf8_lossy(&line[..line.len().min(LINE_BYTES)]);
        self.turn();
        match self.logged < LINES {
            true => log::warn!("{}: the command says: {text}", self.id),
            false => self.left_out += 1,
        }
        self.logged = self.logged.saturating_add(1);
        self.last = Some(text);
    }

    /// Begins a new interval once one is over.
    fn turn(&mut self) {
        let now = Instant::now();
        if now.duration_since(self.begun) >= INTERVAL {
            self.tell_left_out();
            self.begun = now;
            self.logged = 0;
        }
    }

    /// Says how many lines were not logged, if any.
    pub(crate) fn tell_left_out(&mut self) {
        if self.left_out > 0 {
            log::warn!(
                "{}: the command said {} more lines on standard error, which are left out here; stderr=discard or stderr=records take them elsewhere",
                self.id,
                self.left_out
            );
            self.left_out = 0;
        }
    }

    /// The last line of this run.
    pub(crate) fn take_last(&mut self) -> Option<String> {
        self.last.take()
    }
}
