//! What the records of a test hold.

use std::path::Path;

use crate::{plan::read_text, tools::run::Usage};

/// Bytes of random letters that records are ranges of; larger than what a codec looks back over.
const POOL_BYTES: usize = 4 << 20;
/// The range of letters.
const LETTERS: u64 = 26;

/// Where the values of records come from.
#[derive(Debug)]
pub(super) enum Payload {
    /// Ranges of random letters, all of one size.
    Random {
        pool: Vec<u8>,
        size: usize,
        random: Random,
    },
    /// Texts of a file, at random.
    Texts { texts: Vec<Vec<u8>>, random: Random },
    /// The record's number.
    Number(Vec<u8>),
}

impl Payload {
    /// Random letters, so many a record.
    pub(super) fn random(size: usize) -> Self {
        let mut random = Random::default();
        let pool = (0..POOL_BYTES + size)
            .map(|_| b'A' + u8::try_from(random.below(LETTERS)).unwrap_or_default())
            .collect();
        Self::Random { pool, size, random }
    }

    /// The parts of a file between delimiters.
    ///
    /// # Errors
    /// A file that cannot be read, or is empty.
    pub(super) fn texts(path: &Path, delimiter: &str) -> Result<Self, Usage> {
        let text = read_text(path).map_err(|problem| Usage::new(problem.to_string()))?;
        let delimiter = delimiter.replace("\\n", "\n").replace("\\t", "\t");
        let mut texts: Vec<Vec<u8>> = text
            .split(&*delimiter)
            .map(|text| text.as_bytes().to_vec())
            .collect();
        if texts.last().is_some_and(Vec::is_empty) {
            texts.pop();
        }
        if texts.is_empty() {
            return Err(Usage::new(format!("{}: holds no payloads", path.display())));
        }
        Ok(Self::Texts {
            texts,
            random: Random::default(),
        })
    }

    pub(super) fn numbers() -> Self {
        Self::Number(Vec::new())
    }

    /// The value of record `number`.
    pub(super) fn next(&mut self, number: u64) -> &[u8] {
        match self {
            Self::Random { pool, size, random } => {
                let start = usize::try_from(random.below(POOL_BYTES as u64)).unwrap_or_default();
                &pool[start..start + *size]
            }
            Self::Texts { texts, random } => {
                let index = usize::try_from(random.below(texts.len() as u64)).unwrap_or_default();
                &texts[index]
            }
            Self::Number(text) => {
                *text = number.to_string().into_bytes();
                text
            }
        }
    }
}

/// Numbers that look random, the same in every run (xorshift).
#[derive(Debug)]
pub(super) struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::Payload;

    #[test]
    fn payloads_have_their_size() {
        let mut payload = Payload::random(100);
        let first = payload.next(0).to_vec();
        assert!(first.len() == 100 && first.iter().all(u8::is_ascii_uppercase));
        assert_ne!(payload.next(1), first);
        assert_eq!(Payload::numbers().next(17), b"17");
        assert!(Payload::random(0).next(0).is_empty());
    }
}
