//! Opening files and reading from them.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::encoding::Encoding;
use crate::identity::{FileId, HEAD_MAX, Head, TAIL_MAX};
use crate::packed::{End, Packing, Unpacked};

/// Bytes of the largest unit of an encoding.
const UNIT_MAX: usize = 2;

/// What a turn reads from; a slice in tests.
pub(crate) trait Source {
    /// Bytes that the file has now.
    fn len(&self) -> io::Result<u64>;

    /// Reads at `position` until the room is full or the file ends.
    fn read_at(&self, room: &mut [u8], position: u64) -> io::Result<usize>;

    /// What stands before `position`, but for the first bytes, is read no more.
    fn forget_before(&self, _position: u64) {}
}

/// An open file.
#[derive(Debug)]
pub(crate) struct OpenFile {
    file: Arc<File>,
    /// What it unpacks to, if it is compressed.
    unpacked: Option<Box<Mutex<Unpacked>>>,
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
    /// How to unpack it, if it is compressed.
    pub(crate) unpack: Option<Unpack>,
}

/// How a file is unpacked.
#[derive(Debug, Clone)]
pub(crate) struct Unpack {
    pub(crate) packing: Packing,
    /// Bytes behind the position that may be read again.
    pub(crate) room: usize,
    /// What stands before the position if it is the file that was read up to there.
    pub(crate) tail: Vec<u8>,
    /// Set when nobody wants it any more.
    pub(crate) cancelled: Arc<AtomicBool>,
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
    /// Whether it is the file that was read, or that the stored offset is of.
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
        let file = Arc::new(file);
        let Some(unpack) = &request.unpack else {
            let plain = OpenFile {
                file,
                unpacked: None,
            };
            return inspect(plain, metadata.len(), request).map(Some);
        };
        unpack_to_position(file, metadata.len(), unpack, request).map(Some)
    });
    match opened {
        Ok(Some(opened)) => Opening::Opened(opened),
        Ok(None) => Opening::Moved,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Opening::Moved,
        Err(error) => Opening::Failed(error),
    }
}

/// Unpacks what was read before.
fn unpack_to_position(
    file: Arc<File>,
    packed_len: u64,
    unpack: &Unpack,
    request: &Request,
) -> io::Result<Opened> {
    let mut unpacked = Unpacked::new(Arc::clone(&file), packed_len, unpack.packing, unpack.room)?;
    unpacked.head();
    let back = unpack.tail.len().max(UNIT_MAX) as u64;
    let from = request.position.saturating_sub(back);
    unpacked.skip_to(from, &unpack.cancelled);
    let mut before = vec![0; usize::try_from(request.position - from).unwrap_or(0)];
    let read = unpacked.read_at(&mut before, from)?;
    let is_expected = read == before.len() && before.ends_with(&unpack.tail);
    if let Some(damage) = unpacked
        .end()
        .and_then(End::damage)
        .filter(|_| !is_expected)
    {
        return Err(damage);
    }
    let len = unpacked.len();
    let file = OpenFile {
        file,
        unpacked: Some(Box::new(Mutex::new(unpacked))),
    };
    if !is_expected {
        return Ok(Opened {
            file,
            len,
            head: Vec::new(),
            is_expected,
            at_line: true,
            position: request.position,
        });
    }
    inspect(file, len, request)
}

/// A file's first bytes, as many as are remembered of it. Blocks: for the blocking pool.
///
/// # Errors
/// When it cannot be read.
#[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
pub(crate) fn read_head(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_MAX);
    File::open(path)?
        .take(HEAD_MAX as u64)
        .read_to_end(&mut head)?;
    Ok(head)
}

/// The bytes before a position, as many as are remembered of a file. Blocks: for the blocking pool.
///
/// # Errors
/// When they cannot be read.
#[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
pub(crate) fn read_before(path: &Path, position: u64) -> io::Result<Vec<u8>> {
    let from = position.saturating_sub(TAIL_MAX as u64);
    let mut tail = vec![0; usize::try_from(position - from).unwrap_or(TAIL_MAX)];
    File::open(path)?.read_exact_at(&mut tail, from)?;
    Ok(tail)
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

    /// What it unpacks to, if it is compressed.
    pub(crate) fn unpacked(&self) -> Option<MutexGuard<'_, Unpacked>> {
        let unpacked = self.unpacked.as_ref()?;
        Some(unpacked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Source for OpenFile {
    fn len(&self) -> io::Result<u64> {
        if let Some(unpacked) = self.unpacked() {
            return Ok(unpacked.len());
        }
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, room: &mut [u8], position: u64) -> io::Result<usize> {
        if let Some(mut unpacked) = self.unpacked() {
            return unpacked.read_at(room, position);
        }
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

    fn forget_before(&self, position: u64) {
        if let Some(mut unpacked) = self.unpacked() {
            unpacked.forget_before(position);
        }
    }
}
