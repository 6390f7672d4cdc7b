//! What a source knows to be waiting in its system and has not brought yet.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Parts that are told one by one; of more, only the sums are kept.
pub const BACKLOG_PARTS_MAX: usize = 100;

/// A part of a system, such as a file, that was not read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BacklogPart {
    /// What it is called.
    pub name: Arc<str>,
    /// Bytes that are known to be there and were not read.
    pub bytes: u64,
    /// How long ago it was last read to its end, or was found.
    pub age: Duration,
}

/// All that waits, at the moment of the report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Bytes of all parts.
    pub bytes: u64,
    /// The longest age of a part; zero where nothing waits.
    pub age: Duration,
    /// How many parts there are.
    pub count: usize,
    /// Those with most bytes first, at most [`BACKLOG_PARTS_MAX`].
    pub parts: Vec<BacklogPart>,
}

impl Backlog {
    /// Adds up parts, and keeps those with most bytes.
    pub fn of(parts: impl IntoIterator<Item = BacklogPart>) -> Self {
        let mut backlog = Self::default();
        for part in parts {
            backlog.bytes = backlog.bytes.saturating_add(part.bytes);
            backlog.age = backlog.age.max(part.age);
            backlog.count += 1;
            backlog.parts.push(part);
            if backlog.parts.len() >= 2 * BACKLOG_PARTS_MAX {
                backlog.keep_largest();
            }
        }
        backlog.keep_largest();
        backlog
    }

    fn keep_largest(&mut self) {
        self.parts
            .sort_by(|one, other| (other.bytes, &one.name).cmp(&(one.bytes, &other.name)));
        self.parts.truncate(BACKLOG_PARTS_MAX);
    }
}

/// Hears of a source's backlog; must not block.
pub trait BacklogListener: Send + Sync + fmt::Debug {
    /// What waits now, in place of what was told before.
    fn backlog(&self, backlog: Backlog);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{BACKLOG_PARTS_MAX, Backlog, BacklogPart};

    #[test]
    fn all_parts_count_and_the_largest_are_kept() {
        let part = |number: u64| BacklogPart {
            name: format!("{number:04}").into(),
            bytes: number % 500,
            age: Duration::from_secs(number),
        };
        let backlog = Backlog::of((0..1000).map(part));
        assert_eq!((backlog.count, backlog.bytes), (1000, 2 * 499 * 500 / 2));
        assert_eq!(backlog.age, Duration::from_secs(999));
        assert_eq!(backlog.parts.len(), BACKLOG_PARTS_MAX);
        let first: Vec<_> = backlog.parts[..3].iter().map(|part| &*part.name).collect();
        assert_eq!(first, ["0499", "0999", "0498"]);
        assert_eq!(Backlog::of([]), Backlog::default());
    }
}
