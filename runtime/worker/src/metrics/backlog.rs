//! What sources say that waits in their systems: files that are not read to their ends.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use millrace_api::{Backlog, BacklogListener};
use millrace_wire::clock::Clock;
use serde::Serialize;

/// What a task's source has told last.
#[derive(Debug)]
pub(crate) struct TaskBacklog {
    clock: Arc<dyn Clock>,
    told: Mutex<Option<(Duration, Backlog)>>,
}

/// What waits in a source's system and was not read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unread {
    /// Bytes of all parts, such as files.
    pub bytes: u64,
    /// For how long the part that waits longest was not read to its end.
    pub seconds: f64,
    /// Parts that are not read to their ends.
    pub count: usize,
    /// Those with most bytes, 100 at most.
    pub parts: Vec<UnreadPart>,
}

/// A part of a source's system, such as a file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnreadPart {
    /// What it is called: the path of a file.
    pub name: String,
    /// Bytes that were seen and not read.
    pub bytes: u64,
    /// For how long there have been some.
    pub seconds: f64,
}

impl TaskBacklog {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            told: Mutex::default(),
        }
    }

    /// What waits by now, if the source tells; what it has told grows older meanwhile.
    pub(super) fn unread(&self) -> Option<Unread> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, backlog) = told.as_ref()?;
        let since = self.clock.monotonic().saturating_sub(*at);
        let parts = backlog.parts.iter().map(|part| UnreadPart {
            name: part.name.to_string(),
            bytes: part.bytes,
            seconds: (part.age + since).as_secs_f64(),
        });
        Some(Unread {
            bytes: backlog.bytes,
            seconds: match backlog.count {
                0 => 0.0,
                _ => (backlog.age + since).as_secs_f64(),
            },
            count: backlog.count,
            parts: parts.collect(),
        })
    }
}

impl BacklogListener for TaskBacklog {
    fn backlog(&self, backlog: Backlog) {
        let now = self.clock.monotonic();
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, backlog));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use millrace_api::{Backlog, BacklogListener, BacklogPart};
    use millrace_wire::clock::ManualClock;

    use super::TaskBacklog;

    #[test]
    fn what_waits_grows_older_until_it_is_told_anew() {
        let clock = Arc::new(ManualClock::new(0));
        let backlog = TaskBacklog::new(Arc::clone(&clock) as _);
        assert_eq!(backlog.unread(), None);
        backlog.backlog(Backlog::of([BacklogPart {
            name: "/a.log".into(),
            bytes: 10,
            age: Duration::from_secs(2),
        }]));
        clock.advance(Duration::from_secs(3));
        let unread = backlog.unread().unwrap();
        assert_eq!((unread.bytes, unread.count), (10, 1));
        assert!(
            (unread.seconds - 5.0).abs() < 1e-9 && (unread.parts[0].seconds - 5.0).abs() < 1e-9
        );
        backlog.backlog(Backlog::default());
        clock.advance(Duration::from_secs(3));
        let unread = backlog.unread().unwrap();
        assert!(unread.seconds.abs() < 1e-9 && unread.parts.is_empty());
    }
}
