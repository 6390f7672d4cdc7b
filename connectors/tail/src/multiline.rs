//! Puts lines together that are one record: stack traces, JSON over several lines. Pure.
//!
//! A group ends where the next one begins, so that the last group of a file waits: for the next line, or for a timeout.
//! A group of JSON ends with its last bracket and waits for nothing.

use memchr::memchr3;
use millrace_api::config::{self, ConfigEnum};
use regex::bytes::Regex;

use crate::encoding::Form;
use crate::lines::Line;

/// How lines are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum Multiline {
    /// Each line is a record.
    #[default]
    None,
    /// A line that matches the pattern begins a record.
    Start,
    /// A line that matches the pattern belongs to the record before it.
    Continuation,
    /// A line that begins with a blank belongs to the record before it.
    Indent,
    /// The lines of a stack trace, as Java and Python write it, belong to the line before it.
    Stacktrace,
    /// A JSON object or array may have several lines.
    Json,
}

/// Lines that belong to the one before: Java's frames, causes and `... 12 more`, and what is indented; Python's header
/// and indented frames. Python's last line, `ValueError: …`, is told by its shape.
const STACKTRACE: &str = r"^(\s|Caused by: |Suppressed: |Traceback \(most recent call last\):|[A-Za-z_][\w.]*(Error|Exception|Warning|Interrupt|Exit)(:|$))";

/// Puts lines together.
#[derive(Debug)]
pub(crate) struct Grouper {
    kind: Kind,
    /// Lines of the longest group.
    lines_max: usize,
    /// Bytes of the longest group.
    bytes_max: usize,
}

#[derive(Debug)]
enum Kind {
    /// These lines begin a group.
    Starts(Regex),
    /// These lines belong to the group before.
    Continues(Regex),
    Json,
}

/// A group that is being put together.
struct Open {
    line: Line,
    lines: usize,
    depth: Depth,
}

impl Grouper {
    /// None where each line is a record.
    ///
    /// # Errors
    /// When the pattern is no regular expression.
    pub(crate) fn new(
        multiline: Multiline,
        pattern: &str,
        lines_max: usize,
        bytes_max: usize,
    ) -> Result<Option<Self>, String> {
        let kind = match multiline {
            Multiline::None => return Ok(None),
            Multiline::Start => Kind::Starts(regex(pattern)?),
            Multiline::Continuation => Kind::Continues(regex(pattern)?),
            Multiline::Indent => Kind::Continues(regex(r"^[ \t]")?),
            Multiline::Stacktrace => Kind::Continues(regex(STACKTRACE)?),
            Multiline::Json => Kind::Json,
        };
        Ok(Some(Self {
            kind,
            lines_max,
            bytes_max,
        }))
    }

    /// Puts `lines` of `bytes`, which are written in `form`, together. With `close` the last group ends too; without, it is taken away if it may go
    /// on, and true is returned: its lines are to be read again.
    pub(crate) fn group(
        &self,
        bytes: &[u8],
        form: Form,
        lines: &mut Vec<Line>,
        close: bool,
    ) -> bool {
        let mut kept = 0;
        let mut open: Option<Open> = None;
        for index in 0..lines.len() {
            let line = lines[index];
            let text = &*form.text(&bytes[line.start..line.end]);
            if let Some(group) = open
                .as_mut()
                .filter(|group| self.belongs(group, line, text))
            {
                group.line.end = line.end;
                group.line.next = line.next;
                group.lines += 1;
                group.depth.add(text);
            } else {
                keep(&mut open, lines, &mut kept);
                let mut depth = Depth::default();
                depth.add(text);
                open = Some(Open {
                    line,
                    lines: 1,
                    depth,
                });
            }
            if matches!(self.kind, Kind::Json)
                && open.as_ref().is_some_and(|group| !group.depth.is_open())
            {
                keep(&mut open, lines, &mut kept);
            }
        }
        let held = open
            .as_ref()
            .is_some_and(|group| !close && !self.is_full(group));
        if !held {
            keep(&mut open, lines, &mut kept);
        }
        lines.truncate(kept);
        held
    }

    fn belongs(&self, group: &Open, line: Line, text: &[u8]) -> bool {
        if self.is_full(group) || line.end - group.line.start > self.bytes_max {
            return false;
        }
        match &self.kind {
            Kind::Starts(pattern) => !pattern.is_match(text),
            Kind::Continues(pattern) => pattern.is_match(text),
            Kind::Json => group.depth.is_open(),
        }
    }

    fn is_full(&self, group: &Open) -> bool {
        group.lines >= self.lines_max || group.line.end - group.line.start >= self.bytes_max
    }
}

/// Ends the group: groups take the places of the lines they were made of.
fn keep(open: &mut Option<Open>, lines: &mut [Line], kept: &mut usize) {
    if let Some(group) = open.take() {
        lines[*kept] = group.line;
        *kept += 1;
    }
}

/// How deep in objects and arrays a JSON text is. Only what begins with a bracket is JSON.
#[derive(Debug, Default)]
struct Depth {
    brackets: u32,
    in_string: bool,
    begun: bool,
}

impl Depth {
    fn is_open(&self) -> bool {
        self.brackets > 0
    }

    fn add(&mut self, text: &[u8]) {
        let is_first = !std::mem::replace(&mut self.begun, true);
        let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
        if is_first && !matches!(first, Some(b'{' | b'[')) {
            return;
        }
        let mut rest = text;
        while let Some(byte) = self.next_mark(&mut rest) {
            match byte {
                b'"' => self.in_string = !self.in_string,
                b'{' | b'[' => self.brackets += 1,
                _ => self.brackets = self.brackets.saturating_sub(1),
            }
        }
    }

    /// The next quote, or bracket outside of strings.
    fn next_mark(&self, rest: &mut &[u8]) -> Option<u8> {
        loop {
            let at = if self.in_string {
                memchr3(b'"', b'\\', b'"', rest)?
            } else {
                rest.iter()
                    .position(|byte| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']'))?
            };
            let byte = rest[at];
            let escaped = usize::from(byte == b'\\');
            *rest = rest.get(at + 1 + escaped..).unwrap_or_default();
            if escaped == 0 {
                return Some(byte);
            }
        }
    }
}

fn regex(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| format!("cannot read the regular expression: {error}"))
}

/// Checks the pattern, for the definition of the keys.
pub(crate) fn check_pattern(_key: &str, value: &config::Value) -> Result<(), String> {
    match value.as_str() {
        Some(pattern) => regex(pattern).map(drop),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::{Cutter, TooLong};

    fn grouped(grouper: &Grouper, text: &str, close: bool) -> (Vec<String>, bool) {
        let cutter = Cutter {
            max: 1000,
            too_long: TooLong::Split,
            form: Form::Utf8,
        };
        let mut lines = Vec::new();
        cutter.cut(text.as_bytes(), close, |line| {
            lines.push(line);
            true
        });
        let held = grouper.group(text.as_bytes(), Form::Utf8, &mut lines, close);
        let groups = lines
            .iter()
            .map(|line| text[line.start..line.end].to_owned());
        (groups.collect(), held)
    }

    fn grouper(multiline: Multiline, pattern: &str) -> Grouper {
        Grouper::new(multiline, pattern, 5, 100).unwrap().unwrap()
    }

    #[test]
    fn a_pattern_begins_or_continues() {
        let text = "1 one\n two\nthree\n2 four\n";
        let starts = grouper(Multiline::Start, "^[0-9]");
        assert_eq!(
            grouped(&starts, text, true).0,
            ["1 one\n two\nthree", "2 four"]
        );
        let indent = grouper(Multiline::Indent, "");
        assert_eq!(
            grouped(&indent, text, true).0,
            ["1 one\n two", "three", "2 four"]
        );
        let continuation = grouper(Multiline::Continuation, "^t");
        assert_eq!(
            grouped(&continuation, text, true).0,
            ["1 one", " two\nthree", "2 four"]
        );
    }

    #[test]
    fn the_last_group_waits() {
        let starts = grouper(Multiline::Start, "^[0-9]");
        assert_eq!(
            grouped(&starts, "1 a\n b\n2 c\n", false),
            (vec!["1 a\n b".to_owned()], true)
        );
        assert_eq!(grouped(&starts, "1 a\n", false), (vec![], true));
        assert_eq!(grouped(&starts, "", false), (vec![], false));
    }

    #[test]
    fn stack_traces() {
        let grouper = Grouper::new(Multiline::Stacktrace, "", 50, 1000)
            .unwrap()
            .unwrap();
        let java = "ERROR it failed\njava.lang.IllegalStateException: no\n\tat a.B.c(B.java:1)\nCaused by: java.io.IOException\n\t... 3 more";
        let python = "ERROR it failed\nTraceback (most recent call last):\n  File \"a.py\", line 1\n    f()\nValueError: no";
        let text = format!("INFO before\n{java}\n{python}\nINFO after\n");
        assert_eq!(
            grouped(&grouper, &text, true).0,
            ["INFO before", java, python, "INFO after"]
        );
    }

    #[test]
    fn json_ends_with_its_last_bracket() {
        let grouper = grouper(Multiline::Json, "");
        let object = "{\n \"a\": \"}\\\"{\",\n \"b\": [1,\n 2]}";
        let text = format!("plain {{\n{object}\n[]\n{{\n");
        assert_eq!(
            grouped(&grouper, &text, false),
            (
                vec!["plain {".to_owned(), object.to_owned(), "[]".to_owned()],
                true
            )
        );
    }

    #[test]
    fn groups_are_bounded() {
        let grouper = grouper(Multiline::Indent, "");
        let (groups, held) = grouped(&grouper, &format!("a\n{}", " b\n".repeat(9)), false);
        assert_eq!(groups, ["a\n b\n b\n b\n b", " b\n b\n b\n b\n b"]);
        assert!(!held, "a full group waits for nothing");
        let long = format!("a\n {}\n {}\n", "x".repeat(60), "y".repeat(60));
        assert_eq!(grouped(&grouper, &long, true).0.len(), 2);
    }
}
