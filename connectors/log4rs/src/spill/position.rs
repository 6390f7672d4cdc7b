//! Up to where the spill is delivered: a file of 20 bytes, written in place.
//!
//! Segment and end, both u64, and the CRC-32C of the two, little-endian. A file that was torn counts as none: its lines
//! are delivered again, never left out.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use millrace_wire::crc::crc32c;

use super::Place;

/// The open file.
#[derive(Debug)]
pub(super) struct Position {
    file: File,
}

impl Position {
    /// Opens the file of a folder and reads it.
    pub(super) fn open(folder: &Path) -> io::Result<(Self, Place)> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(folder.join("position"))?;
        let mut bytes = [0; 20];
        let is_whole = file.read_exact_at(&mut bytes, 0).is_ok();
        let (place, checksum) = bytes.split_at(16);
        let number = |at: usize| {
            let eight: [u8; 8] = place[at..at + 8].try_into().unwrap_or_default();
            u64::from_le_bytes(eight)
        };
        let is_valid = is_whole && crc32c(place).to_le_bytes() == *checksum;
        let found = if is_valid {
            Place {
                segment: number(0),
                end: number(8),
            }
        } else {
            Place { segment: 0, end: 0 }
        };
        Ok((Self { file }, found))
    }

    pub(super) fn note(&self, place: Place) -> io::Result<()> {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&place.segment.to_le_bytes());
        bytes[8..16].copy_from_slice(&place.end.to_le_bytes());
        let checksum = crc32c(&bytes[..16]);
        bytes[16..].copy_from_slice(&checksum.to_le_bytes());
        self.file.write_all_at(&bytes, 0)
    }
}
