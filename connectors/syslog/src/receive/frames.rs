//! Cuts the bytes of a connection into messages (RFC 6587): `17 <34>1 - - - - - -` says how long the message is (octet
//! counting); any other message ends with a line feed or a NUL (non-transparent framing). Which of the two it is, is
//! seen at each message anew. Pure, and the same whatever pieces the bytes come in.

use memchr::memchr2;

use super::without_end;

/// Digits of a length at most; more make no length of a message.
const DIGITS_MAX: usize = 10;

/// Cuts the bytes of one connection.
#[derive(Debug)]
pub(super) struct Frames {
    /// Bytes of the longest message; of a longer one, only its beginning is given.
    max: usize,
    /// Bytes that belong to no message that was given.
    buffer: Vec<u8>,
    /// What is to be left out before the next message.
    skip: Option<Skip>,
}

#[derive(Debug, Clone, Copy)]
enum Skip {
    Bytes(usize),
    Line,
}

/// How the bytes at hand begin.
enum Begin {
    /// There are too few to say.
    Unknown,
    Counted {
        /// Bytes before the message.
        head: usize,
        len: usize,
    },
    Line,
}

/// A message, and whether its end was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) is_cut: bool,
}

impl Frames {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            buffer: Vec::new(),
            skip: None,
        }
    }

    /// Where bytes are to be appended that have come.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Gives the messages that are whole; with `last`, also what is left, for no more bytes come.
    pub(super) fn cut(&mut self, last: bool, mut give: impl FnMut(Frame<'_>)) {
        let mut at = 0;
        while at < self.buffer.len() {
            let rest = &self.buffer[at..];
            let step = match self.skip {
                Some(skip) => skipped(skip, rest, &mut self.skip),
                None => message(rest, self.max, last, &mut self.skip, &mut give),
            };
            match step {
                0 => break,
                step => at += step,
            }
        }
        self.buffer.drain(..at);
    }
}

/// How many bytes are left out, and what is still to be left out.
fn skipped(skip: Skip, rest: &[u8], left: &mut Option<Skip>) -> usize {
    let (step, further) = match skip {
        Skip::Bytes(count) => {
            let step = count.min(rest.len());
            let further = count - step;
            (step, (further > 0).then_some(Skip::Bytes(further)))
        }
        Skip::Line => match memchr2(b'\n', 0, rest) {
            Some(end) => (end + 1, None),
            None => (rest.len(), Some(Skip::Line)),
        },
    };
    *left = further;
    step
}

/// Gives the message that `rest` begins with, and says how many bytes are done with: none if it is not whole.
fn message(
    rest: &[u8],
    max: usize,
    last: bool,
    skip: &mut Option<Skip>,
    give: &mut impl FnMut(Frame<'_>),
) -> usize {
    match begin(rest, last) {
        Begin::Unknown => 0,
        Begin::Counted { head, len } => {
            let body = &rest[head..];
            if body.len() < len.min(max) && !last {
                return 0;
            }
            let kept = &body[..len.min(max).min(body.len())];
            match kept.len() < len {
                true => give(Frame {
                    bytes: kept,
                    is_cut: true,
                }),
                false => line(without_end(kept), max, give),
            }
            let left = len.saturating_sub(body.len());
            *skip = (left > 0).then_some(Skip::Bytes(left));
            head + len.min(body.len())
        }
        Begin::Line => match memchr2(b'\n', 0, rest) {
            Some(end) => {
                line(
                    rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]),
                    max,
                    give,
                );
                end + 1
            }
            // What stands last may be the `\r` of a line end.
            None if rest.len() > max + 1 => {
                line(rest, max, give);
                *skip = Some(Skip::Line);
                rest.len()
            }
            None if last => {
                line(rest.strip_suffix(b"\r").unwrap_or(rest), max, give);
                rest.len()
            }
            None => 0,
        },
    }
}

/// Gives a line, unless there is nothing on it.
fn line(line: &[u8], max: usize, give: &mut impl FnMut(Frame<'_>)) {
    if !line.is_empty() {
        give(Frame {
            bytes: &line[..line.len().min(max)],
            is_cut: line.len() > max,
        });
    }
}

/// Whether a length and the `<` of a message are what `rest` begins with. A text that begins with a number is none.
fn begin(rest: &[u8], last: bool) -> Begin {
    if !matches!(rest.first(), Some(b'1'..=b'9')) {
        return Begin::Line;
    }
    let is_digit = |byte: &&u8| byte.is_ascii_digit();
    let digits = rest.iter().take(DIGITS_MAX).take_while(is_digit).count();
    let length = std::str::from_utf8(&rest[..digits]).unwrap_or_default();
    match (&rest[digits..], length.parse()) {
        ([b' ', b'<', ..], Ok(len)) => Begin::Counted {
            head: digits + 1,
            len,
        },
        ([] | [b' '], _) if !last => Begin::Unknown,
        _ => Begin::Line,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Messages of bytes that come in pieces of these sizes, `!` behind those that were cut.
    fn cut(bytes: &[u8], max: usize, pieces: &[usize]) -> Vec<String> {
        let mut frames = Frames::new(max);
        let mut cut = Vec::new();
        let mut pieces = pieces.iter().copied().cycle();
        let mut rest = bytes;
        loop {
            let (piece, behind) = rest.split_at(pieces.next().unwrap().min(rest.len()));
            rest = behind;
            frames.buffer().extend_from_slice(piece);
            frames.cut(rest.is_empty(), |frame| {
                let mark = if frame.is_cut { "!" } else { "" };
                cut.push(format!("{}{mark}", String::from_utf8_lossy(frame.bytes)));
            });
            assert!(frames.buffer.len() <= max + DIGITS_MAX + 2 + piece.len());
            if rest.is_empty() {
                return cut;
            }
        }
    }

    #[test]
    fn both_kinds_of_frames() {
        for (bytes, expected) in [
            (
                "<1>a\n<2>b\r\n\n<3>c\0<4>d",
                &["<1>a", "<2>b", "<3>c", "<4>d"][..],
            ),
            ("4 <1>a5 <2>\nb4 <3>c", &["<1>a", "<2>\nb", "<3>c"]),
            ("5 <1>a\n4 <2>b3 <\n\n", &["<1>a", "<2>b", "<"]),
            (
                "4 <1>a\n<2>b\n4 <3>c<4>d\n",
                &["<1>a", "<2>b", "<3>c", "<4>d"],
            ),
            ("12 <1>0123456789abc\n", &["<1>012345!", "9abc"]),
            ("<1>0123456789abc\n<2>x\n", &["<1>012345!", "<2>x"]),
            ("<1>012345\r\n<2>x\n", &["<1>012345", "<2>x"]),
            ("9 <1>012345<2>x\n", &["<1>012345", "<2>x"]),
            ("9 <1>a", &["<1>a!"]),
            ("42 is it\n2026\n0 <1>\n", &["42 is it", "2026", "0 <1>"]),
            ("42", &["42"]),
            ("99999999999 <1>a\n", &["999999999!"]),
            ("", &[]),
        ] {
            for pieces in [&[1][..], &[2, 3], &[1000]] {
                assert_eq!(
                    cut(bytes.as_bytes(), 9, pieces),
                    expected,
                    "{bytes:?} {pieces:?}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_cut_the_same_in_any_pieces(
            bytes in proptest::collection::vec(prop_oneof![
                Just(b'<'), Just(b'\n'), Just(b'\r'), Just(0), Just(b' '), b'0'..=b'9', any::<u8>()
            ], 0..200),
            pieces in proptest::collection::vec(1_usize..40, 1..5),
            max in 1_usize..30,
        ) {
            prop_assert_eq!(cut(&bytes, max, &pieces), cut(&bytes, max, &[1000]));
        }
    }
}
