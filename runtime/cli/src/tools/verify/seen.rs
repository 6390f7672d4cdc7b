//! Which lines were seen: one bit a line.

/// A set of lines.
#[derive(Debug)]
pub(super) struct Seen {
    words: Vec<u64>,
    lines: u64,
}

impl Seen {
    /// None of so many lines.
    pub(super) fn none_of(lines: u64) -> Self {
        Self {
            words: vec![0; lines.div_ceil(64) as usize],
            lines,
        }
    }

    /// Whether a line was seen.
    pub(super) fn has(&self, line: u64) -> bool {
        self.words
            .get((line / 64) as usize)
            .is_some_and(|word| word >> (line % 64) & 1 == 1)
    }

    /// Notes a line; false if it was seen before.
    pub(super) fn add(&mut self, line: u64) -> bool {
        let is_new = !self.has(line);
        if let Some(word) = self.words.get_mut((line / 64) as usize) {
            *word |= 1 << (line % 64);
        }
        is_new
    }

    /// Forgets a line.
    pub(super) fn remove(&mut self, line: u64) {
        if let Some(word) = self.words.get_mut((line / 64) as usize) {
            *word &= !(1 << (line % 64));
        }
    }

    /// The first line from `from` on, and before `end`, that was seen, or was not seen, as `wanted` says.
    pub(super) fn next(&self, from: u64, end: u64, wanted: bool) -> Option<u64> {
        let end = end.min(self.lines);
        let mut line = from;
        while line < end {
            let word = self.words[(line / 64) as usize];
            let word = if wanted { word } else { !word };
            let rest = word >> (line % 64);
            if rest != 0 {
                let found = line + u64::from(rest.trailing_zeros());
                return (found < end).then_some(found);
            }
            line = (line / 64 + 1) * 64;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Seen;

    #[test]
    fn gaps_are_found() {
        let mut seen = Seen::none_of(200);
        for line in (0..70).chain(130..200) {
            assert!(seen.add(line));
        }
        assert!(!seen.add(3));
        seen.remove(3);
        assert!(seen.add(3));
        assert_eq!(seen.next(0, 200, false), Some(70));
        assert_eq!(seen.next(70, 200, true), Some(130));
        assert_eq!(seen.next(130, 200, false), None);
        assert_eq!(seen.next(0, 70, false), None);
        assert_eq!(seen.next(80, 130, true), None);
        assert!(seen.has(69) && !seen.has(70) && !seen.has(1000));
    }
}
