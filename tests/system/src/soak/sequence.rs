//! Numbered lines on their way through: nothing may be missing, order must hold, and what comes twice is counted.

/// What a log of numbered lines showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sequence {
    /// Lines that are there at least once.
    pub distinct: u64,
    /// Lines that had been there before.
    pub repeated: u64,
}

/// Reads the number each line starts with. After a restart lines may begin again at an earlier number, but never
/// at a later one than the next: that would be a line lost or out of order.
///
/// # Panics
/// Names the first line that is out of place, in `what`.
pub fn check<'a>(what: &str, lines: impl Iterator<Item = &'a [u8]>) -> Sequence {
    let mut sequence = Sequence {
        distinct: 0,
        repeated: 0,
    };
    let mut last = None;
    for (position, line) in lines.enumerate() {
        let number = number(line).unwrap_or_else(|| {
            panic!(
                "{what}: line {position} is damaged: {}",
                String::from_utf8_lossy(line)
            )
        });
        let next = sequence.distinct;
        assert!(
            number <= next,
            "{what}: line {position} is number {number}, but {next} was not there before it"
        );
        // Going back is a restart; from there on, each number follows the last.
        let follows = last.is_none_or(|last| number == last + 1);
        assert!(
            follows || number < next,
            "{what}: line {position} jumps from {last:?} to {number}"
        );
        if number == next {
            sequence.distinct += 1;
        } else {
            sequence.repeated += 1;
        }
        last = Some(number);
    }
    sequence
}

fn number(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b' ').next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Sequence, check};

    fn of(numbers: &[u64]) -> Sequence {
        let lines: Vec<String> = numbers
            .iter()
            .map(|number| format!("{number:012} x"))
            .collect();
        check("test", lines.iter().map(String::as_bytes))
    }

    #[test]
    fn repeats_are_counted() {
        assert_eq!(
            of(&[0, 1, 2, 1, 2, 3]),
            Sequence {
                distinct: 4,
                repeated: 2
            }
        );
    }

    #[test]
    #[should_panic(expected = "number 3, but 2 was not there")]
    fn a_gap_is_named() {
        of(&[0, 1, 3]);
    }
}
