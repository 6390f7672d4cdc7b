//! What was seen of the files and not read yet: told about once a second while there is something, and once there is not.

use std::time::Duration;

use millrace_api::{Backlog, BacklogPart};

use crate::files::Files;

/// Pause between two reports.
const PAUSE: Duration = Duration::from_secs(1);

/// When the lag is told.
#[derive(Debug, Default)]
pub(crate) struct Lag {
    /// No report before this.
    next: Duration,
    /// The last report had something that waits.
    told: bool,
}

impl Lag {
    /// What waits, if it is time to tell it: nothing is told again and again where nothing waits.
    pub(crate) fn look(&mut self, files: &Files, now: Duration) -> Option<Backlog> {
        if now < self.next {
            return None;
        }
        self.next = now + PAUSE;
        let backlog = Backlog::of(files.entries().filter_map(|(_, entry)| {
            let (bytes, age) = entry.state.lag(now)?;
            Some(BacklogPart {
                name: entry.path.to_string_lossy().into(),
                bytes,
                age,
            })
        }));
        let told = std::mem::replace(&mut self.told, backlog.count > 0);
        (told || self.told).then_some(backlog)
    }

    /// Files were looked at: what was found is told though the last report was not long ago.
    pub(crate) fn hurry(&mut self) {
        self.next = Duration::ZERO;
    }

    /// When a report is due though nothing happens; never where nothing waits.
    pub(crate) fn next(&self) -> Duration {
        if self.told { self.next } else { Duration::MAX }
    }
}
