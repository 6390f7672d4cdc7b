//! Walking a segment's batches by their headers.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use millrace_wire::batch::{BatchError, BatchHeader, HEADER_LEN};

/// Bytes read at a time: small batches come many to a read, of large ones only the header is wanted.
const WINDOW: usize = 2048;

/// Why a walk ended early.
#[derive(Debug)]
pub(crate) enum ScanError {
    Io(io::Error),
    /// No batch starts where one must.
    Malformed {
        position: u64,
        error: BatchError,
    },
}

/// The headers of the batches between two positions, with where each batch starts.
pub(crate) struct HeaderScan<'a> {
    file: &'a File,
    next: u64,
    end: u64,
    window: [u8; WINDOW],
    window_at: u64,
    window_len: usize,
}

impl<'a> HeaderScan<'a> {
    /// Walks from `start`, where a batch must start, to `end`, behind which nothing is read.
    pub(crate) fn new(file: &'a File, start: u64, end: u64) -> Self {
        Self {
            file,
            next: start,
            end,
            window: [0; WINDOW],
            window_at: 0,
            window_len: 0,
        }
    }

    /// The next batch's position and header; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, BatchHeader)>, ScanError> {
        let position = self.next;
        if position >= self.end {
            return Ok(None);
        }
        let bytes = self.bytes_at(position).map_err(ScanError::Io)?;
        let malformed = |error| ScanError::Malformed { position, error };
        let header = BatchHeader::parse(bytes).map_err(malformed)?;
        let (needed, have) = (header.total_len(), self.end - position);
        if needed as u64 > have {
            return Err(malformed(BatchError::Truncated {
                have: have as usize,
                needed,
            }));
        }
        if header.last_offset_delta < 0 || header.base_offset < 0 {
            return Err(malformed(BatchError::Length(header.batch_length)));
        }
        self.next = position + needed as u64;
        Ok(Some((position, header)))
    }

    /// A header's bytes at `position`, fewer at the end.
    fn bytes_at(&mut self, position: u64) -> io::Result<&[u8]> {
        let inside = position >= self.window_at
            && position + HEADER_LEN as u64 <= self.window_at + self.window_len as u64;
        if !inside {
            let wanted = usize::try_from(self.end - position)
                .unwrap_or(WINDOW)
                .min(WINDOW);
            self.window_at = position;
            self.window_len = read_up_to(self.file, &mut self.window[..wanted], position)?;
        }
        let from = (position - self.window_at) as usize;
        Ok(&self.window[from..self.window_len])
    }
}

/// Reads until the buffer is full or the file ends.
pub(crate) fn read_up_to(file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], position + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
