//! Which lines the committed offsets of a worker that is gone lead to, found in the files as they lie there.

use std::{collections::HashMap, fs, io, os::unix::fs::MetadataExt, path::Path};

use crc_fast::{CrcAlgorithm, checksum};
use serde_json::Value;

use super::files;
use crate::sandbox::Sandbox;

/// A file's offset, as it is stored.
struct Stored {
    position: u64,
    head: u64,
    head_len: usize,
}

/// By log, the first line behind the committed offsets of its generations; nothing of those that are gone.
pub(super) fn committed(sandbox: &Sandbox) -> HashMap<u64, u64> {
    let stored = stored(&String::from_utf8_lossy(
        &sandbox.read("data/connect.offsets"),
    ));
    let mut committed = HashMap::new();
    for entry in fs::read_dir(sandbox.join("in"))
        .expect("the folder")
        .flatten()
    {
        let metadata = entry.metadata().expect("a file");
        let Some(offset) = stored.get(&(metadata.dev(), metadata.ino())) else {
            continue;
        };
        if let Ok(Some((file, line))) = last_line(&entry.path(), offset) {
            let known: &mut u64 = committed.entry(file).or_default();
            *known = (*known).max(line + 1);
        }
    }
    committed
}

/// Offsets by device and inode.
fn stored(text: &str) -> HashMap<(u64, u64), Stored> {
    let line = |line: &str| {
        let (_, partition, offset): (String, Value, Value) = serde_json::from_str(line).ok()?;
        let id = (partition["device"].as_u64()?, partition["inode"].as_u64()?);
        let stored = Stored {
            position: offset["position"].as_u64()?,
            head: u64::from_str_radix(offset["head"].as_str()?, 16).ok()?,
            head_len: usize::try_from(offset["head.length"].as_u64()?).ok()?,
        };
        Some((id, stored))
    };
    text.lines().skip(1).filter_map(line).collect()
}

/// Log and number of the last line before the offset; none where the offset is of an earlier file with the same inode.
fn last_line(path: &Path, offset: &Stored) -> io::Result<Option<(u64, u64)>> {
    let bytes = files::contents(path)?;
    let head = bytes.get(..offset.head_len);
    if head.is_none_or(|head| checksum(CrcAlgorithm::Crc64Nvme, head) != offset.head) {
        return Ok(None);
    }
    let position = usize::try_from(offset.position).unwrap_or(usize::MAX);
    let last = bytes
        .get(..position)
        .and_then(|bytes| bytes.strip_suffix(b"\n"))
        .and_then(|bytes| bytes.rsplit(|byte| *byte == b'\n').next());
    Ok(last.and_then(files::parse))
}
