//! Reads a topic's segments as they lie on disk, past the broker: what a restart would find.

use std::{
    fs,
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
    for path in segments(&data.join(partition)) {
        let bytes = Bytes::from(
            fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
        );
        read_segment(&path, &bytes, &mut values);
    }
    values
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

fn read_segment(path: &Path, bytes: &Bytes, values: &mut Vec<Vec<u8>>) {
    let damaged = |error: &dyn std::fmt::Display| -> ! { panic!("{}: {error}", path.display()) };
    for batch in batch::batches(bytes) {
        let batch = batch.unwrap_or_else(|error| damaged(&error));
        if let Err(error) = batch.check_crc() {
            damaged(&error);
        }
        let decoded = batch
            .decode(EXPANDED_BYTES_MAX, Pool::global())
            .unwrap_or_else(|error| damaged(&error));
        for row in &decoded.rows {
            if row.offset != values.len() as i64 {
                damaged(&format_args!(
                    "offset {} follows {} records",
                    row.offset,
                    values.len()
                ));
            }
            values.push(row.value.of(&decoded.data).unwrap_or_default().to_vec());
        }
    }
}
