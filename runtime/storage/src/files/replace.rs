//! Small files that are replaced whole: a reader finds the old contents or the new, never a mix.

use std::io::{self, IoSlice, Read};
use std::path::Path;

use super::Files;
use crate::error::{IoContext, StorageError};

/// Writes `<path>.tmp`, syncs it, renames it over `path` and syncs the directory.
pub(crate) fn replace(files: &dyn Files, path: &Path, contents: &[u8]) -> Result<(), StorageError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = Path::new(&temporary);
    let file = files.create(temporary).during("create", temporary)?;
    file.write_at(&mut [IoSlice::new(contents)], 0)
        .during("write", temporary)?;
    file.sync().during("sync", temporary)?;
    files.rename(temporary, path).during("replace", path)?;
    let dir = path.parent().unwrap_or(Path::new("."));
    files.sync_dir(dir).during("sync directory", dir)
}

/// The text of a file, or `None` where there is none.
pub(crate) fn read_optional(
    files: &dyn Files,
    path: &Path,
) -> Result<Option<String>, StorageError> {
    let file = match files.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StorageError::io("open", path, error)),
    };
    let mut text = String::new();
    file.file()
        .as_ref()
        .read_to_string(&mut text)
        .during("read", path)?;
    Ok(Some(text))
}
