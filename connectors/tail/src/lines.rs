//! Cuts bytes into lines: pure, and the same whatever pieces the bytes come in.
//!
//! A line ends with `\n`, and a `\r` before it belongs to the end. What is behind the last line end waits for more,
//! unless the bytes are the last of the file. A line longer than the limit is treated as [`TooLong`] says.

use memchr::memchr_iter;
use millrace_api::config::ConfigEnum;

use crate::encoding::Form;

/// What becomes of a line that is longer than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum TooLong {
    /// It becomes several records, each but the last as long as the limit.
    #[default]
    Split,
    /// Its beginning becomes a record; the rest is left out.
    Truncate,
    /// It is left out.
    Drop,
}

/// How lines are cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cutter {
    /// Bytes of the longest record.
    pub(crate) max: usize,
    pub(crate) too_long: TooLong,
    pub(crate) form: Form,
}

/// The text of one record in the bytes, and where the next one starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) next: usize,
}

/// What became of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Cut {
    /// Bytes that are done with; the next call starts behind them.
    pub(crate) consumed: usize,
    /// Lines cut short.
    pub(crate) truncated: u64,
    /// Lines left out.
    pub(crate) dropped: u64,
    /// No more lines were wanted, though there may be some.
    pub(crate) stopped: bool,
    /// What stands behind `consumed` holds whole lines, of a group that may go on.
    pub(crate) held: bool,
    /// The line that starts behind `consumed` is too long, and its end is not in these bytes.
    pub(crate) end_is_far: bool,
}

impl Cutter {
    /// Bytes in which a line that is not too long is whole.
    pub(crate) fn window(self) -> usize {
        self.max + 2 * self.form.unit()
    }

    /// Gives `give` the lines of `bytes`, which start with a line, until it wants no more. With `last`, what is behind
    /// the last line end is a line too.
    pub(crate) fn cut(self, bytes: &[u8], last: bool, give: impl FnMut(Line) -> bool) -> Cut {
        match self.form {
            Form::Utf8 | Form::Latin1 => self.cut_at(memchr_iter(b'\n', bytes), bytes, last, give),
            Form::Utf16(order) => {
                let bytes = if last { bytes } else { self.form.whole(bytes) };
                self.cut_at(order.line_ends(bytes), bytes, last, give)
            }
        }
    }

    fn cut_at(
        self,
        ends: impl Iterator<Item = usize>,
        bytes: &[u8],
        last: bool,
        mut give: impl FnMut(Line) -> bool,
    ) -> Cut {
        let mut cut = Cut::default();
        let unit = self.form.unit();
        for end in ends {
            let returned = self.form.ends_with(&bytes[cut.consumed..end], b'\r');
            let text_end = end - if returned { unit } else { 0 };
            if !self.line(bytes, text_end, end + unit, &mut cut, &mut give) {
                cut.stopped = true;
                return cut;
            }
        }
        if last {
            if cut.consumed < bytes.len() {
                cut.stopped = !self.line(bytes, bytes.len(), bytes.len(), &mut cut, &mut give);
            }
            return cut;
        }
        if bytes.len() - cut.consumed >= self.window() {
            match self.too_long {
                // What stands last may be the `\r` of a line end.
                TooLong::Split => {
                    cut.stopped = !self.split(bytes, bytes.len() - unit, &mut cut, &mut give);
                }
                TooLong::Truncate | TooLong::Drop => cut.end_is_far = true,
            }
        }
        cut
    }

    /// The beginning of a line that is too long, as far as a record may hold it.
    pub(crate) fn beginning(self, bytes: &[u8]) -> Line {
        let end = self.form.boundary(bytes, 0, self.max.min(bytes.len()));
        Line {
            start: 0,
            end,
            next: end,
        }
    }

    /// A line whose end is known; false if no more is wanted.
    #[inline]
    fn line(
        self,
        bytes: &[u8],
        end: usize,
        next: usize,
        cut: &mut Cut,
        give: &mut impl FnMut(Line) -> bool,
    ) -> bool {
        let start = cut.consumed;
        if end - start <= self.max {
            cut.consumed = next;
            return give(Line { start, end, next });
        }
        match self.too_long {
            TooLong::Split => {
                if !self.split(bytes, end, cut, give) {
                    return false;
                }
                let start = cut.consumed;
                cut.consumed = next;
                give(Line { start, end, next })
            }
            TooLong::Truncate => {
                let end = self.form.boundary(bytes, start, start + self.max);
                cut.truncated += 1;
                cut.consumed = next;
                give(Line { start, end, next })
            }
            TooLong::Drop => {
                cut.dropped += 1;
                cut.consumed = next;
                true
            }
        }
    }

    /// Splits off records until the rest up to `end` is short enough; false if no more is wanted.
    fn split(
        self,
        bytes: &[u8],
        end: usize,
        cut: &mut Cut,
        give: &mut impl FnMut(Line) -> bool,
    ) -> bool {
        while end - cut.consumed > self.max {
            let start = cut.consumed;
            let next = self.form.boundary(bytes, start, start + self.max);
            cut.consumed = next;
            if !give(Line {
                start,
                end: next,
                next,
            }) {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests;
