//! Long lists of pairs of numbers: in memory while they are short, then in a temporary file that has no name, of which
//! blocks are kept in memory.

use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    os::unix::fs::FileExt as _,
};

/// A pair.
pub(super) type Pair = (u64, u64);

/// Bytes of a pair in a file.
const PAIR_BYTES: usize = 16;
/// Pairs of a block: 64 KiB.
const BLOCK: u64 = 4096;
/// Blocks kept in memory: 16 MiB of a list that is searched.
const BLOCKS_KEPT: u64 = 256;
/// The same of one that is read from its first pair to its last.
const BLOCKS_READ: u64 = 1;
/// Pairs kept in memory before a file is used: 64 MiB.
pub(super) const MEMORY_MAX: usize = 4 << 20;

/// A list that is being written.
#[derive(Debug)]
pub(super) struct Writer {
    memory: Vec<Pair>,
    memory_max: usize,
    file: Option<BufWriter<File>>,
    len: u64,
}

impl Writer {
    /// An empty list that keeps so many pairs in memory.
    pub(super) fn new(memory_max: usize) -> Self {
        Self {
            memory: Vec::new(),
            memory_max,
            file: None,
            len: 0,
        }
    }

    /// An empty list that keeps none.
    pub(super) fn in_file() -> io::Result<Self> {
        Ok(Self {
            file: Some(temporary()?),
            ..Self::new(0)
        })
    }

    /// Appends a pair.
    pub(super) fn push(&mut self, pair: Pair) -> io::Result<()> {
        self.len += 1;
        if let Some(file) = &mut self.file {
            return write(file, &[pair]);
        }
        self.memory.push(pair);
        if self.memory.len() > self.memory_max {
            let mut file = temporary()?;
            write(&mut file, &self.memory)?;
            self.memory = Vec::new();
            self.file = Some(file);
        }
        Ok(())
    }

    /// Pairs so far.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The list, to be read.
    pub(super) fn finish(self) -> io::Result<Pairs> {
        match self.file {
            None => Ok(Pairs::in_memory(self.memory)),
            Some(file) => Ok(Pairs {
                place: Place::File(Blocks::new(
                    file.into_inner().map_err(io::IntoInnerError::into_error)?,
                    BLOCKS_KEPT,
                )),
                len: self.len,
            }),
        }
    }
}

fn temporary() -> io::Result<BufWriter<File>> {
    Ok(BufWriter::with_capacity(1 << 18, tempfile::tempfile()?))
}

fn write(file: &mut BufWriter<File>, pairs: &[Pair]) -> io::Result<()> {
    for (first, second) in pairs {
        file.write_all(&first.to_le_bytes())?;
        file.write_all(&second.to_le_bytes())?;
    }
    Ok(())
}

/// A list that is read.
#[derive(Debug)]
pub(super) struct Pairs {
    place: Place,
    len: u64,
}

#[derive(Debug)]
enum Place {
    Memory(Vec<Pair>),
    File(Blocks),
}

impl Pairs {
    /// A list of pairs that are in memory.
    pub(super) fn in_memory(pairs: Vec<Pair>) -> Self {
        Self {
            len: pairs.len() as u64,
            place: Place::Memory(pairs),
        }
    }

    /// The same in a file, to be read in order.
    pub(super) fn in_file(pairs: &[Pair]) -> io::Result<Self> {
        let mut file = temporary()?;
        write(&mut file, pairs)?;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Self {
            place: Place::File(Blocks::new(file, BLOCKS_READ)),
            len: pairs.len() as u64,
        })
    }

    /// How many there are.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The pair at an index; none behind the last.
    pub(super) fn get(&mut self, index: u64) -> io::Result<Option<Pair>> {
        if index >= self.len {
            return Ok(None);
        }
        match &mut self.place {
            Place::Memory(pairs) => Ok(pairs.get(index as usize).copied()),
            Place::File(blocks) => blocks.get(index, self.len).map(Some),
        }
    }

    /// The index of the first pair from `low` to `high` for which `is_before` is no longer true; all for which it is come
    /// first.
    pub(super) fn partition_point(
        &mut self,
        mut low: u64,
        mut high: u64,
        is_before: impl Fn(Pair) -> bool,
    ) -> io::Result<u64> {
        while low < high {
            let middle = low + (high - low) / 2;
            match self.get(middle)? {
                Some(pair) if is_before(pair) => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }
}

/// A file and blocks of it.
#[derive(Debug)]
struct Blocks {
    file: File,
    /// By the block's number modulo their count: which block, and its pairs.
    kept: Vec<Option<(u64, Vec<Pair>)>>,
}

impl Blocks {
    fn new(file: File, kept: u64) -> Self {
        Self {
            file,
            kept: (0..kept).map(|_| None).collect(),
        }
    }

    fn get(&mut self, index: u64, len: u64) -> io::Result<Pair> {
        let block = index / BLOCK;
        let kept = self.kept.len() as u64;
        let slot = &mut self.kept[(block % kept) as usize];
        if slot.as_ref().is_none_or(|(number, _)| *number != block) {
            let first = block * BLOCK;
            let count = BLOCK.min(len - first) as usize;
            let mut bytes = vec![0; count * PAIR_BYTES];
            self.file
                .read_exact_at(&mut bytes, first * PAIR_BYTES as u64)?;
            *slot = Some((block, bytes.chunks_exact(PAIR_BYTES).map(pair).collect()));
        }
        let pairs = slot.as_ref().map(|(_, pairs)| pairs.as_slice());
        pairs
            .and_then(|pairs| pairs.get((index % BLOCK) as usize))
            .copied()
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

fn pair(bytes: &[u8]) -> Pair {
    let number = |bytes: &[u8]| {
        let mut number = [0; 8];
        number.copy_from_slice(bytes);
        u64::from_le_bytes(number)
    };
    (number(&bytes[..8]), number(&bytes[8..]))
}

#[cfg(test)]
mod tests {
    use super::{Pairs, Writer};

    fn check(mut pairs: Pairs, count: u64) {
        assert_eq!(pairs.len(), count);
        for index in [0, 1, count / 2, count - 1, 4096, 4095] {
            let expected = (index < count).then_some((index * 3, index));
            assert_eq!(pairs.get(index).unwrap(), expected);
        }
        assert_eq!(pairs.get(count).unwrap(), None);
        let found = pairs.partition_point(0, count, |(first, _)| first < 301);
        assert_eq!(found.unwrap(), 101);
    }

    #[test]
    fn a_list_reads_alike_in_memory_and_in_a_file() {
        const COUNT: u64 = 20_000;
        for memory_max in [0, 7, COUNT as usize] {
            let mut writer = Writer::new(memory_max);
            for index in 0..COUNT {
                writer.push((index * 3, index)).unwrap();
            }
            assert_eq!(writer.len(), COUNT);
            check(writer.finish().unwrap(), COUNT);
        }
        let all: Vec<_> = (0..COUNT).map(|index| (index * 3, index)).collect();
        check(Pairs::in_file(&all).unwrap(), COUNT);
        check(Pairs::in_memory(all), COUNT);
    }
}
