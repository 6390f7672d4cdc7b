//! A file of chunks: for each a header and its frames.
//!
//! ```text
//! magic u32 | length u32 | checksum u32 | lines u32 | droppable u32 | frames
//! ```
//!
//! All numbers are little-endian; the checksum is the CRC-32C of the frames. A tail that was not written whole is cut off
//! when the file is found again.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use millrace_wire::crc::crc32c;

use crate::chunk::Chunk;

/// Bytes before the frames of a chunk.
pub(crate) const HEADER: u64 = 20;
const MAGIC: u32 = 0x314c_524d;
/// No chunk is larger; a length beyond it is damage.
const MAX_CHUNK: u32 = 1 << 30;
const ENDING: &str = "lines";

/// What is known of a file.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) bytes: u64,
    pub(super) lines: u32,
    pub(super) droppable: u32,
}

impl Segment {
    pub(super) fn empty(number: u64) -> Self {
        Self {
            number,
            bytes: 0,
            lines: 0,
            droppable: 0,
        }
    }

    /// Finds out what a file holds and cuts off what was not written whole; says how many bytes that were.
    pub(super) fn recover(folder: &Path, number: u64) -> io::Result<(Self, u64)> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path(folder, number))?;
        let mut found = Self::empty(number);
        while let Some((chunk, end)) = read(&file, found.bytes)? {
            found.lines += chunk.lines;
            found.droppable += chunk.droppable;
            found.bytes = end;
        }
        let torn = file.metadata()?.len() - found.bytes;
        if torn > 0 {
            file.set_len(found.bytes)?;
        }
        Ok((found, torn))
    }

    /// Writes a chunk at the end; after an error the file is as it was.
    pub(super) fn append(&mut self, file: &File, chunk: &Chunk) -> io::Result<()> {
        let length = u32::try_from(chunk.bytes.len())
            .ok()
            .filter(|length| *length <= MAX_CHUNK)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a chunk is too large"))?;
        let fields = [
            MAGIC,
            length,
            crc32c(&chunk.bytes),
            chunk.lines,
            chunk.droppable,
        ];
        let mut header = [0; HEADER as usize];
        for (place, field) in header.chunks_exact_mut(4).zip(fields) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        let written = file
            .write_all_at(&header, self.bytes)
            .and_then(|()| file.write_all_at(&chunk.bytes, self.bytes + HEADER));
        if let Err(error) = written {
            file.set_len(self.bytes)?;
            return Err(error);
        }
        self.bytes += HEADER + u64::from(length);
        self.lines += chunk.lines;
        self.droppable += chunk.droppable;
        Ok(())
    }

    /// Replaces the file by one with its exempt lines only; says how many lines are gone.
    pub(super) fn keep_exempt(&mut self, folder: &Path) -> io::Result<u64> {
        let (path, fresh) = (path(folder, self.number), folder.join("exempt"));
        let (old, new) = (File::open(&path)?, File::create(&fresh)?);
        let mut kept = Self::empty(self.number);
        let mut at = 0;
        while let Some((chunk, end)) = read(&old, at)?.filter(|_| at < self.bytes) {
            let exempt = chunk.exempt_only();
            if exempt.lines > 0 {
                kept.append(&new, &exempt)?;
            }
            at = end;
        }
        fs::rename(&fresh, &path)?;
        let dropped = self.lines - kept.lines;
        *self = kept;
        Ok(dropped.into())
    }
}

/// Reads the chunk at a place and says where it ends; none where no whole chunk is.
pub(super) fn read(file: &File, at: u64) -> io::Result<Option<(Chunk, u64)>> {
    let mut header = [0; HEADER as usize];
    if !fill(file, &mut header, at)? {
        return Ok(None);
    }
    let field = |index: usize| {
        let bytes: [u8; 4] = header[index * 4..index * 4 + 4]
            .try_into()
            .unwrap_or_default();
        u32::from_le_bytes(bytes)
    };
    let (length, checksum) = (field(1), field(2));
    let end = at + HEADER + u64::from(length);
    if field(0) != MAGIC || length > MAX_CHUNK || end > file.metadata()?.len() {
        return Ok(None);
    }
    let mut bytes = vec![0; length as usize];
    if !fill(file, &mut bytes, at + HEADER)? || crc32c(&bytes) != checksum {
        return Ok(None);
    }
    Ok(Chunk::of(bytes).map(|chunk| (chunk, end)))
}

/// Fills a buffer from a place of the file; false if the file ends before it is full.
fn fill(file: &File, buffer: &mut [u8], at: u64) -> io::Result<bool> {
    match file.read_exact_at(buffer, at) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Where the segment of a number is.
pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:020}.{ENDING}"))
}

/// The number of a segment's file.
pub(super) fn number(path: &Path) -> Option<u64> {
    let is_segment = path.extension().is_some_and(|ending| ending == ENDING);
    is_segment
        .then(|| path.file_stem()?.to_str()?.parse().ok())
        .flatten()
}
