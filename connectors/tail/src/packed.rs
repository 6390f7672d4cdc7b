//! Compressed files, read as what they unpack to. Blocks where much is to be unpacked: for the blocking pool then.
//!
//! A stream that is unpacked cannot go back, but whoever cuts lines must: what stands behind the position is read again
//! with more, and the beginning of a line that is too long is read once its end was found. So some of what was unpacked is
//! kept:
//!
//! ```text
//! 0 ─ head ─ … ─ floor ─ kept (at most `room`) ─ … ─ last (some blocks) ─ unpacked up to here
//! ```

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flate2::bufread::MultiGzDecoder;

use crate::identity::HEAD_MAX;
use crate::state::BLOCK;

/// Bytes of the compressed file that are read at once.
const READ: usize = 64 << 10;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    /// RFC 1952; of several members, one behind the other.
    Gzip,
    /// RFC 8878; of several frames, one behind the other.
    Zstd,
}

impl Packing {
    /// As the name says.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        match path.extension().and_then(OsStr::to_str)? {
            "gz" => Some(Self::Gzip),
            "zst" | "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// How what is unpacked has ended.
#[derive(Debug)]
pub(crate) enum End {
    /// It is whole.
    Whole,
    /// The rest cannot be unpacked, or is not there yet.
    Damaged(io::Error),
}

impl End {
    /// Why the rest cannot be unpacked.
    pub(crate) fn damage(&self) -> Option<io::Error> {
        match self {
            Self::Whole => None,
            Self::Damaged(error) => Some(io::Error::new(error.kind(), error.to_string())),
        }
    }
}

/// A file that is being unpacked.
pub(crate) struct Unpacked {
    decoder: Decoder,
    /// Bytes of the compressed file.
    packed_len: u64,
    head: Vec<u8>,
    /// Bytes before this are not asked for any more, but for those of the head.
    floor: u64,
    kept: Vec<u8>,
    room: usize,
    /// The last bytes that were unpacked, as far as they are not kept.
    last: Vec<u8>,
    block: Vec<u8>,
    /// Bytes that were unpacked.
    to: u64,
    end: Option<End>,
}

enum Decoder {
    Gzip(Box<MultiGzDecoder<BufReader<Counted>>>),
    Zstd(zstd::Decoder<'static, BufReader<Counted>>),
}

/// Counts what is read.
struct Counted {
    file: Arc<File>,
    read: u64,
}

impl Read for Counted {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = (&*self.file).read(room)?;
        self.read += read as u64;
        Ok(read)
    }
}

impl Decoder {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(decoder) => decoder.read(room),
            Self::Zstd(decoder) => decoder.read(room),
        }
    }

    /// Bytes of the compressed file that were read.
    fn taken(&self) -> u64 {
        match self {
            Self::Gzip(decoder) => decoder.get_ref().get_ref().read,
            Self::Zstd(decoder) => decoder.get_ref().get_ref().read,
        }
    }
}

impl Unpacked {
    /// Unpacks a file of `packed_len` bytes from its start, so that up to `room` bytes can be read again.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub(crate) fn new(
        file: Arc<File>,
        packed_len: u64,
        packing: Packing,
        room: usize,
    ) -> io::Result<Self> {
        let reader = BufReader::with_capacity(READ, Counted { file, read: 0 });
        Ok(Self {
            decoder: match packing {
                Packing::Gzip => Decoder::Gzip(Box::new(MultiGzDecoder::new(reader))),
                Packing::Zstd => Decoder::Zstd(zstd::Decoder::with_buffer(reader)?),
            },
            packed_len,
            head: Vec::new(),
            floor: 0,
            kept: Vec::new(),
            room: room.max(BLOCK),
            last: Vec::new(),
            block: Vec::new(),
            to: 0,
            end: None,
        })
    }

    /// The first bytes, no more than are remembered of a file.
    pub(crate) fn head(&mut self) -> &[u8] {
        while self.head.len() < HEAD_MAX && self.unpack(HEAD_MAX) {}
        &self.head
    }

    /// Bytes of the compressed file.
    pub(crate) fn packed_len(&self) -> u64 {
        self.packed_len
    }

    /// What is known of the length: at least what was unpacked and what is left to unpack, once that has ended exactly it.
    pub(crate) fn len(&self) -> u64 {
        match self.end {
            None => self.to + self.packed_len.saturating_sub(self.decoder.taken()).max(1),
            Some(_) => self.to,
        }
    }

    /// How it has ended, if it has.
    pub(crate) fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Unpacks what stands before `position`; nothing before that, but for the head, is asked for any more. Stops where
    /// `cancelled` says so.
    pub(crate) fn skip_to(&mut self, position: u64, cancelled: &AtomicBool) {
        self.forget_before(position);
        while self.to < position && !cancelled.load(Ordering::Relaxed) && self.unpack(BLOCK) {}
    }

    /// Nothing before `position` is asked for any more, but for the head.
    pub(crate) fn forget_before(&mut self, position: u64) {
        let gone = position.saturating_sub(self.floor);
        if gone == 0 {
            return;
        }
        self.floor = position;
        match usize::try_from(gone) {
            Ok(gone) if gone <= self.kept.len() => drop(self.kept.drain(..gone)),
            _ => {
                let last_at = self.to - self.last.len() as u64;
                self.kept.clear();
                if let Some(from) = position.checked_sub(last_at) {
                    let from = usize::try_from(from).map_or(usize::MAX, |from| from);
                    let rest = self.last.get(from..).unwrap_or_default();
                    self.kept.extend_from_slice(rest);
                }
                self.last.clear();
            }
        }
    }

    /// Reads at `position` until the room is full or nothing more can be unpacked.
    ///
    /// # Errors
    /// When that was not kept.
    pub(crate) fn read_at(&mut self, room: &mut [u8], position: u64) -> io::Result<usize> {
        let mut read = 0;
        while read < room.len() {
            let at = position + read as u64;
            if at >= self.to {
                if !self.unpack(BLOCK) {
                    break;
                }
                continue;
            }
            let known = self.known(at);
            if known.is_empty() {
                return Err(io::Error::other(format!(
                    "byte {at} of what was unpacked is not kept"
                )));
            }
            let count = known.len().min(room.len() - read);
            room[read..read + count].copy_from_slice(&known[..count]);
            read += count;
        }
        Ok(read)
    }

    /// What is kept from `at` on.
    fn known(&self, at: u64) -> &[u8] {
        let last_at = self.to - self.last.len() as u64;
        let from = |start: u64, bytes: &'_ [u8]| -> Option<usize> {
            let index = usize::try_from(at.checked_sub(start)?).ok()?;
            (index < bytes.len()).then_some(index)
        };
        if let Some(index) = from(self.floor, &self.kept) {
            &self.kept[index..]
        } else if let Some(index) = from(last_at, &self.last) {
            &self.last[index..]
        } else if let Some(index) = from(0, &self.head) {
            &self.head[index..]
        } else {
            &[]
        }
    }

    /// Unpacks up to `most` bytes more; false if there are none.
    fn unpack(&mut self, most: usize) -> bool {
        if self.end.is_some() {
            return false;
        }
        self.block.resize(most, 0);
        let mut read = 0;
        while read < most {
            match self.decoder.read(&mut self.block[read..]) {
                Ok(0) => {
                    self.end = Some(End::Whole);
                    break;
                }
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.end = Some(End::Damaged(error));
                    break;
                }
            }
        }
        self.push(read);
        read > 0
    }

    /// Keeps what it can of the block's first `read` bytes.
    fn push(&mut self, read: usize) {
        let block = &self.block[..read];
        let more = (HEAD_MAX - self.head.len()).min(read);
        if self.to == self.head.len() as u64 {
            self.head.extend_from_slice(&block[..more]);
        }
        let gone = usize::try_from(self.floor.saturating_sub(self.to)).unwrap_or(read);
        let block = block.get(gone..).unwrap_or_default();
        let follows = self.floor + self.kept.len() as u64 == self.to.max(self.floor);
        if follows && self.kept.len() < self.room {
            self.kept.extend_from_slice(block);
        } else {
            let above = self.last.len().saturating_sub(BLOCK);
            self.last.drain(..above);
            self.last.extend_from_slice(block);
        }
        self.to += read as u64;
    }
}

impl fmt::Debug for Unpacked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unpacked")
            .field("to", &self.to)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

/// What the first bytes of a compressed file unpack to, no more than are remembered of a file.
///
/// # Errors
/// When the file cannot be opened, or fewer bytes can be unpacked and that is not all of it.
pub(crate) fn first_bytes(path: &Path, packing: Packing) -> io::Result<Arc<[u8]>> {
    let mut unpacked = unpack(path, packing)?;
    let head: Arc<[u8]> = unpacked.head().into();
    match unpacked.end {
        Some(End::Damaged(error)) if head.len() < HEAD_MAX => Err(error),
        _ if unpacked.packed_len == 0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(head),
    }
}

/// A file to be unpacked from its start, of which nothing is read again.
#[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
fn unpack(path: &Path, packing: Packing) -> io::Result<Unpacked> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    Unpacked::new(Arc::new(file), len, packing, 0)
}

/// Whether a compressed file unpacks to something with these bytes before `position`. Blocks, for long where that is far.
pub(crate) fn has_at(path: &Path, packing: Packing, position: u64, tail: &[u8]) -> bool {
    let found = unpack(path, packing).and_then(|mut unpacked| {
        let from = position.saturating_sub(tail.len() as u64);
        unpacked.skip_to(from, &AtomicBool::new(false));
        let mut bytes = vec![0; tail.len()];
        let read = unpacked.read_at(&mut bytes, from)?;
        Ok(read == tail.len() && bytes == tail)
    });
    found.unwrap_or(false)
}

#[cfg(test)]
mod tests;
