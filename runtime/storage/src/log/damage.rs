//! Batches that the disk did not keep, found by recovery: they are named, never cut.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

use crate::read_error::ReadError;

/// A stretch of a log that cannot be read any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The segment's file.
    pub path: PathBuf,
    /// Base offset of the segment.
    pub segment: i64,
    /// First damaged byte.
    pub position: u64,
    /// First byte behind the damage at which a batch starts again, or the file's end.
    pub end_position: u64,
    /// First offset that is lost.
    pub offset: i64,
    /// First offset that can be read again.
    pub end_offset: i64,
    /// What does not fit.
    pub reason: String,
}

impl Damage {
    fn error(&self) -> ReadError {
        ReadError::Corrupt {
            path: self.path.clone(),
            position: self.position,
            offset: self.offset,
            reason: self.reason.clone(),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Damages(RwLock<Vec<Damage>>);

impl Damages {
    pub(crate) fn new(damages: Vec<Damage>) -> Self {
        Self(RwLock::new(damages))
    }

    /// Fails for an offset that is lost.
    pub(crate) fn check(&self, offset: i64) -> Result<(), ReadError> {
        let damages = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match damages
            .iter()
            .find(|damage| (damage.offset..damage.end_offset).contains(&offset))
        {
            Some(damage) => Err(damage.error()),
            None => Ok(()),
        }
    }

    /// The first damaged byte of a segment at or behind `position`.
    pub(crate) fn next_in(&self, segment: i64, position: u64) -> Option<u64> {
        let first = self.intact(segment, position..u64::MAX).into_iter().next();
        first.map(|bytes| bytes.end).filter(|&end| end < u64::MAX)
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        let damages = self.0.read().unwrap_or_else(PoisonError::into_inner);
        damages.is_empty()
    }

    /// Whether a segment has any.
    pub(crate) fn is_in(&self, segment: i64) -> bool {
        let damages = self.0.read().unwrap_or_else(PoisonError::into_inner);
        damages.iter().any(|damage| damage.segment == segment)
    }

    /// The parts of a segment's bytes that lie between its damages.
    pub(crate) fn intact(&self, segment: i64, bytes: Range<u64>) -> Vec<Range<u64>> {
        let damages = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut parts = Vec::new();
        let mut start = bytes.start;
        // Recovery found them from the front of a segment to its end.
        for damage in damages
            .iter()
            .filter(|damage| damage.segment == segment && damage.position >= bytes.start)
        {
            parts.push(start..damage.position.min(bytes.end));
            start = damage.end_position.min(bytes.end);
        }
        parts.push(start..bytes.end);
        parts
    }

    /// Where a walk that starts at or behind `hint` and looks for `offset` has to begin so that it
    /// meets no damage: behind the last one that lies before the offset.
    pub(crate) fn start_behind(&self, segment: i64, hint: u64, offset: i64) -> u64 {
        let damages = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let before = damages
            .iter()
            .filter(|damage| damage.segment == segment && damage.end_offset <= offset);
        before
            .map(|damage| damage.end_position)
            .max()
            .map_or(hint, |end| end.max(hint))
    }

    /// Forgets what retention or a truncation took away.
    pub(crate) fn retain(&self, keep: impl FnMut(&Damage) -> bool) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(keep);
    }
}
