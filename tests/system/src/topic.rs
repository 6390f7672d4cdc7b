//! Reads a topic's segments as they lie on disk, past the broker: what a restart would find.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use millrace_wire::{batch, pool::Pool};

/// What a batch of a test may expand to.
const EXPANDED_BYTES_MAX: usize = 64 << 20;

/// The values of all records of a partition, in order; a null value is empty.
///
/// # Panics
/// If a file cannot be read, a checksum is wrong, or offsets leave a gap: damage that no test makes.
pub fn values(data: &Path, partition: &str) -> Vec<Vec<u8>> {
    let mut values = Vec::new();
    Follower::new(data, partition).read(|_, value| values.push(value.to_vec()));
    values
}

/// Reads a partition on as it grows.
#[derive(Debug)]
pub struct Follower {
    folder: PathBuf,
    /// The segment that is read, and how far.
    segment: Option<PathBuf>,
    position: u64,
    /// The next record's offset.
    offset: i64,
}

impl Follower {
    /// Reads from the first record.
    pub fn new(data: &Path, partition: &str) -> Self {
        Self {
            folder: data.join(partition),
            segment: None,
            position: 0,
            offset: 0,
        }
    }

    /// Gives `each` key and value of every record that has come since the last call; null is empty.
    ///
    /// # Panics
    /// As [`values`].
    pub fn read(&mut self, mut each: impl FnMut(&[u8], &[u8])) {
        // A segment is sealed once a younger one is seen, so that it is read to its end after that.
        for path in segments(&self.folder) {
            if self.segment.as_ref().is_some_and(|read| *read > path) {
                continue;
            }
            if self.segment.as_ref() != Some(&path) {
                self.segment = Some(path.clone());
                self.position = 0;
            }
            self.read_segment(&path, &mut each);
        }
    }

    fn read_segment(&mut self, path: &Path, each: &mut impl FnMut(&[u8], &[u8])) {
        let damaged =
            |error: &dyn std::fmt::Display| -> ! { panic!("{}: {error}", path.display()) };
        let bytes = rest(path, self.position).unwrap_or_else(|error| damaged(&error));
        for batch in batch::batches(&bytes) {
            let batch = batch.unwrap_or_else(|error| damaged(&error));
            if let Err(error) = batch.check_crc() {
                damaged(&error);
            }
            self.position += batch.bytes().len() as u64;
            let decoded = batch
                .decode(EXPANDED_BYTES_MAX, Pool::global())
                .unwrap_or_else(|error| damaged(&error));
            for row in &decoded.rows {
                if row.offset != self.offset {
                    damaged(&format_args!(
                        "offset {} follows {} records",
                        row.offset, self.offset
                    ));
                }
                self.offset += 1;
                each(
                    row.key.of(&decoded.data).unwrap_or_default(),
                    row.value.of(&decoded.data).unwrap_or_default(),
                );
            }
        }
    }
}

/// What stands in a file from `position` on. The broker may cut the end off in between, where a write was not whole.
fn rest(path: &Path, position: u64) -> io::Result<Bytes> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(position))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

/// The segment files of a partition, the oldest first. Their names are base offsets of 20 digits.
fn segments(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).map(|entries| entries.flatten().map(|entry| entry.path()).collect());
    let mut paths: Vec<PathBuf> = entries.unwrap_or_default();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    paths.sort();
    paths
}
