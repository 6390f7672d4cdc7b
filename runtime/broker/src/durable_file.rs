//! Small text files that are replaced whole: a reader finds the old contents or the new, never a mix.
#![expect(
    clippy::disallowed_methods,
    reason = "runs at start-up or on the blocking pool"
)]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// No file of the broker's own is near this size.
const BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Writes a temporary file, syncs it, renames it over `path` and syncs the directory.
pub(crate) fn replace(path: &Path, contents: &str) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&temporary)?;
    file.write_all(contents.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    match path.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

/// The file's text, `None` where there is no file.
pub(crate) fn read(path: &Path) -> io::Result<Option<String>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    file.take(BYTES_MAX).read_to_string(&mut text)?;
    Ok(Some(text))
}
