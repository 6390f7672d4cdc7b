//! What is not as it should be: neighbours are one finding, and of many findings the first are kept and all are counted.

/// Lines that stand in the topic where they should not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misplaced {
    /// The first of the lines.
    pub(super) first_line: u64,
    /// How many.
    pub(super) lines: u64,
    pub(super) partition: i32,
    pub(super) first_offset: i64,
    pub(super) last_offset: i64,
}

/// Records that are of no line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unknown {
    pub(super) records: u64,
    pub(super) partition: i32,
    pub(super) first_offset: i64,
    pub(super) last_offset: i64,
    /// How the first of them begins; none for a record without a value.
    pub(super) begins: Option<String>,
}

/// Findings of one kind.
#[derive(Debug)]
pub(super) struct Findings<T> {
    /// How many lines or records, all findings together.
    pub(super) count: u64,
    /// How many findings.
    pub(super) runs: u64,
    /// The first of them.
    pub(super) kept: Vec<T>,
    /// The one that may still grow.
    last: Option<T>,
    kept_max: usize,
}

impl<T: Clone> Findings<T> {
    /// None yet; at most so many are kept.
    pub(super) fn new(kept_max: usize) -> Self {
        Self {
            count: 0,
            runs: 0,
            kept: Vec::new(),
            last: None,
            kept_max,
        }
    }

    fn add(&mut self, count: u64, grow: impl FnOnce(&mut T) -> bool, begin: impl FnOnce() -> T) {
        self.count += count;
        if let Some(last) = &mut self.last
            && grow(last)
        {
            let is_kept = self.runs <= self.kept_max as u64;
            if let Some(kept) = self.kept.last_mut().filter(|_| is_kept) {
                kept.clone_from(last);
            }
            return;
        }
        let begun = begin();
        self.runs += 1;
        if self.kept.len() < self.kept_max {
            self.kept.push(begun.clone());
        }
        self.last = Some(begun);
    }
}

impl Findings<Misplaced> {
    /// A line, of a record; `is_first` of its file.
    pub(super) fn line(&mut self, line: u64, is_first: bool, partition: i32, offset: i64) {
        let grow = |last: &mut Misplaced| {
            let follows = !is_first
                && last.partition == partition
                && last.first_line + last.lines == line
                && last.last_offset <= offset;
            if follows {
                last.lines += 1;
                last.last_offset = offset;
            }
            follows
        };
        self.add(1, grow, || Misplaced {
            first_line: line,
            lines: 1,
            partition,
            first_offset: offset,
            last_offset: offset,
        });
    }
}

impl Findings<Unknown> {
    /// A record, and the one that should have followed the last.
    pub(super) fn record(&mut self, partition: i32, offset: i64, value: Option<&[u8]>) {
        let grow = |last: &mut Unknown| {
            let follows = last.partition == partition && last.last_offset + 1 == offset;
            if follows {
                last.records += 1;
                last.last_offset = offset;
            }
            follows
        };
        self.add(1, grow, || Unknown {
            records: 1,
            partition,
            first_offset: offset,
            last_offset: offset,
            begins: value.map(beginning),
        });
    }
}

/// Enough of a value to know it again.
fn beginning(value: &[u8]) -> String {
    /// Characters of it.
    const SHOWN: usize = 60;
    let text = String::from_utf8_lossy(&value[..value.len().min(SHOWN * 4)]);
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < value.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::{Findings, Misplaced, Unknown};

    #[test]
    fn neighbours_are_one_finding_and_the_first_are_kept() {
        let mut findings = Findings::<Misplaced>::new(2);
        for (line, offset) in [(5, 10), (6, 12), (7, 13), (9, 14), (20, 15), (21, 16)] {
            findings.line(line, line == 21, 0, offset);
        }
        assert_eq!((findings.count, findings.runs), (6, 4));
        let kept: Vec<_> = findings
            .kept
            .iter()
            .map(|run| (run.first_line, run.lines, run.first_offset, run.last_offset))
            .collect();
        assert_eq!(kept, [(5, 3, 10, 13), (9, 1, 14, 14)]);
    }

    #[test]
    fn records_of_no_line_are_shown_by_their_beginning() {
        let mut findings = Findings::<Unknown>::new(5);
        findings.record(1, 3, Some("ä".repeat(100).as_bytes()));
        findings.record(1, 4, None);
        findings.record(2, 5, None);
        assert_eq!((findings.count, findings.runs), (3, 2));
        assert_eq!(
            findings.kept[0].begins,
            Some(format!("{}…", "ä".repeat(60)))
        );
        assert_eq!(findings.kept[1].begins, None);
    }
}
