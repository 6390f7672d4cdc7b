//! What one file has come to: a state machine without I/O.
//!
//! A reader asks it what to read next ([`FileState::plan`]) and tells it what came of that ([`FileState::advanced`]);
//! a look at the folders tells it length and name. Only whole records move the position: what is behind the last line
//! end is read again when more has come, so that a quiet file holds no buffer.
//!
//! ```text
//! Named ──(its name left the globs)──▶ Strayed ──┐
//!   │                                            ├─ at its end and quiet ─▶ released
//!   └────(no name left)──────────────▶ Gone ─────┘
//! ```

use std::time::Duration;

use crate::lines::Cut;

/// Bytes of a read, where no long line asks for more.
pub(crate) const BLOCK: usize = 256 << 10;

/// Whether the file can be found by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Under a name that the globs match.
    Named,
    /// Under a name that they do not match: it was rotated.
    Strayed,
    /// Under no name: it was deleted.
    Gone,
}

/// How far a file was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileState {
    /// The first byte that was not handed out.
    position: u64,
    /// How far it was read; from `position` to here a line has begun.
    read_to: u64,
    /// Bytes from `position` on in which a line that is too long has no end.
    searched: u64,
    /// A line that began before `position` is to be left out.
    inside_line: bool,
    /// The last window held no whole record.
    wide: bool,
    /// Whole lines behind `position` belong to a group that may go on.
    held: bool,
    place: Place,
    /// Whether another file has its name: nobody goes on writing to it for long.
    rotated: bool,
    quiet_since: Duration,
    /// Its length when it was last looked at.
    seen: u64,
    /// Since when it has bytes that were not read.
    behind_since: Option<Duration>,
}

/// What to do in a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Read `want` bytes at `at` and cut them into lines.
    Read { at: u64, want: usize },
    /// Read at `at`, and look for the end of a line that is too long.
    FindEnd { at: u64 },
    /// Read at `at`, and look for the end of a line that is left out.
    LeaveOut { at: u64 },
}

/// What is due although nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    /// The group of lines that may go on is to be handed out as it is.
    Group,
    /// So is the line that has begun.
    Flush,
    /// The file has ended for good.
    Release,
}

/// After how long a file that is not written to is treated otherwise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waits {
    /// A group of lines that may go on.
    pub(crate) group: Duration,
    /// A begun line of a file in use; none to wait for its end for ever.
    pub(crate) last_line: Option<Duration>,
    /// A file whose name another one has taken.
    pub(crate) rotated: Duration,
    /// A file without a name.
    pub(crate) deleted: Duration,
}

impl FileState {
    /// A file that is read from `position`, in the middle of a line or not.
    pub(crate) fn new(position: u64, now: Duration) -> Self {
        Self {
            position,
            read_to: position,
            searched: 0,
            inside_line: false,
            wide: false,
            held: false,
            place: Place::Named,
            rotated: false,
            quiet_since: now,
            seen: position,
            behind_since: None,
        }
    }

    /// The first byte that was not handed out.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// Whether nothing of the file was handed out or begun.
    pub(crate) fn is_at_start(&self) -> bool {
        self.read_to == 0
    }

    /// Bytes of a line that has begun but not ended.
    pub(crate) fn begun(&self) -> u64 {
        self.read_to - self.position
    }

    /// What stands before `position` was read elsewhere.
    pub(crate) fn skip_to(&mut self, position: u64) {
        self.position = position;
        self.read_to = position;
    }

    /// What stands before the next line end belongs to a line that was written before the file was looked at.
    pub(crate) fn leave_out_line(&mut self) {
        self.inside_line = true;
    }

    /// The file has `len` bytes; true if there is something to read.
    pub(crate) fn looked(&mut self, len: u64, now: Duration) -> bool {
        let changed = len != self.read_to;
        if changed {
            self.quiet_since = now;
        }
        self.seen = len;
        if len > self.read_to {
            self.behind_since.get_or_insert(now);
        }
        changed
    }

    /// A turn has found nothing more to read: a line that has begun waits for its end, not for a reader.
    pub(crate) fn caught_up(&mut self) {
        self.behind_since = None;
    }

    /// Bytes that are known to be there and were not read, and for how long there have been some.
    pub(crate) fn lag(&self, now: Duration) -> Option<(u64, Duration)> {
        let since = self.behind_since?;
        let bytes = self.seen.saturating_sub(self.position);
        (bytes > 0).then(|| (bytes, now.saturating_sub(since)))
    }

    /// The file is found where `place` says; `renamed` if not under the name it had.
    pub(crate) fn found(&mut self, place: Place, renamed: bool, now: Duration) {
        if place != self.place || renamed {
            self.quiet_since = now;
            let returned = place == Place::Named && self.place != Place::Named;
            self.rotated = place != Place::Named || self.rotated && !returned;
        }
        self.place = place;
    }

    /// Another file has the name that it had.
    pub(crate) fn replaced(&mut self, now: Duration) {
        // A file of which nothing was read may be a new one with the inode of an old one.
        if self.position > 0 && !self.rotated {
            self.quiet_since = now;
            self.rotated = true;
        }
    }

    /// Before a turn: whether a file of `len` bytes, that begins as it did or not, was cut and written anew.
    pub(crate) fn is_anew(&self, len: u64, begins_as_before: bool) -> bool {
        len < self.position || !begins_as_before
    }

    /// Starts again at the file's first byte.
    pub(crate) fn restart(&mut self, now: Duration) {
        let place = self.place;
        *self = Self {
            place,
            ..Self::new(0, now)
        };
    }

    /// What to read of a file of `len` bytes, in which a line may need a window of `window` bytes.
    pub(crate) fn plan(&self, len: u64, window: usize) -> Plan {
        if self.inside_line {
            return Plan::LeaveOut { at: self.position };
        }
        if self.searched > 0 {
            let at = self.position + self.searched;
            return Plan::FindEnd { at };
        }
        let most = if self.wide { window.max(BLOCK) } else { BLOCK };
        // One byte more than there should be tells the end from what is written right now.
        let left = len.saturating_sub(self.position).saturating_add(1);
        let want = usize::try_from(left).unwrap_or(most).clamp(64, most);
        Plan::Read {
            at: self.position,
            want,
        }
    }

    /// `read` bytes were read as planned and cut; true if there may be more to read.
    pub(crate) fn advanced(&mut self, read: usize, want: usize, window: usize, cut: Cut) -> bool {
        let filled = read == want;
        self.read_to = self.position + read as u64;
        self.position += cut.consumed as u64;
        self.held = cut.held;
        if cut.consumed > 0 {
            self.wide = false;
            return filled || cut.stopped || cut.end_is_far;
        }
        if cut.end_is_far {
            self.searched = read as u64;
            return true;
        }
        if filled && want < window.max(BLOCK) {
            self.wide = want >= BLOCK;
            return true;
        }
        false
    }

    /// `read` bytes were searched for the end of a line that is too long, and it was found or not; true if there may be
    /// more to read.
    pub(crate) fn searched(&mut self, read: usize, end: Option<usize>) -> bool {
        let next = end.map(|end| end as u64 + 1);
        self.searched += next.unwrap_or(read as u64);
        self.read_to = self.position + self.searched;
        if next.is_some() {
            self.finish_search();
        }
        next.is_some() || read > 0
    }

    /// The long line that was searched ends where the search has come to.
    pub(crate) fn finish_search(&mut self) {
        self.position += self.searched;
        self.read_to = self.position;
        self.searched = 0;
    }

    /// `read` bytes were left out up to the end of the line, if it was found; true if there may be more to read.
    pub(crate) fn left_out(&mut self, read: usize, end: Option<usize>) -> bool {
        self.position += end.map_or(read as u64, |end| end as u64 + 1);
        self.read_to = self.position;
        self.inside_line = end.is_none();
        read > 0
    }

    /// What is due at `now`.
    pub(crate) fn due(&self, now: Duration, waits: &Waits) -> Due {
        let quiet = self.quiet(now);
        let wait = match self.place {
            Place::Named if self.rotated => Some(waits.rotated),
            Place::Named => waits.last_line,
            Place::Strayed => Some(waits.rotated),
            Place::Gone => Some(waits.deleted),
        };
        if wait.is_none_or(|wait| quiet < wait) {
            return match self.held && quiet >= waits.group {
                true => Due::Group,
                false => Due::Nothing,
            };
        }
        match self.place {
            Place::Named if self.begun() > 0 => Due::Flush,
            Place::Named => Due::Nothing,
            Place::Strayed | Place::Gone => Due::Release,
        }
    }

    /// How long nothing was written.
    pub(crate) fn quiet(&self, now: Duration) -> Duration {
        now.saturating_sub(self.quiet_since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const WAITS: Waits = Waits {
        group: Duration::from_secs(1),
        last_line: None,
        rotated: Duration::from_secs(30),
        deleted: Duration::from_secs(5),
    };

    #[test]
    fn a_named_file_is_never_due_unless_told() {
        let mut state = FileState::new(0, Duration::ZERO);
        state.advanced(3, 64, 100, Cut::default());
        assert_eq!(state.due(1000 * SECOND, &WAITS), Due::Nothing);
        let waits = Waits {
            last_line: Some(SECOND),
            ..WAITS
        };
        assert_eq!(state.due(SECOND, &waits), Due::Flush);
    }

    #[test]
    fn lag_is_what_was_seen_and_not_read_and_since_when() {
        let mut state = FileState::new(10, Duration::ZERO);
        assert_eq!(state.lag(SECOND), None);
        state.looked(110, SECOND);
        state.looked(210, 2 * SECOND);
        assert_eq!(state.lag(3 * SECOND), Some((200, 2 * SECOND)));
        let part = Cut {
            consumed: 50,
            ..Cut::default()
        };
        state.advanced(100, 100, 1000, part);
        assert_eq!(state.lag(3 * SECOND), Some((150, 2 * SECOND)));
        state.advanced(150, 200, 1000, part);
        state.caught_up();
        assert_eq!(state.lag(4 * SECOND), None, "a begun line is no lag");
        state.looked(211, 5 * SECOND);
        assert_eq!(state.lag(6 * SECOND), Some((101, SECOND)));
    }

    #[test]
    fn a_group_waits_for_its_own_time() {
        let mut state = FileState::new(0, Duration::ZERO);
        let held = Cut {
            held: true,
            ..Cut::default()
        };
        state.advanced(3, 64, 100, held);
        assert_eq!(state.due(SECOND / 2, &WAITS), Due::Nothing);
        assert_eq!(state.due(SECOND, &WAITS), Due::Group);
    }

    #[test]
    fn what_has_left_is_released_once_it_is_quiet() {
        for (place, wait) in [(Place::Strayed, 30), (Place::Gone, 5)] {
            let mut state = FileState::new(0, Duration::ZERO);
            state.found(place, false, 10 * SECOND);
            assert_eq!(state.due((9 + wait) * SECOND, &WAITS), Due::Nothing);
            assert_eq!(state.due((10 + wait) * SECOND, &WAITS), Due::Release);
            state.looked(5, 11 * SECOND);
            assert_eq!(
                state.due((10 + wait) * SECOND, &WAITS),
                Due::Nothing,
                "still written to"
            );
        }
    }

    #[test]
    fn a_rotated_file_hands_out_its_last_line() {
        let mut state = FileState::new(0, Duration::ZERO);
        let line = Cut {
            consumed: 2,
            ..Cut::default()
        };
        state.advanced(2, 64, 100, line);
        state.found(Place::Named, true, SECOND);
        state.advanced(3, 64, 100, Cut::default());
        assert_eq!(state.due(1000 * SECOND, &WAITS), Due::Nothing, "renamed");
        state.replaced(SECOND);
        assert_eq!(state.due(30 * SECOND, &WAITS), Due::Nothing);
        assert_eq!(state.due(31 * SECOND, &WAITS), Due::Flush);
    }

    #[test]
    fn a_file_of_which_nothing_was_read_is_not_rotated() {
        let mut state = FileState::new(0, Duration::ZERO);
        state.found(Place::Named, true, SECOND);
        state.replaced(SECOND);
        state.advanced(3, 64, 100, Cut::default());
        assert_eq!(state.due(1000 * SECOND, &WAITS), Due::Nothing);
    }

    #[test]
    fn a_shorter_or_another_file_is_anew() {
        let state = FileState::new(100, Duration::ZERO);
        assert!(state.is_anew(99, true));
        assert!(state.is_anew(200, false));
        assert!(!state.is_anew(100, true));
    }
}
