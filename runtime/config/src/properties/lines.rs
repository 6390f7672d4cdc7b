//! Logical lines: comments and blank lines dropped, continued lines joined, escapes still in place.

/// A line as the grammar sees it, with the number of its first line in the file, from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LogicalLine {
    pub(super) number: usize,
    pub(super) text: String,
}

/// Blanks of the grammar: space, tab and form feed.
pub(super) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{c}')
}

/// Splits a text into its logical lines.
pub(super) fn logical_lines(text: &str) -> Vec<LogicalLine> {
    let mut lines = Vec::new();
    let mut open: Option<LogicalLine> = None;
    for (index, natural) in natural_lines(text).enumerate() {
        let content = natural.trim_start_matches(is_blank);
        let mut line = match open.take() {
            Some(line) => line,
            None if content.is_empty() || content.starts_with(['#', '!']) => continue,
            None => LogicalLine {
                number: index + 1,
                text: String::new(),
            },
        };
        if continues(content) {
            line.text.push_str(&content[..content.len() - 1]);
            open = Some(line);
        } else {
            line.text.push_str(content);
            lines.push(line);
        }
    }
    lines.extend(open);
    lines
}

/// Lines that end in `\n`, `\r` or `\r\n`.
fn natural_lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let current = rest?;
        let Some(end) = current.find(['\n', '\r']) else {
            rest = None;
            return Some(current);
        };
        let ending = if current[end..].starts_with("\r\n") {
            2
        } else {
            1
        };
        rest = Some(&current[end + ending..]);
        Some(&current[..end])
    })
}

/// Whether a line ends in a backslash that is not itself escaped.
fn continues(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}
