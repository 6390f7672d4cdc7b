//! What was found, for people and for scripts.

use std::{
    fmt::Write as _,
    io,
    ops::{Range, RangeInclusive},
};

use serde_json::{Value, json};

use super::{
    findings::{Misplaced, Unknown},
    trace::Tracer,
};

/// Lines of a file that are nowhere in the topic.
#[derive(Debug)]
struct Missing {
    lines: Range<u64>,
}

/// A verdict with its reasons.
#[derive(Debug)]
pub(super) struct Report<'a> {
    topic: &'a str,
    partitions: usize,
    tracer: Tracer,
    missing: Vec<Missing>,
    /// How many lines are missing, of each file.
    missing_lines: Vec<u64>,
    /// Last lines without an end that are not in the topic yet.
    unended: Vec<usize>,
    at_least_once: bool,
    kept_max: usize,
}

/// How many lines are missing by now; a last line without an end may still be written.
pub(super) fn missing_lines(tracer: &Tracer) -> u64 {
    let files = &tracer.files.files;
    files
        .iter()
        .map(|file| {
            gaps(tracer, file_lines(file))
                .map(|gap| gap.end - gap.start)
                .sum::<u64>()
        })
        .sum()
}

/// The lines of a file that must be in the topic.
fn file_lines(file: &super::files::Lines) -> Range<u64> {
    file.lines.start..file.lines.end - u64::from(file.is_unended)
}

fn gaps(tracer: &Tracer, lines: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
    let mut from = lines.start;
    std::iter::from_fn(move || {
        let start = tracer.seen.next(from, lines.end, false)?;
        from = tracer
            .seen
            .next(start, lines.end, true)
            .unwrap_or(lines.end);
        Some(start..from)
    })
}

impl<'a> Report<'a> {
    /// Looks for what is missing, and keeps the first findings.
    pub(super) fn new(
        topic: &'a str,
        partitions: usize,
        tracer: Tracer,
        at_least_once: bool,
        kept_max: usize,
    ) -> Self {
        let (mut missing, mut missing_lines, mut unended) = (Vec::new(), Vec::new(), Vec::new());
        for (number, file) in tracer.files.files.iter().enumerate() {
            let mut count = 0;
            for lines in gaps(&tracer, file_lines(file)) {
                count += lines.end - lines.start;
                if missing.len() < kept_max {
                    missing.push(Missing { lines });
                }
            }
            missing_lines.push(count);
            if file.is_unended && !tracer.seen.has(file.lines.end - 1) {
                unended.push(number);
            }
        }
        Self {
            topic,
            partitions,
            tracer,
            missing,
            missing_lines,
            unended,
            at_least_once,
            kept_max,
        }
    }

    fn missing_count(&self) -> u64 {
        self.missing_lines.iter().sum()
    }

    /// Whether the topic holds each line once and in order, or at least once where that is enough.
    pub(super) fn holds(&self) -> bool {
        let repeated = self.tracer.doubled.count + self.tracer.disordered.count;
        self.missing_count() == 0
            && self.tracer.unknown.count == 0
            && (self.at_least_once || repeated == 0)
    }

    /// The verdict in a line.
    pub(super) fn verdict(&self) -> String {
        let tracer = &self.tracer;
        let (lines, files) = (tracer.files.table.len(), tracer.files.files.len());
        if self.holds() {
            let how = if self.at_least_once {
                "at least once"
            } else {
                "once and in order"
            };
            return format!(
                "{} holds each of {lines} lines of {files} files {how}, in {} records of {} partitions",
                self.topic, tracer.records, self.partitions
            );
        }
        format!(
            "{} does not hold what the files hold: of {lines} lines of {files} files {} are missing, {} doubled, {} out of order; {} of {} records are no line of them",
            self.topic,
            self.missing_count(),
            tracer.doubled.count,
            tracer.disordered.count,
            tracer.unknown.count,
            tracer.records
        )
    }

    /// Everything that was found, a line each, then that the topic holds the files, if it does.
    pub(super) fn text(&mut self) -> io::Result<String> {
        let mut text = String::new();
        for missing in std::mem::take(&mut self.missing) {
            let place = self.place(missing.lines.clone())?;
            writeln!(text, "missing       {place}").unwrap_or_default();
            self.missing.push(missing);
        }
        for (what, found) in [
            ("doubled      ", self.tracer.doubled.kept.clone()),
            ("out of order ", self.tracer.disordered.kept.clone()),
        ] {
            for run in found {
                let place = self.place(run.first_line..run.first_line + run.lines)?;
                let topic = self.topic;
                let (partition, first, last) = (run.partition, run.first_offset, run.last_offset);
                writeln!(
                    text,
                    "{what} {place}: {topic}-{partition} offsets {first} to {last}"
                )
                .unwrap_or_default();
            }
        }
        for run in &self.tracer.unknown.kept {
            let begins = run
                .begins
                .as_ref()
                .map_or_else(|| "no value".to_owned(), |value| format!("{value:?}"));
            let (topic, partition) = (self.topic, run.partition);
            let (first, last) = (run.first_offset, run.last_offset);
            writeln!(
                text,
                "unknown       {topic}-{partition} offsets {first} to {last}: {begins}"
            )
            .unwrap_or_default();
        }
        if let Some(more) = self.left_out() {
            writeln!(text, "and {more} more; --max-findings shows more").unwrap_or_default();
        }
        for file in &self.unended {
            let path = self.tracer.files.files[*file].path.display();
            writeln!(
                text,
                "note          the last line of {path} has no end and is not in the topic"
            )
            .unwrap_or_default();
        }
        // Otherwise it is the error.
        if self.holds() {
            writeln!(text, "{}", self.verdict()).unwrap_or_default();
        }
        Ok(text)
    }

    /// Findings that are counted and not shown.
    fn left_out(&self) -> Option<u64> {
        let missing = self.tracer.files.files.iter();
        let missing: usize = missing
            .map(|file| gaps(&self.tracer, file_lines(file)).count())
            .sum();
        let tracer = &self.tracer;
        let all = [
            missing as u64,
            tracer.doubled.runs,
            tracer.disordered.runs,
            tracer.unknown.runs,
        ];
        let left = all
            .iter()
            .map(|runs| runs.saturating_sub(self.kept_max as u64));
        Some(left.sum::<u64>()).filter(|left| *left > 0)
    }

    /// Lines of a file, counted from 1, with their bytes, counted from 0; both ends are of it.
    fn place(&mut self, lines: Range<u64>) -> io::Result<String> {
        let (file, lines, bytes) = self.place_in_file(&lines)?;
        let path = self.tracer.files.files[file].path.display();
        Ok(format!(
            "{path} lines {} to {}, bytes {} to {}",
            lines.start(),
            lines.end(),
            bytes.start(),
            bytes.end()
        ))
    }

    /// The file, and which of its lines and bytes these are.
    fn place_in_file(
        &mut self,
        lines: &Range<u64>,
    ) -> io::Result<(usize, RangeInclusive<u64>, RangeInclusive<u64>)> {
        let files = &mut self.tracer.files;
        let file = files.of_line(lines.start);
        let start = files.table.get(lines.start)?.map_or(0, |(_, start)| start);
        let end = files.end_of(lines.end - 1)?;
        let base = files.files[file].lines.start;
        Ok((
            file,
            lines.start - base + 1..=lines.end - base,
            start..=end.saturating_sub(1).max(start),
        ))
    }

    /// The same as one document.
    pub(super) fn document(&mut self) -> io::Result<Value> {
        let mut missing = Vec::new();
        for range in self
            .missing
            .iter()
            .map(|missing| missing.lines.clone())
            .collect::<Vec<_>>()
        {
            missing.push(Value::Object(self.place_document(range)?));
        }
        let doubled = self.misplaced(&self.tracer.doubled.kept.clone())?;
        let disordered = self.misplaced(&self.tracer.disordered.kept.clone())?;
        let unknown: Vec<Value> = self.tracer.unknown.kept.iter().map(unknown).collect();
        let tracer = &self.tracer;
        let files = tracer.files.files.iter().zip(&self.missing_lines);
        let files = files.enumerate().map(|(number, (file, missing))| {
            json!({
                "file": file.path.to_string_lossy(),
                "lines": file.lines.end - file.lines.start,
                "bytes": file.bytes,
                "missing": missing,
                "unendedLineMissing": self.unended.contains(&number),
            })
        });
        Ok(json!({
            "topic": self.topic,
            "partitions": self.partitions,
            "holds": self.holds(),
            "records": tracer.records,
            "lines": tracer.files.table.len(),
            "missingLines": self.missing_count(),
            "doubledLines": tracer.doubled.count,
            "linesOutOfOrder": tracer.disordered.count,
            "unknownRecords": tracer.unknown.count,
            "findingsLeftOut": self.left_out().unwrap_or(0),
            "files": files.collect::<Vec<_>>(),
            "missing": missing,
            "doubled": doubled,
            "outOfOrder": disordered,
            "unknown": unknown,
        }))
    }

    fn place_document(&mut self, lines: Range<u64>) -> io::Result<serde_json::Map<String, Value>> {
        let (file, lines, bytes) = self.place_in_file(&lines)?;
        let path = self.tracer.files.files[file].path.to_string_lossy();
        let members = [
            ("file", json!(path)),
            ("firstLine", json!(lines.start())),
            ("lastLine", json!(lines.end())),
            ("firstByte", json!(bytes.start())),
            ("lastByte", json!(bytes.end())),
        ];
        Ok(members
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect())
    }

    fn misplaced(&mut self, runs: &[Misplaced]) -> io::Result<Vec<Value>> {
        let mut documents = Vec::new();
        for run in runs {
            let lines = run.first_line..run.first_line + run.lines;
            let mut document = self.place_document(lines)?;
            document.insert("partition".to_owned(), json!(run.partition));
            document.insert("firstOffset".to_owned(), json!(run.first_offset));
            document.insert("lastOffset".to_owned(), json!(run.last_offset));
            documents.push(Value::Object(document));
        }
        Ok(documents)
    }
}

fn unknown(run: &Unknown) -> Value {
    json!({
        "records": run.records,
        "partition": run.partition,
        "firstOffset": run.first_offset,
        "lastOffset": run.last_offset,
        "begins": run.begins,
    })
}
