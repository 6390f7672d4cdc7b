//! Cuts what a command prints into lines: pure, and the same whatever pieces the bytes come in. A line ends with `\n`,
//! and a `\r` before it belongs to the end.

use memchr::memchr;
use millrace_api::config::ConfigEnum;

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

/// Cuts the bytes of one pipe.
#[derive(Debug)]
pub(crate) struct Lines {
    max: usize,
    too_long: TooLong,
    /// Bytes that belong to no line that was given.
    buffer: Vec<u8>,
    /// What comes up to the next line end belongs to a line that was too long.
    is_skipping: bool,
    /// No more bytes come.
    is_last: bool,
}

impl Lines {
    pub(crate) fn new(max: usize, too_long: TooLong) -> Self {
        Self {
            max,
            too_long,
            buffer: Vec::new(),
            is_skipping: false,
            is_last: false,
        }
    }

    /// Where bytes are to be appended that have come.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// No more bytes come: what is left is a line too.
    pub(crate) fn end(&mut self) {
        self.is_last = true;
    }

    /// Whether all that there was and will be is given.
    pub(crate) fn is_done(&self) -> bool {
        self.is_last && self.buffer.is_empty()
    }

    /// Gives at most `most` lines that are whole, and returns how many, and how many were cut short or left out.
    pub(crate) fn cut(&mut self, most: usize, mut give: impl FnMut(&[u8])) -> (usize, u64) {
        let (mut at, mut given, mut hurt) = (0, 0, 0);
        while given < most && at < self.buffer.len() {
            let rest = &self.buffer[at..];
            let step = self.step(rest);
            if let Some(line) = step.line {
                give(&rest[..line]);
                given += 1;
            }
            hurt += u64::from(step.is_hurt);
            self.is_skipping = step.is_skipping;
            if step.bytes == 0 {
                break;
            }
            at += step.bytes;
        }
        self.buffer.drain(..at);
        (given, hurt)
    }

    /// What is to be done with the bytes at hand.
    fn step(&self, rest: &[u8]) -> Step {
        let end = memchr(b'\n', rest);
        // What stands last may be the `\r` of a line end.
        let text = match end {
            Some(end) => trimmed(&rest[..end]).len(),
            None if self.is_last => trimmed(rest).len(),
            None => rest.len() - usize::from(rest.ends_with(b"\r")),
        };
        let behind = end.map_or(rest.len(), |end| end + 1);
        let is_whole = end.is_some() || self.is_last;
        if self.is_skipping {
            return Step {
                bytes: behind,
                is_skipping: !is_whole,
                ..Step::default()
            };
        }
        if text <= self.max {
            return match is_whole {
                true => Step {
                    line: Some(text),
                    bytes: behind,
                    ..Step::default()
                },
                false => Step::default(),
            };
        }
        match self.too_long {
            TooLong::Split => {
                let line = boundary(rest, self.max);
                Step {
                    line: Some(line),
                    bytes: line,
                    ..Step::default()
                }
            }
            policy => Step {
                line: (policy == TooLong::Truncate).then(|| boundary(rest, self.max)),
                bytes: behind,
                is_hurt: true,
                is_skipping: !is_whole,
            },
        }
    }
}

/// What is to be done with some bytes.
#[derive(Default)]
struct Step {
    /// The length of the line that they begin with.
    line: Option<usize>,
    /// Bytes that are done with; none if there are too few.
    bytes: usize,
    is_hurt: bool,
    is_skipping: bool,
}

fn trimmed(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// At most `max`, and not within a character of UTF-8.
fn boundary(bytes: &[u8], max: usize) -> usize {
    let is_inside = |at: &usize| bytes.get(*at).is_some_and(|byte| byte & 0xc0 == 0x80);
    let start = (max.saturating_sub(3)..=max)
        .rev()
        .find(|at| !is_inside(at));
    start.filter(|start| *start > 0).unwrap_or(max)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(bytes: &[u8], max: usize, too_long: TooLong, piece: usize) -> (Vec<String>, u64) {
        let mut lines = Lines::new(max, too_long);
        let (mut cut, mut hurt) = (Vec::new(), 0);
        let mut pieces = bytes.chunks(piece);
        while !lines.is_done() {
            match pieces.next() {
                Some(piece) => lines.buffer().extend_from_slice(piece),
                None => lines.end(),
            }
            loop {
                let give = |line: &[u8]| cut.push(String::from_utf8_lossy(line).into_owned());
                let (given, more) = lines.cut(2, give);
                hurt += more;
                if given < 2 {
                    break;
                }
            }
        }
        (cut, hurt)
    }

    #[test]
    fn lines_and_what_is_too_long() {
        for (too_long, expected, hurt) in [
            (
                TooLong::Split,
                &[
                    "one", "", "abcdef", "ghijkl", "m", "abcdef", "ééé", "é", "end",
                ][..],
                0,
            ),
            (
                TooLong::Truncate,
                &["one", "", "abcdef", "abcdef", "ééé", "end"],
                2,
            ),
            (TooLong::Drop, &["one", "", "abcdef", "end"], 2),
        ] {
            let text = "one\r\n\nabcdefghijklm\nabcdef\r\néééé\nend";
            for piece in [1, 2, 3, 100] {
                let (lines, found) = cut(text.as_bytes(), 6, too_long, piece);
                assert_eq!(lines, expected, "{too_long:?} {piece}");
                assert_eq!(found, hurt, "{too_long:?} {piece}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_cut_the_same_in_any_pieces(
            bytes in proptest::collection::vec(prop_oneof![
                Just(b'\n'), Just(b'\r'), Just(b'a'), any::<u8>()
            ], 0..100),
            max in 4_usize..20,
            piece in 1_usize..30,
            too_long in prop_oneof![Just(TooLong::Split), Just(TooLong::Truncate), Just(TooLong::Drop)],
        ) {
            prop_assert_eq!(cut(&bytes, max, too_long, piece), cut(&bytes, max, too_long, 1000));
        }
    }
}
