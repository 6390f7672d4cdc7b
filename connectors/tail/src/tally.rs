//! Counts what a user should know of, and tells it without flooding the log.

use std::path::Path;

use log::Level;
use millrace_api::SourceContext;

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
    released: u64,
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

    /// A file that was deleted while it was open was read to its end, and is let go.
    pub(crate) fn released(&mut self) {
        self.counts.released += 1;
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

    /// Logs what was counted since the last time, and tells `context` how much it is in all.
    pub(crate) fn tell(&mut self, context: &SourceContext) {
        let (now, told) = (self.counts, self.told);
        if now == told {
            return;
        }
        self.told = now;
        for (now, before) in now.named().into_iter().zip(told.named()) {
            let new = now.total - before.total;
            if new > 0 {
                log::log!(
                    now.level,
                    "{new} {}, {} since the start",
                    now.what,
                    now.total
                );
                context.tell_event(now.event, now.total);
            }
        }
    }
}

/// One of the counts.
struct Named {
    /// In metrics.
    event: &'static str,
    /// In the log.
    what: &'static str,
    level: Level,
    total: u64,
}

impl Counts {
    fn named(self) -> [Named; 8] {
        let warn = |event, what, total| Named {
            event,
            what,
            level: Level::Warn,
            total,
        };
        [
            warn(
                "lines_truncated",
                "lines were cut short because they are longer than max.line.bytes",
                self.truncated,
            ),
            warn(
                "lines_dropped",
                "lines were left out because they are longer than max.line.bytes",
                self.dropped,
            ),
            warn(
                "records_repaired",
                "lines had bytes that are no text; see invalid.bytes",
                self.repaired,
            ),
            warn(
                "records_refused",
                "records were left out because they have bytes that are no text; see invalid.bytes",
                self.refused,
            ),
            warn(
                "files_deleted_unread",
                "files were deleted before they were read to their end",
                self.gone,
            ),
            Named {
                event: "files_deleted_read",
                what: "files were deleted while they were open, and were read to their end",
                level: Level::Info,
                total: self.released,
            },
            warn(
                "files_cut_unread",
                "files were cut before they were read to their end, without a copy of the rest",
                self.cut,
            ),
            warn(
                "bytes_lost",
                "bytes of deleted and cut files were lost at least",
                self.lost_bytes,
            ),
        ]
    }
}
