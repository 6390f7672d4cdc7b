//! Finds where records of a file end: at a line end, which in CSV may stand inside of quotes.

use memchr::{memchr, memchr2};

/// Looks for line ends, and remembers what it has looked at.
#[derive(Debug, Clone)]
pub(crate) struct Cutter {
    /// What separates fields, where they may be quoted.
    separator: Option<u8>,
    is_quoted: bool,
    /// Behind the last closing quote, where another one would go on with the field.
    closed: Option<usize>,
    /// Bytes of the record that were looked at.
    scanned: usize,
}

impl Cutter {
    /// For lines, or for rows whose fields have that separator.
    pub(crate) fn new(separator: Option<u8>) -> Self {
        Self {
            separator,
            is_quoted: false,
            closed: None,
            scanned: 0,
        }
    }

    /// The length of the record that `bytes` begin with, its line end included; none if it is not whole. The next call
    /// may give more bytes of the same record.
    pub(crate) fn cut(&mut self, bytes: &[u8]) -> Option<usize> {
        while let Some(rest) = bytes.get(self.scanned..) {
            let found = match (self.separator, self.is_quoted) {
                (None, _) => memchr(b'\n', rest),
                (Some(_), false) => memchr2(b'"', b'\n', rest),
                (Some(_), true) => memchr(b'"', rest),
            };
            let Some(found) = found else { break };
            let at = self.scanned + found;
            self.scanned = at + 1;
            if bytes[at] == b'\n' {
                let len = self.scanned;
                self.end();
                return Some(len);
            }
            if self.is_quoted {
                self.closed = Some(self.scanned);
                self.is_quoted = false;
            } else {
                // Elsewhere than at its beginning, a quote is a character of the field like others.
                let is_first = at == 0 || Some(bytes[at - 1]) == self.separator;
                self.is_quoted = is_first || self.closed == Some(at);
            }
        }
        self.scanned = bytes.len();
        None
    }

    /// The bytes that were looked at are dropped, as part of a record that is too long.
    pub(crate) fn forget(&mut self) {
        self.scanned = 0;
        self.closed = None;
    }

    /// The record has ended with the file.
    pub(crate) fn end(&mut self) {
        self.forget();
        self.is_quoted = false;
    }
}

#[cfg(test)]
mod tests {
    use super::Cutter;

    /// Cuts bytes that come piece by piece.
    fn cut(text: &str, separator: Option<u8>, step: usize) -> Vec<String> {
        let mut cutter = Cutter::new(separator);
        let (mut records, mut begin) = (Vec::new(), 0);
        for end in (0..=text.len()).step_by(step).chain([text.len()]) {
            while let Some(len) = cutter.cut(&text.as_bytes()[begin..end]) {
                records.push(text[begin..begin + len].to_owned());
                begin += len;
            }
        }
        records.push(text[begin..].to_owned());
        records
    }

    #[test]
    fn records_end_at_line_ends_outside_of_quotes() {
        let text = "a,\"b\nc\"\"\n\",d\n\n\"e\"\nrest";
        for step in [1, 2, 5, 100] {
            assert_eq!(
                cut(text, Some(b','), step),
                ["a,\"b\nc\"\"\n\",d\n", "\n", "\"e\"\n", "rest"]
            );
            assert_eq!(cut(text, None, step).len(), 6);
            let inches = "3\" pipe,x\"\"y\n\"a\"\n";
            assert_eq!(
                cut(inches, Some(b','), step),
                ["3\" pipe,x\"\"y\n", "\"a\"\n", ""]
            );
        }
    }
}
