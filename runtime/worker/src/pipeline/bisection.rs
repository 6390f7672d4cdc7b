//! The search, by halves, for the records that a sink refuses in a batch which it refuses as a whole.
//!
//! The search says what to try next and is told what came of it. It goes from the first record to the last, so that
//! the order of those that go through is kept and all in front of [`Bisection::done`] is decided at any time. A bad
//! record among n costs at most about 2 log2 n tries.

use std::ops::Range;

use millrace_api::ConnectError;

/// What to do next.
#[derive(Debug)]
pub(crate) enum Step {
    /// Give the sink these records.
    Try(Range<usize>),
    /// The sink refuses this record alone.
    Refused(usize, ConnectError),
    /// All records are decided.
    Done,
}

/// Records that are not yet decided.
#[derive(Debug)]
struct Part {
    rows: Range<usize>,
    /// What is known of them.
    known: Known,
    /// Whether the part behind this one is its other half, and is bad if this one is good.
    is_first_half: bool,
}

#[derive(Debug)]
enum Known {
    Nothing,
    /// One of them is bad, because the other half was good.
    Bad,
    /// They were refused.
    Refused(ConnectError),
}

/// The search.
#[derive(Debug)]
pub(crate) struct Bisection {
    /// The next ones last.
    parts: Vec<Part>,
    tried: Option<Part>,
    done: usize,
}

impl Bisection {
    /// A batch of `len` records was refused with `error`.
    pub(crate) fn new(len: usize, error: ConnectError) -> Self {
        let all = Part {
            rows: 0..len,
            known: Known::Refused(error),
            is_first_half: false,
        };
        Self {
            parts: vec![all],
            tried: None,
            done: 0,
        }
    }

    /// What to do next. What was tried before is to be answered first.
    pub(crate) fn next(&mut self) -> Step {
        while let Some(part) = self.parts.pop() {
            match (part.known, part.rows.len()) {
                (Known::Refused(error), 1) => {
                    self.done = part.rows.end;
                    return Step::Refused(part.rows.start, error);
                }
                (Known::Bad | Known::Refused(_), 2..) => self.split(&part.rows),
                (known, 1..) => {
                    let rows = part.rows.clone();
                    self.tried = Some(Part { known, ..part });
                    return Step::Try(rows);
                }
                (_, 0) => {}
            }
        }
        Step::Done
    }

    fn split(&mut self, rows: &Range<usize>) {
        let middle = rows.start + rows.len() / 2;
        let half = |rows, is_first_half| Part {
            rows,
            known: Known::Nothing,
            is_first_half,
        };
        self.parts.push(half(middle..rows.end, false));
        self.parts.push(half(rows.start..middle, true));
    }

    /// The sink has taken what was tried.
    pub(crate) fn taken(&mut self) {
        let Some(part) = self.tried.take() else {
            return;
        };
        self.done = part.rows.end;
        if let (true, Some(other)) = (part.is_first_half, self.parts.last_mut()) {
            other.known = Known::Bad;
        }
    }

    /// The sink has refused what was tried.
    pub(crate) fn refused(&mut self, error: ConnectError) {
        if let Some(part) = self.tried.take() {
            let known = Known::Refused(error);
            self.parts.push(Part { known, ..part });
        }
    }

    /// So many records, from the first on, are decided.
    pub(crate) fn done(&self) -> usize {
        self.done
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Plays a sink that refuses what has a bad record; returns the delivered, the refused, and the number of tries.
    fn play(len: usize, bad: &BTreeSet<usize>) -> (Vec<usize>, Vec<usize>, usize) {
        let mut search = Bisection::new(len, ConnectError::data("batch"));
        let (mut delivered, mut refused, mut tries) = (Vec::new(), Vec::new(), 0);
        loop {
            match search.next() {
                Step::Try(rows) => {
                    tries += 1;
                    assert!(rows.start >= search.done());
                    if bad.range(rows.clone()).next().is_some() {
                        search.refused(ConnectError::data(format!("{rows:?}")));
                    } else {
                        delivered.extend(rows);
                        search.taken();
                    }
                }
                Step::Refused(row, error) => {
                    assert!(len == 1 || error.to_string() == format!("{:?}", row..row + 1));
                    refused.push(row);
                }
                Step::Done => {
                    assert_eq!(search.done(), len);
                    return (delivered, refused, tries);
                }
            }
        }
    }

    #[test]
    fn three_bad_records_of_500_cost_few_tries() {
        let (delivered, refused, tries) = play(500, &BTreeSet::from([3, 250, 499]));
        assert_eq!((delivered.len(), refused), (497, vec![3, 250, 499]));
        assert!(tries <= 3 * 2 * 9, "{tries}");
    }

    #[test]
    fn a_batch_of_one_is_not_tried_again() {
        assert_eq!(play(1, &BTreeSet::from([0])), (vec![], vec![0], 0));
    }

    #[test]
    fn halves_that_are_good_alone_are_delivered() {
        let (delivered, refused, tries) = play(2, &BTreeSet::new());
        assert_eq!((delivered, refused, tries), (vec![0, 1], vec![], 2));
    }

    proptest! {
        #[test]
        fn every_record_is_decided_once_and_in_order(
            len in 1_usize..700,
            bad in proptest::collection::btree_set(0_usize..700, 0..40),
        ) {
            let bad: BTreeSet<usize> = bad.range(..len).copied().collect();
            prop_assume!(len > 1 || !bad.is_empty());
            let (delivered, refused, tries) = play(len, &bad);
            let good: Vec<usize> = (0..len).filter(|row| !bad.contains(row)).collect();
            prop_assert_eq!(delivered, good);
            prop_assert_eq!(&refused, &bad.iter().copied().collect::<Vec<_>>());
            let levels = usize::try_from(len.ilog2()).unwrap() + 2;
            prop_assert!(tries <= (refused.len() + 1) * 2 * levels, "{} tries", tries);
        }
    }
}
