//! Where in the files lines of a hash are: hashes with line numbers, sorted. Long lists are sorted in runs, then merged.

use std::{cmp::Reverse, collections::BinaryHeap, io};

use super::pairs::{MEMORY_MAX, Pair, Pairs, Writer};

/// Collects hashes.
#[derive(Debug)]
pub(super) struct Builder {
    run: Vec<Pair>,
    run_max: usize,
    runs: Vec<Pairs>,
}

impl Default for Builder {
    fn default() -> Self {
        Self::with_run(MEMORY_MAX)
    }
}

impl Builder {
    /// With at most so many lines in memory.
    pub(super) fn with_run(run_max: usize) -> Self {
        Self {
            run: Vec::new(),
            run_max,
            runs: Vec::new(),
        }
    }

    /// Adds a line; their numbers grow.
    pub(super) fn add(&mut self, hash: u64, line: u64) -> io::Result<()> {
        self.run.push((hash, line));
        if self.run.len() == self.run_max {
            self.end_run()?;
        }
        Ok(())
    }

    fn end_run(&mut self) -> io::Result<()> {
        self.run.sort_unstable();
        self.runs.push(Pairs::in_file(&self.run)?);
        self.run.clear();
        Ok(())
    }

    /// The index.
    pub(super) fn finish(mut self) -> io::Result<Index> {
        if self.runs.is_empty() {
            self.run.sort_unstable();
            return Ok(Index {
                pairs: Pairs::in_memory(self.run),
            });
        }
        self.end_run()?;
        self.run = Vec::new();
        Ok(Index {
            pairs: merge(self.runs)?,
        })
    }
}

/// One sorted list of several.
fn merge(mut runs: Vec<Pairs>) -> io::Result<Pairs> {
    let mut merged = Writer::in_file()?;
    let mut heads = BinaryHeap::new();
    for (number, run) in runs.iter_mut().enumerate() {
        if let Some(pair) = run.get(0)? {
            heads.push(Reverse((pair, number, 0)));
        }
    }
    while let Some(Reverse((pair, number, place))) = heads.pop() {
        merged.push(pair)?;
        if let Some(next) = runs[number].get(place + 1)? {
            heads.push(Reverse((next, number, place + 1)));
        }
    }
    merged.finish()
}

/// Finds lines by hash.
#[derive(Debug)]
pub(super) struct Index {
    pairs: Pairs,
}

impl Index {
    /// The first line of that hash from `line` on.
    pub(super) fn at_or_behind(&mut self, hash: u64, line: u64) -> io::Result<Option<u64>> {
        let place = self.place(hash, line)?;
        self.line_at(place, hash)
    }

    /// The last line of that hash before `line`.
    pub(super) fn before(&mut self, hash: u64, line: u64) -> io::Result<Option<u64>> {
        match self.place(hash, line)?.checked_sub(1) {
            Some(place) => self.line_at(place, hash),
            None => Ok(None),
        }
    }

    /// The line of that hash, if there is just one.
    pub(super) fn only(&mut self, hash: u64) -> io::Result<Option<u64>> {
        let place = self.place(hash, 0)?;
        let first = self.line_at(place, hash)?;
        Ok(first.filter(|_| !matches!(self.line_at(place + 1, hash), Ok(Some(_)))))
    }

    fn place(&mut self, hash: u64, line: u64) -> io::Result<u64> {
        let len = self.pairs.len();
        self.pairs
            .partition_point(0, len, |pair| pair < (hash, line))
    }

    fn line_at(&mut self, place: u64, hash: u64) -> io::Result<Option<u64>> {
        let pair = self.pairs.get(place)?;
        Ok(pair
            .filter(|(other, _)| *other == hash)
            .map(|(_, line)| line))
    }
}

#[cfg(test)]
mod tests {
    use super::Builder;

    #[test]
    fn lines_of_a_hash_are_found_over_all_runs() {
        for run_max in [2, 3, 100] {
            let mut builder = Builder::with_run(run_max);
            for (line, hash) in [7, 5, 7, 9, 7, u64::MAX, 0].into_iter().enumerate() {
                builder.add(hash, line as u64).unwrap();
            }
            let mut index = builder.finish().unwrap();
            let mut behind = |hash, line| index.at_or_behind(hash, line).unwrap();
            assert_eq!(behind(7, 0), Some(0));
            assert_eq!(behind(7, 1), Some(2));
            assert_eq!(behind(7, 4), Some(4));
            assert_eq!(behind(7, 5), None);
            assert_eq!(behind(8, 0), None);
            assert_eq!(behind(0, 0), Some(6));
            let mut before = |hash, line| index.before(hash, line).unwrap();
            assert_eq!(before(7, 4), Some(2));
            assert_eq!(before(7, u64::MAX), Some(4));
            assert_eq!(before(7, 0), None);
            assert_eq!(before(u64::MAX, 9), Some(5));
            assert_eq!(index.only(9).unwrap(), Some(3));
            assert_eq!(index.only(7).unwrap(), None);
            assert_eq!(index.only(8).unwrap(), None);
        }
    }
}
