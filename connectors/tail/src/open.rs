//! Opening files and reading from them.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use crate::encoding::Encoding;
use crate::identity::{FileId, HEAD_MAX, Head};

/// What a turn reads from; a slice in tests.
pub(crate) trait Source {
    /// Bytes that the file has now.
    fn len(&self) -> io::Result<u64>;

    /// Reads at `position` until the room is full or the file ends.
    fn read_at(&self, room: &mut [u8], position: u64) -> io::Result<usize>;
}

/// An open file.
#[derive(Debug)]
pub(crate) struct OpenFile {
    file: File,
}

/// A file to be opened, and what is to be found out about it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) id: FileId,
    pub(crate) path: Arc<Path>,
    /// Where it will be read from.
    pub(crate) position: u64,
    /// What a stored offset says of its first bytes.
    pub(crate) expected: Option<Head>,
    /// When it was made, where that is known.
    pub(crate) born: Option<SystemTime>,
    pub(crate) encoding: Encoding,
}

/// What came of opening a file.
#[derive(Debug)]
pub(crate) enum Opening {
    Opened(Opened),
    /// The name is gone or belongs to another file.
    Moved,
    Failed(io::Error),
}

/// A file that was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: OpenFile,
    pub(crate) len: u64,
    /// Its first bytes.
    pub(crate) head: Vec<u8>,
    /// Whether it is the file that the stored offset is of.
    pub(crate) is_expected: bool,
    /// Whether the position is behind a line end, or at the file's start.
    pub(crate) at_line: bool,
    /// The position, or where the character begins that it is inside of.
    pub(crate) position: u64,
}

/// Opens a file. Blocks: for the blocking pool.
#[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
pub(crate) fn open(request: &Request) -> Opening {
    let opened = File::open(&request.path).and_then(|file| {
        let metadata = file.metadata()?;
        let born = metadata.created().ok();
        let is_other = born
            .zip(request.born)
            .is_some_and(|(one, other)| one != other);
        if is_other || FileId::of(&metadata) != request.id {
            return Ok(None);
        }
        inspect(OpenFile { file }, metadata.len(), request).map(Some)
    });
    match opened {
        Ok(Some(opened)) => Opening::Opened(opened),
        Ok(None) => Opening::Moved,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Opening::Moved,
        Err(error) => Opening::Failed(error),
    }
}

fn inspect(file: OpenFile, len: u64, request: &Request) -> io::Result<Opened> {
    let mut head = vec![0; HEAD_MAX];
    let read = file.read_at(&mut head, 0)?;
    head.truncate(read);
    head.shrink_to_fit();
    let (form, mark) = request.encoding.of(&head);
    let unit = form.unit();
    let position = request.position - request.position % unit as u64;
    let mut before = [0; 2];
    let before = &mut before[..unit];
    let at_start = position <= mark as u64;
    if !at_start {
        file.read_at(before, position - unit as u64)?;
    }
    Ok(Opened {
        is_expected: request
            .expected
            .is_none_or(|expected| expected.matches(&head)),
        at_line: at_start || form.ends_with(before, b'\n'),
        position,
        file,
        len,
        head,
    })
}

impl OpenFile {
    /// Whether the file has no name any more.
    pub(crate) fn is_deleted(&self) -> bool {
        self.file
            .metadata()
            .is_ok_and(|metadata| metadata.nlink() == 0)
    }
}

impl Source for OpenFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, room: &mut [u8], position: u64) -> io::Result<usize> {
        let mut read = 0;
        while read < room.len() {
            let end = room.len().min(read + crate::state::BLOCK);
            match self
                .file
                .read_at(&mut room[read..end], position + read as u64)
            {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }
}
