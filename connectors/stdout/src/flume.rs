//! Records in the form of Flume's logger sink: headers, and the first bytes of the value in hexadecimal and as text.
//!
//! A line of the dump has 16 bytes: two capital digits and a blank each, blanks where the bytes end before, then the
//! characters, with a dot for what cannot be printed. The second line and those after it begin with the place of
//! their first byte.

use std::io::{self, Write};

use millrace_api::{Cell, SinkRow};

use crate::text::append_cell;

/// Bytes of a line of the dump.
const LINE: usize = 16;

/// Appends records as Flume logs events.
#[derive(Debug)]
pub(crate) struct FlumeLines {
    /// Bytes of a value that are shown.
    most: usize,
}

impl FlumeLines {
    pub(crate) fn new(most: i32) -> Self {
        Self {
            most: usize::try_from(most).unwrap_or(0),
        }
    }

    /// Appends one record and a newline.
    pub(crate) fn append(&self, row: &SinkRow<'_>, out: &mut Vec<u8>) -> io::Result<()> {
        out.extend_from_slice(b"Event: { headers:{");
        for (number, (name, value)) in row.encoded_headers().iter().enumerate() {
            if number > 0 {
                out.extend_from_slice(b", ");
            }
            out.extend_from_slice(name);
            out.push(b'=');
            out.extend_from_slice(value.unwrap_or(b"null"));
        }
        out.extend_from_slice(b"} body:");
        match row.value() {
            Cell::Null => out.extend_from_slice(b"null"),
            Cell::Text(bytes) | Cell::Bytes(bytes) => self.dump(bytes, out)?,
            owned @ Cell::Value(_) => {
                let mut text = Vec::new();
                append_cell(owned, "null", &mut text)?;
                self.dump(&text, out)?;
            }
        }
        out.extend_from_slice(b" }\n");
        Ok(())
    }

    fn dump(&self, body: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let shown = &body[..body.len().min(self.most)];
        for (number, line) in shown.chunks(LINE).enumerate() {
            if number > 0 {
                write!(out, "\n{:08X}", number * LINE)?;
            }
            out.push(b' ');
            for byte in line {
                write!(out, "{byte:02X} ")?;
            }
            out.resize(out.len() + (LINE - line.len()) * 3, b' ');
            out.extend(line.iter().map(|byte| match byte {
                b' '..=b'~' => *byte,
                _ => b'.',
            }));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dump(body: &[u8], most: i32) -> String {
        let mut out = Vec::new();
        FlumeLines::new(most).dump(body, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_first_bytes_in_both_forms() {
        for (body, most, expected) in [
            (
                &b"Hello world!\r"[..],
                16,
                " 48 65 6C 6C 6F 20 77 6F 72 6C 64 21 0D          Hello world!.",
            ),
            (
                b"Hello world! and more",
                16,
                " 48 65 6C 6C 6F 20 77 6F 72 6C 64 21 20 61 6E 64 Hello world! and",
            ),
            (
                b"abc",
                2,
                " 61 62                                           ab",
            ),
            (b"", 16, ""),
        ] {
            assert_eq!(dump(body, most), expected);
        }
        let two = dump(b"0123456789abcdef\xff", 20);
        let lines: Vec<&str> = two.lines().collect();
        assert_eq!(
            lines[0],
            " 30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66 0123456789abcdef"
        );
        assert_eq!(lines[1], format!("00000010 FF {}.", " ".repeat(45)));
    }
}
