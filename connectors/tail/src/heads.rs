//! Committed offsets by the first bytes of their files: which of them may be of the file that a compressed one was made of.

use std::collections::{BTreeSet, HashMap};

use millrace_api::OffsetMap;

use crate::book::{self, Stored};
use crate::identity::{FileId, Head};

/// Offsets of files of which the first bytes are known.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    by_crc: HashMap<u64, Vec<(FileId, Stored)>>,
    /// From how many bytes checksums were taken.
    lengths: BTreeSet<usize>,
}

impl Heads {
    /// Of offsets as they are committed; what is none of a file is left out.
    pub(crate) fn new(offsets: &[(OffsetMap, OffsetMap)]) -> Self {
        let mut heads = Self::default();
        for (partition, offset) in offsets {
            let (Some(id), Ok(stored)) = (book::file_of(partition), book::stored(offset)) else {
                continue;
            };
            if let Some(head) = stored.head.filter(|head| head.len > 0) {
                heads.lengths.insert(head.len);
                heads.by_crc.entry(head.crc).or_default().push((id, stored));
            }
        }
        heads
    }

    /// The offsets of files that began as these bytes do.
    pub(crate) fn of(&self, bytes: &[u8]) -> impl Iterator<Item = &(FileId, Stored)> {
        let lengths = self.lengths.range(..=bytes.len());
        lengths.flat_map(|&len| {
            let head = Head::of(&bytes[..len]);
            let same = self.by_crc.get(&head.crc).into_iter().flatten();
            same.filter(move |(_, stored)| stored.head == Some(head))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn offsets_of_files_that_began_so() {
        let offset = |inode: u64, position: u64, head: &[u8]| {
            let head = Head::of(head);
            let crc = format!("{:016x}", head.crc);
            let partition = json!({"device": 1, "inode": inode});
            let offset = json!({"position": position, "head": crc, "head.length": head.len});
            let object = |value: Value| value.as_object().unwrap().clone();
            (object(partition), object(offset))
        };
        let heads = Heads::new(&[
            offset(1, 10, b"one\ntwo\n"),
            offset(2, 4, b"one\n"),
            offset(3, 4, b"two\n"),
            offset(4, 0, b""),
        ]);
        let found =
            |bytes: &[u8]| -> Vec<u64> { heads.of(bytes).map(|(id, _)| id.inode).collect() };
        assert_eq!(found(b"one\ntwo\nthree\n"), [2, 1]);
        assert_eq!(found(b"one\n"), [2]);
        assert_eq!(found(b"one"), [0; 0]);
    }
}
