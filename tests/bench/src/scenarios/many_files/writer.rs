//! Writes lines into the busy files, one after the other in turn, evenly over the time.
//!
//! A line has the nanoseconds since the origin right before its write, the file's number, the line's number in its file,
//! and is filled up to [`LINE`] bytes.

use std::fs::File;
use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;

/// Lines of all files together.
pub(super) const LINES_A_SECOND: u32 = 10_000;
const LINE: usize = 100;
const PAUSE: Duration = Duration::from_nanos(1_000_000_000 / LINES_A_SECOND as u64);

/// What a line says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    /// Right before its write, since the origin.
    pub(super) written: Duration,
    pub(super) file: usize,
    pub(super) number: u64,
}

/// Writes for so long; the number of lines is returned.
pub(super) fn write(files: &mut [File], origin: Instant, time: Duration) -> anyhow::Result<u64> {
    let started = Instant::now();
    let mut bytes = Vec::with_capacity(LINE);
    let (mut written, mut due) = (0, Duration::ZERO);
    while due < time {
        if let Some(ahead) = due.checked_sub(started.elapsed()) {
            thread::sleep(ahead);
        }
        let file = written % files.len();
        let line = Line {
            written: origin.elapsed(),
            file,
            number: (written / files.len()) as u64,
        };
        bytes.clear();
        line.append_to(&mut bytes)
            .and_then(|()| files[file].write_all(&bytes))
            .context("cannot write a line")?;
        written += 1;
        due += PAUSE;
    }
    Ok(written as u64)
}

impl Line {
    fn append_to(&self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let (written, file, number) = (self.written.as_nanos(), self.file, self.number);
        write!(bytes, "{written} {file} {number} ")?;
        bytes.resize(LINE - 1, b'x');
        bytes.push(b'\n');
        Ok(())
    }

    /// What a line without its end says.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut words = str::from_utf8(bytes).ok()?.split(' ');
        Some(Self {
            written: Duration::from_nanos(words.next()?.parse().ok()?),
            file: words.next()?.parse().ok()?,
            number: words.next()?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_was_written() {
        let line = Line {
            written: Duration::from_millis(35_000),
            file: 99,
            number: 3_500,
        };
        let mut bytes = Vec::new();
        line.append_to(&mut bytes).unwrap();
        assert_eq!(bytes.len(), LINE);
        assert_eq!(Line::parse(&bytes[..LINE - 1]), Some(line));
        assert_eq!(Line::parse(b"x"), None);
    }
}
