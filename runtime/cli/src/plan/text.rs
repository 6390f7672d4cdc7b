//! Reads the files a user names on the command line. Runs before any runtime exists.
#![expect(
    clippy::disallowed_methods,
    reason = "start-up, before any runtime exists"
)]

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use millrace_config::{Properties, properties};

use crate::failure::Problem;

/// The largest configuration file that is read; a larger one is a mistake in the file's name.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Reads a file whole, or says why that was not possible.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    let bytes = read_bytes(path).map_err(|error| Problem::new(path.display(), cause(&error)))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Problem::new(
            path.display(),
            "larger than 4 MiB, which no configuration file is",
        ));
    }
    Ok(bytes)
}

/// Reads a text, in UTF-8.
pub(crate) fn read_text(path: &Path) -> Result<String, Problem> {
    String::from_utf8(read(path)?).map_err(|_| Problem::new(path.display(), "is not UTF-8 text"))
}

/// Reads a file of Java properties.
pub(crate) fn read_properties(path: &Path) -> Result<Properties, Problem> {
    parse_properties(path, &read(path)?)
}

/// Parses Java properties that were read from `path`.
pub(super) fn parse_properties(path: &Path, bytes: &[u8]) -> Result<Properties, Problem> {
    properties::parse_bytes(bytes).map_err(|error| Problem::new(path.display(), error))
}

fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn cause(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "cannot be read: permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "is a folder, not a file".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}
