//! One turn of one file: look, read, cut, and add rows to the batch.
//!
//! Before anything is read, length and first bytes tell whether the file was cut and written anew. What was written
//! between that look and the read is at most some microseconds old.

use std::io;
use std::time::Duration;

use millrace_api::{Row, SourceRun, Span, append_utf8_lossy};

use crate::book::{Book, Marks};
use crate::collect::{Collector, Side, Spans};
use crate::encoding::{Encoding, Form};
use crate::headers::Headers;
use crate::identity::HEAD_MAX;
use crate::lines::{Cut, Cutter, Line, TooLong};
use crate::multiline::Grouper;
use crate::open::Source;
use crate::state::{BLOCK, FileState, Plan};
use crate::text::InvalidBytes;

/// What all turns share.
#[derive(Debug)]
pub(crate) struct Reader {
    /// For UTF-8; other files have their own.
    cutter: Cutter,
    encoding: Encoding,
    /// None where each line is a record.
    grouper: Option<Grouper>,
    invalid: InvalidBytes,
    /// Rows of a batch at most.
    rows_max: usize,
    /// Bytes of the file's byte order mark, in its turn.
    mark: usize,
    /// Lines of the turn; kept for its memory.
    lines: Vec<Line>,
}

/// One file in its turn.
pub(crate) struct Turn<'a, S> {
    pub(crate) source: &'a S,
    pub(crate) state: &'a mut FileState,
    pub(crate) book: &'a Book,
    pub(crate) run: &'a SourceRun,
    /// The key of its records.
    pub(crate) key: Option<&'a str>,
    pub(crate) headers: &'a Headers,
    pub(crate) now: Duration,
    pub(crate) flush: Flush,
}

/// What is handed out though it may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Flush {
    #[default]
    Nothing,
    /// A group of lines.
    Group,
    /// The line that has begun, too.
    Line,
}

/// What came of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Outcome {
    /// There may be more to read.
    pub(crate) more: bool,
    /// The file was cut and written anew; nothing was read.
    pub(crate) anew: bool,
    /// Lines cut short because they were too long.
    pub(crate) truncated: u64,
    /// Lines left out because they were too long.
    pub(crate) dropped: u64,
    /// Rows with bytes that are no text.
    pub(crate) repaired: u64,
    /// Records left out for such bytes.
    pub(crate) refused: u64,
}

impl Reader {
    pub(crate) fn new(
        cutter: Cutter,
        encoding: Encoding,
        grouper: Option<Grouper>,
        invalid: InvalidBytes,
        rows_max: usize,
    ) -> Self {
        Self {
            cutter,
            encoding,
            mark: 0,
            grouper,
            invalid,
            rows_max,
            lines: Vec::new(),
        }
    }

    /// Takes a turn: at most one block of the file, and no more rows than the batch may have.
    pub(crate) fn turn(
        &mut self,
        mut turn: Turn<'_, impl Source>,
        out: &mut Collector,
    ) -> io::Result<Outcome> {
        let mut outcome = Outcome::default();
        let mut head = [0; HEAD_MAX];
        let head_len = turn.source.read_at(&mut head, 0)?;
        let head = &head[..head_len];
        let len = turn.source.len()?;
        if turn.state.is_anew(len, turn.book.matches(head)) {
            outcome.anew = true;
            return Ok(outcome);
        }
        turn.state.looked(len, turn.now);
        turn.source.forget_before(turn.state.position());
        (self.cutter.form, self.mark) = self.encoding.of(head);
        match turn.state.plan(len, self.cutter.window()) {
            Plan::Read { at, want } => self.read(&mut turn, at, want, out, &mut outcome)?,
            Plan::FindEnd { at } => self.find_end(&mut turn, at, out, &mut outcome)?,
            Plan::LeaveOut { at } => {
                let (read, end) = search(turn.source, self.cutter.form, at, out)?;
                outcome.more = turn.state.left_out(read, end);
            }
        }
        turn.book.remember(head, turn.state.position());
        Ok(outcome)
    }

    fn read(
        &mut self,
        turn: &mut Turn<'_, impl Source>,
        at: u64,
        want: usize,
        out: &mut Collector,
        outcome: &mut Outcome,
    ) -> io::Result<()> {
        let read = turn.source.read_at(out.room(want), at)?;
        self.lines.clear();
        // A group of more lines than there may be rows would never be whole.
        let most = match self.grouper {
            Some(_) => usize::MAX,
            None => self.rows_max.saturating_sub(out.rows()),
        };
        let lines = &mut self.lines;
        let at_end = read < want;
        let last = at_end && turn.flush == Flush::Line;
        let mut cut = self.cutter.cut(out.read(read), last, |line| {
            lines.push(line);
            lines.len() < most
        });
        self.leave_out_mark(at);
        if let Some(grouper) = &self.grouper {
            // The line that has begun may belong to the group.
            let begun = cut.consumed < read;
            let close =
                at_end && (turn.flush == Flush::Line || turn.flush == Flush::Group && !begun);
            let form = self.cutter.form;
            cut.held = grouper.group(out.read(read), form, &mut self.lines, close);
            if cut.held {
                cut.consumed = self.lines.last().map_or(0, |line| line.next);
                cut.end_is_far = false;
            }
        }
        if cut.consumed > 0 {
            turn.book.remember_last(&out.read(read)[..cut.consumed]);
        }
        self.add_rows(turn, at, cut, out, outcome);
        outcome.truncated = cut.truncated;
        outcome.dropped = cut.dropped;
        outcome.more = turn.state.advanced(read, want, self.cutter.window(), cut);
        Ok(())
    }

    /// Looks for the end of a line that is too long. Once it is found, its beginning is a record, or is left out.
    fn find_end(
        &mut self,
        turn: &mut Turn<'_, impl Source>,
        at: u64,
        out: &mut Collector,
        outcome: &mut Outcome,
    ) -> io::Result<()> {
        let start = turn.state.position();
        let (read, end) = search(turn.source, self.cutter.form, at, out)?;
        outcome.more = turn.state.searched(read, end);
        if end.is_none() {
            if !(turn.flush == Flush::Line && read == 0) {
                return Ok(());
            }
            turn.state.finish_search();
        }
        if self.cutter.too_long == TooLong::Drop {
            outcome.dropped = 1;
            return Ok(());
        }
        let want = self.cutter.window().max(BLOCK);
        let read = turn.source.read_at(out.room(want), start)?;
        self.lines.clear();
        let line = self.cutter.beginning(out.read(read));
        self.lines.push(line);
        let cut = Cut {
            consumed: line.end,
            ..Cut::default()
        };
        let length = turn.state.position() - start;
        self.lines[0].next = usize::try_from(length).unwrap_or(line.end);
        self.leave_out_mark(start);
        self.add_rows(turn, start, cut, out, outcome);
        outcome.truncated = 1;
        Ok(())
    }

    /// The byte order mark at the file's start is no text.
    fn leave_out_mark(&mut self, at: u64) {
        if let Some(first) = self
            .lines
            .first_mut()
            .filter(|line| at == 0 && line.start == 0)
        {
            first.start = self.mark.min(first.end);
        }
    }

    /// Makes a row of each line of what was read at `at`.
    fn add_rows(
        &self,
        turn: &Turn<'_, impl Source>,
        at: u64,
        cut: Cut,
        out: &mut Collector,
        outcome: &mut Outcome,
    ) {
        if self.lines.is_empty() {
            return;
        }
        // The head must be known before the first mark is looked up, which is not before this batch is acknowledged.
        out.begin(turn.run.clone());
        let (spans, marks) = (out.spans(), turn.book.marks());
        let as_it_is =
            self.invalid == InvalidBytes::Keep || self.cutter.form.is_utf8(out.read(cut.consumed));
        if as_it_is && !turn.headers.differ() {
            let shared = shared_columns(turn, out);
            out.extend(
                self.lines
                    .iter()
                    .map(|line| plain_row(line, at, spans, marks, shared)),
            );
            out.keep(cut.consumed);
            return;
        }
        self.add_other_rows(turn, at, cut, out, as_it_is, outcome);
    }

    /// The same where lines have headers of their own, or bytes to be repaired.
    fn add_other_rows(
        &self,
        turn: &Turn<'_, impl Source>,
        at: u64,
        cut: Cut,
        out: &mut Collector,
        as_it_is: bool,
        outcome: &mut Outcome,
    ) {
        let (spans, marks) = (out.spans(), turn.book.marks());
        let shared = shared_columns(turn, out);
        let form = self.cutter.form;
        for line in &self.lines {
            let (bytes, mut side) = out.read_and_side(cut.consumed);
            let mut row = plain_row(line, at, spans, marks, shared);
            let text = &bytes[line.start..line.end];
            if !as_it_is && !form.is_utf8(text) {
                let broken = form.is_broken(text);
                if broken && self.invalid == InvalidBytes::Drop {
                    outcome.refused += 1;
                    continue;
                }
                row.value = self.text(text, &mut side);
                outcome.repaired += u64::from(broken);
            }
            if turn.headers.differ() {
                let offset = at + line.start as u64;
                row.headers = side.append(|bytes| turn.headers.encode(offset, bytes));
            }
            out.extend([row]);
        }
        out.keep(cut.consumed);
    }

    /// Writes a text as UTF-8 that is not.
    fn text(&self, text: &[u8], side: &mut Side<'_>) -> Span {
        let (form, invalid) = (self.cutter.form, self.invalid);
        side.append(|bytes| match (form, invalid) {
            (Form::Utf8, InvalidBytes::Replace) => append_utf8_lossy(text, bytes),
            (Form::Utf8, InvalidBytes::Escape) => crate::text::append_escaped(text, bytes),
            (Form::Utf8, _) => crate::text::append_valid(text, bytes),
            _ => form.append(text, bytes, |part, bytes| invalid.repair(part, bytes)),
        })
    }
}

/// Looks for a line end at `at`: bytes read, and where its last byte is.
fn search(
    source: &impl Source,
    form: Form,
    at: u64,
    out: &mut Collector,
) -> io::Result<(usize, Option<usize>)> {
    let read = source.read_at(out.room(BLOCK), at)?;
    let whole = form.whole(out.read(read));
    Ok((whole.len(), form.line_end(whole)))
}

/// What all rows of a turn share.
#[derive(Debug, Clone, Copy)]
struct Shared {
    key: Span,
    headers: Span,
}

fn shared_columns(turn: &Turn<'_, impl Source>, out: &mut Collector) -> Shared {
    let (_, mut side) = out.read_and_side(0);
    let key = turn.key.map_or(Span::NULL, |key| {
        side.append(|bytes| bytes.extend_from_slice(key.as_bytes()))
    });
    let headers = if turn.headers.is_empty() || turn.headers.differ() {
        Span::EMPTY
    } else {
        side.append(|bytes| turn.headers.encode(0, bytes))
    };
    Shared { key, headers }
}

#[inline]
fn plain_row(line: &Line, at: u64, spans: Spans, marks: Marks, shared: Shared) -> Row {
    Row {
        key: shared.key,
        value: spans.of(line.start, line.end),
        headers: shared.headers,
        timestamp: -1,
        mark: marks.at(at + line.next as u64),
    }
}

#[cfg(test)]
mod tests;
