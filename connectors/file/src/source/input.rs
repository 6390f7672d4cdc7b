//! What lines are read from: a regular file, a named pipe, or standard input.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::Path;

use millrace_api::ConnectError;
use tokio::net::unix::pipe;

/// An open regular file.
#[derive(Debug)]
pub(crate) struct OpenFile {
    file: File,
    identity: Identity,
}

/// What stays the same over a rename and differs between a file and its replacement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

/// What `open` found.
#[derive(Debug)]
pub(crate) enum Found {
    /// A regular file and its length.
    File(OpenFile, u64),
    Pipe(pipe::Receiver),
    Missing,
}

/// What has become of a file that gives no more bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is as it was.
    Unchanged,
    /// It is as it was, and its name is gone for the moment.
    Nameless,
    /// It holds fewer bytes than were read.
    Truncated { len: u64 },
    /// Its name belongs to another file.
    Replaced,
}

/// Opens `path`. Blocks: for the blocking pool.
#[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
pub(crate) fn open(path: &Path) -> Result<Found, ConnectError> {
    let failed = |error: io::Error| {
        ConnectError::connect(format!("cannot open {} for reading", path.display()))
            .caused_by(error)
    };
    let kind = match path.metadata() {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Missing),
        Err(error) => return Err(failed(error)),
    };
    if kind.is_fifo() {
        // Open for both ends, the pipe has no end between two writers.
        return pipe::OpenOptions::new()
            .read_write(true)
            .open_receiver(path)
            .map(Found::Pipe)
            .map_err(failed);
    }
    if !kind.is_file() {
        let what = if kind.is_dir() {
            "it is a directory"
        } else {
            "it is neither a file nor a pipe"
        };
        return Err(ConnectError::connect(format!(
            "cannot read lines from {}: {what}",
            path.display()
        )));
    }
    match File::open(path).and_then(|file| file.metadata().map(|metadata| (file, metadata))) {
        Ok((file, metadata)) => Ok(Found::File(
            OpenFile {
                file,
                identity: Identity::of(&metadata),
            },
            metadata.len(),
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Missing),
        Err(error) => Err(failed(error)),
    }
}

impl OpenFile {
    /// Reads at `position`; 0 bytes at the end.
    pub(crate) fn read_at(&self, room: &mut [u8], position: u64) -> io::Result<usize> {
        loop {
            match self.file.read_at(room, position) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// Looks at the file, of which `position` bytes were read, and at its name. Blocks: for the blocking pool.
    pub(crate) fn fate(&self, path: &Path, position: u64) -> io::Result<Fate> {
        let named = path.metadata().ok().filter(Metadata::is_file);
        let is_this = named.map(|metadata| Identity::of(&metadata) == self.identity);
        if is_this == Some(false) {
            return Ok(Fate::Replaced);
        }
        let len = self.file.metadata()?.len();
        Ok(match is_this {
            _ if len < position => Fate::Truncated { len },
            Some(_) => Fate::Unchanged,
            None => Fate::Nameless,
        })
    }
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn fates() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        fs::write(&path, "0123456789").unwrap();
        let Found::File(file, 10) = open(&path).unwrap() else {
            panic!("a file of 10 bytes")
        };
        assert_eq!(file.fate(&path, 10).unwrap(), Fate::Unchanged);
        fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(3)
            .unwrap();
        assert_eq!(file.fate(&path, 10).unwrap(), Fate::Truncated { len: 3 });
        fs::rename(&path, dir.path().join("a.log.1")).unwrap();
        assert_eq!(file.fate(&path, 3).unwrap(), Fate::Nameless);
        fs::write(&path, "new").unwrap();
        assert_eq!(file.fate(&path, 3).unwrap(), Fate::Replaced);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(open(&dir.path().join("none")), Ok(Found::Missing)));
        let error = open(dir.path()).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "cannot read lines from {}: it is a directory",
                dir.path().display()
            )
        );
    }
}
