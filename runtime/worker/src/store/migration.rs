//! Moving from the offsets file of Kafka Connect's standalone mode to one of our own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use millrace_api::OffsetMap;

use super::java_map;

/// What Kafka Connect's file says: connector, partition, offset.
pub(super) type JavaOffset = (String, OffsetMap, OffsetMap);

/// Whether this is Kafka Connect's own file.
pub(super) fn is_java(bytes: &[u8]) -> bool {
    bytes.starts_with(java_map::MAGIC)
}

/// The offsets of Kafka Connect's own file. Entries that it ignores itself are left out: resets, and what is not
/// JSON of its shape.
///
/// # Errors
/// When the file is not a map of bytes.
pub(super) fn offsets(bytes: &[u8]) -> Result<Vec<JavaOffset>, String> {
    let entries = java_map::entries(bytes)
        .map_err(|reason| format!("it begins as Kafka Connect's own, but {reason}"))?;
    let mut offsets = Vec::new();
    for (key, value) in entries {
        let Some(value) = value else { continue };
        match offset(key.unwrap_or_default(), value) {
            Ok(offset) => offsets.push(offset),
            Err(reason) => log::warn!(
                "an entry of Kafka Connect's offsets file is left out, its key is {}: {reason}",
                String::from_utf8_lossy(key.unwrap_or_default())
            ),
        }
    }
    Ok(offsets)
}

fn offset(key: &[u8], value: &[u8]) -> Result<JavaOffset, serde_json::Error> {
    let (connector, partition) = serde_json::from_slice(key)?;
    Ok((connector, partition, serde_json::from_slice(value)?))
}

/// Gives the file at `path` a second name that ends in `.java`, and returns it. A file of that name that is another
/// one stays; a number is added then.
///
/// # Errors
/// When the file system refuses.
#[expect(
    clippy::disallowed_methods,
    reason = "runs at the start, off the runtime"
)]
pub(super) fn keep_beside(path: &Path) -> io::Result<PathBuf> {
    let mut name = path
        .file_name()
        .ok_or(io::ErrorKind::InvalidInput)?
        .to_owned();
    name.push(".java");
    for attempt in 0u32.. {
        let mut name = name.clone();
        if attempt > 0 {
            name.push(format!(".{attempt}"));
        }
        let beside = path.with_file_name(name);
        match fs::hard_link(path, &beside) {
            Ok(()) => return Ok(beside),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if fs::read(path)? == fs::read(&beside)? {
                    return Ok(beside);
                }
            }
            // File systems without links.
            Err(_) => {
                fs::copy(path, &beside)?;
                fs::File::open(&beside)?.sync_all()?;
                return Ok(beside);
            }
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
