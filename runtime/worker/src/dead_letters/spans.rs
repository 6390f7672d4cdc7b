//! Sets of offsets as spans, as the journal keeps them.

use std::collections::BTreeMap;

/// Offsets as spans that do not touch, both ends included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Spans {
    by_first: BTreeMap<i64, i64>,
}

impl Spans {
    /// Adds a span.
    pub(super) fn add(&mut self, first: i64, last: i64) {
        let (mut first, mut last) = (first, last);
        let before = self.by_first.range(..=first).next_back();
        if let Some((&other, &end)) = before
            && end >= first.saturating_sub(1)
        {
            first = other;
            last = last.max(end);
        }
        while let Some((&next, &end)) = self.by_first.range(first..=last.saturating_add(1)).next() {
            self.by_first.remove(&next);
            last = last.max(end);
        }
        self.by_first.insert(first, last);
    }

    /// Whether an offset is in it.
    pub(super) fn has(&self, offset: i64) -> bool {
        let before = self.by_first.range(..=offset).next_back();
        before.is_some_and(|(_, &last)| last >= offset)
    }

    /// The spans, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, i64)> {
        self.by_first.iter().map(|(&first, &last)| (first, last))
    }

    /// How many offsets are in it.
    pub(super) fn count(&self) -> i64 {
        self.iter().map(|(first, last)| last - first + 1).sum()
    }
}

impl FromIterator<i64> for Spans {
    fn from_iter<I: IntoIterator<Item = i64>>(offsets: I) -> Self {
        let mut spans = Self::default();
        for offset in offsets {
            spans.add(offset, offset);
        }
        spans
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::Spans;

    proptest! {
        #[test]
        fn spans_hold_what_was_added_and_do_not_touch(
            added in proptest::collection::vec((0_i64..60, 0_i64..6), 0..20),
        ) {
            let mut spans = Spans::default();
            let mut expected = BTreeSet::new();
            for (first, more) in added {
                spans.add(first, first + more);
                expected.extend(first..=first + more);
            }
            for offset in 0..70 {
                prop_assert_eq!(spans.has(offset), expected.contains(&offset));
            }
            prop_assert_eq!(spans.count(), i64::try_from(expected.len()).unwrap());
            let all: Vec<(i64, i64)> = spans.iter().collect();
            prop_assert!(all.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
        }
    }
}
