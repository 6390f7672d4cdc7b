//! Small files that are replaced whole: a reader finds the old contents or the new, never a mix.

use std::io::{self, IoSlice, Read};
use std::path::Path;

use super::Files;
use crate::error::{IoContext, SYNC, SYNC_DIRECTORY, StorageError};

/// Writes `<path>.tmp`, syncs it, renames it over `path` and syncs the directory.
pub(crate) fn replace(files: &dyn Files, path: &Path, contents: &[u8]) -> Result<(), StorageError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = Path::new(&temporary);
    let file = files.create(temporary).during("create", temporary)?;
    file.write_at(&mut [IoSlice::new(contents)], 0)
        .during("write", temporary)?;
    file.sync().during(SYNC, temporary)?;
    files.rename(temporary, path).during("replace", path)?;
    let dir = path.parent().unwrap_or(Path::new("."));
    files.sync_dir(dir).during(SYNC_DIRECTORY, dir)
}

/// The text of a file, or `None` where there is none.
pub(crate) fn read_optional(
    files: &dyn Files,
    path: &Path,
) -> Result<Option<String>, StorageError> {
    let Some(bytes) = read_bytes(files, path)? else {
        return Ok(None);
    };
    let text = String::from_utf8(bytes);
    text.map(Some)
        .map_err(|_| StorageError::malformed(path, "it is no text"))
}

/// The bytes of a file, or `None` where there is none.
pub(crate) fn read_bytes(files: &dyn Files, path: &Path) -> Result<Option<Vec<u8>>, StorageError> {
    let file = match files.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StorageError::io("open", path, error)),
    };
    let mut bytes = Vec::new();
    file.file()
        .as_ref()
        .read_to_end(&mut bytes)
        .during("read", path)?;
    Ok(Some(bytes))
}
