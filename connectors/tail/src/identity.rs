//! What a file is, whatever it is called: device, inode, and its first bytes.
//!
//! Device and inode tell files with equal beginnings apart and survive a rename. The first bytes tell a file from the
//! next one that gets the same inode, and from what it becomes when it is cut and written anew.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

use crc_fast::{CrcAlgorithm, checksum};

/// Bytes at the start of a file that are remembered of it.
pub(crate) const HEAD_MAX: usize = 1024;

/// Bytes before the position that are remembered of a file.
pub(crate) const TAIL_MAX: usize = 256;

/// What stays the same over a rename.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FileId {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

impl FileId {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }

    /// Which of `tasks` tasks reads the file: always the same one, whatever the file is called.
    pub(crate) fn task(self, tasks: u64) -> u64 {
        // Neighbouring inodes must not all fall to one task: multiply by an odd constant and take the high bits.
        let mixed = (self.inode ^ self.device.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 32) % tasks.max(1)
    }
}

/// The checksum of a file's first bytes, as an offset stores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) crc: u64,
    pub(crate) len: usize,
}

impl Head {
    /// The checksum of the first bytes of `bytes`, no more than are remembered of a file.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let bytes = &bytes[..bytes.len().min(HEAD_MAX)];
        Self {
            crc: checksum(CrcAlgorithm::Crc64Nvme, bytes),
            len: bytes.len(),
        }
    }

    /// Whether `bytes` begin with what this was taken of, and that is something: nothing fits any file.
    pub(crate) fn tells(self, bytes: &[u8]) -> bool {
        self.len > 0 && self.matches(bytes)
    }

    /// Whether a file that begins with `bytes` is the one this was taken of.
    pub(crate) fn matches(self, bytes: &[u8]) -> bool {
        bytes
            .get(..self.len)
            .is_some_and(|bytes| Self::of(bytes) == self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_matches_what_grew_from_it() {
        let head = Head::of(b"2026-11-21 start\n");
        assert!(head.matches(b"2026-11-21 start\nmore"));
        assert!(!head.matches(b"2026-11-22 start\nmore"));
        assert!(!head.matches(b"2026-11-21"), "shorter");
        assert!(Head::of(b"").matches(b"anything"));
    }

    #[test]
    fn files_are_spread_over_tasks() {
        let mut counts = [0; 4];
        for inode in 1000..2000 {
            counts[FileId { device: 7, inode }.task(4) as usize] += 1;
        }
        assert!(
            counts.iter().all(|count| (150..350).contains(count)),
            "{counts:?}"
        );
    }
}
