//! Counts what a user should know of, and tells it without flooding the log.

use std::path::Path;

use crate::turn::Outcome;

/// What has happened since the start of the task.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: Counts,
    told: Counts,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    truncated: u64,
    dropped: u64,
    repaired: u64,
    refused: u64,
    gone: u64,
    cut: u64,
    lost_bytes: u64,
}

impl Tally {
    /// What came of a turn.
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        self.counts.truncated += outcome.truncated;
        self.counts.dropped += outcome.dropped;
        self.counts.repaired += outcome.repaired;
        self.counts.refused += outcome.refused;
    }

    /// The file at `path` is gone, with `unread` bytes that were never read.
    pub(crate) fn gone(&mut self, path: &Path, unread: u64) {
        if unread == 0 {
            return;
        }
        self.counts.gone += 1;
        self.counts.lost_bytes += unread;
        log::warn!(
            "{} was deleted while it was closed, with {unread} bytes that were not read; raise open.files.max to keep more files open",
            path.display()
        );
    }

    /// The file at `path` was cut, with `lost` bytes that were seen but not read and are in no copy.
    pub(crate) fn cut(&mut self, path: &Path, lost: u64) {
        if lost == 0 {
            return;
        }
        self.counts.cut += 1;
        self.counts.lost_bytes += lost;
        log::warn!(
            "{} was cut with at least {lost} bytes that were not read and are in no copy of it; what is written between copy and cut is lost, and only rotation by rename loses nothing",
            path.display()
        );
    }

    /// Tells what was counted since the last time.
    pub(crate) fn tell(&mut self) {
        let (now, told) = (self.counts, self.told);
        if now == told {
            return;
        }
        self.told = now;
        for (count, before, what) in [
            (
                now.truncated,
                told.truncated,
                "lines were cut short because they are longer than max.line.bytes",
            ),
            (
                now.dropped,
                told.dropped,
                "lines were left out because they are longer than max.line.bytes",
            ),
            (
                now.repaired,
                told.repaired,
                "lines had bytes that are no text; see invalid.bytes",
            ),
            (
                now.refused,
                told.refused,
                "records were left out because they have bytes that are no text; see invalid.bytes",
            ),
            (
                now.gone,
                told.gone,
                "files were deleted before they were read to their end",
            ),
            (
                now.cut,
                told.cut,
                "files were cut before they were read to their end, without a copy of the rest",
            ),
            (
                now.lost_bytes,
                told.lost_bytes,
                "bytes of deleted and cut files were lost at least",
            ),
        ] {
            if count > before {
                log::warn!("{} {what}, {count} since the start", count - before);
            }
        }
    }
}
