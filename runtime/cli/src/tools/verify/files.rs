//! The files: each is read once, line by line, and of each line hash and position are noted.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    ops::Range,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use flate2::bufread::MultiGzDecoder;
use memchr::memchr;

use super::{
    hash::Hashing,
    index::{Builder, Index},
    pairs::{MEMORY_MAX, Pairs, Writer},
};
use crate::tools::{progress::Progress, run::Usage};

/// Bytes of one read.
const READ_BYTES: usize = 256 << 10;
/// No record can hold a longer line.
const LINE_BYTES_MAX: usize = 1 << 30;

/// A file as it was read.
#[derive(Debug)]
pub(super) struct Lines {
    /// Its path as it was named.
    pub(super) path: PathBuf,
    /// Its lines among those of all files.
    pub(super) lines: Range<u64>,
    /// Its bytes, unpacked.
    pub(super) bytes: u64,
    /// Whether the last line has no end.
    pub(super) is_unended: bool,
}

/// All files.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) files: Vec<Lines>,
    /// By line: its hash and its first byte.
    pub(super) table: Pairs,
    pub(super) index: Index,
}

impl Files {
    /// Reads the files.
    ///
    /// # Errors
    /// When one cannot be read, which is a wrong use, and when there is no room for what must be remembered.
    pub(super) fn read(paths: &[PathBuf], hashing: &Hashing) -> anyhow::Result<Self> {
        let progress = Progress::counting("lines read", None);
        let mut reading = Reading {
            hashing,
            table: Writer::new(MEMORY_MAX),
            index: Builder::default(),
            progress,
        };
        let mut files = Vec::new();
        for path in paths {
            let first = reading.table.len();
            let mut input = open(path)
                .map_err(|error| Usage::new(format!("cannot read {}: {error}", path.display())))?;
            let (bytes, is_unended) = reading
                .file(&mut input)
                .with_context(|| format!("cannot read {}", path.display()))?;
            files.push(Lines {
                path: path.clone(),
                lines: first..reading.table.len(),
                bytes,
                is_unended,
            });
        }
        Ok(Self {
            files,
            table: reading
                .table
                .finish()
                .context("cannot keep the lines in a temporary file")?,
            index: reading
                .index
                .finish()
                .context("cannot keep the lines in a temporary file")?,
        })
    }

    /// The file that a line is of.
    pub(super) fn of_line(&self, line: u64) -> usize {
        let behind = self.files.partition_point(|file| file.lines.end <= line);
        behind.min(self.files.len().saturating_sub(1))
    }

    /// Where a line ends, its line end included.
    pub(super) fn end_of(&mut self, line: u64) -> io::Result<u64> {
        let file = &self.files[self.of_line(line)];
        if line + 1 >= file.lines.end {
            return Ok(file.bytes);
        }
        Ok(self.table.get(line + 1)?.map_or(0, |(_, start)| start))
    }
}

struct Reading<'a> {
    hashing: &'a Hashing,
    table: Writer,
    index: Builder,
    progress: Progress,
}

impl Reading<'_> {
    /// Returns how many bytes there were, and whether the last line has no end.
    fn file(&mut self, input: &mut dyn BufRead) -> anyhow::Result<(u64, bool)> {
        let (mut start, mut position) = (0, 0);
        // A line that does not fit into one read.
        let mut begun = Vec::new();
        loop {
            let block = match input.fill_buf() {
                Ok(block) => block,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            if block.is_empty() {
                let is_unended = !begun.is_empty();
                if is_unended {
                    self.line(&begun, start)?;
                }
                return Ok((position, is_unended));
            }
            let (mut rest, mut lines) = (block, 0);
            while let Some(end) = memchr(b'\n', rest) {
                if begun.is_empty() {
                    self.line(&rest[..end], start)?;
                } else {
                    begun.extend_from_slice(&rest[..end]);
                    self.line(&begun, start)?;
                    begun.clear();
                }
                position += end as u64 + 1;
                start = position;
                rest = &rest[end + 1..];
                lines += 1;
            }
            if begun.len() + rest.len() > LINE_BYTES_MAX {
                bail!("the line from byte {start} on is longer than any record can be");
            }
            begun.extend_from_slice(rest);
            position += rest.len() as u64;
            self.progress.add(lines);
            let read = block.len();
            input.consume(read);
        }
    }

    fn line(&mut self, line: &[u8], start: u64) -> anyhow::Result<()> {
        let hash = self.hashing.of(line);
        self.index
            .add(hash, self.table.len())
            .and_then(|()| self.table.push((hash, start)))
            .context("cannot keep the lines in a temporary file")
    }
}

/// Opens a file, and unpacks it if it is one of gzip or zstd, whatever it is called.
#[expect(
    clippy::disallowed_methods,
    reason = "runs on the blocking pool of a tool"
)]
fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut file = BufReader::with_capacity(READ_BYTES, file);
    let head = file.fill_buf()?;
    if head.starts_with(&[0x1F, 0x8B]) {
        return Ok(buffered(MultiGzDecoder::new(file)));
    }
    if head.starts_with(&[0x28, 0xB5, 0x2F, 0xFD]) {
        return Ok(buffered(zstd::stream::read::Decoder::with_buffer(file)?));
    }
    Ok(Box::new(file))
}

fn buffered(input: impl Read + 'static) -> Box<dyn BufRead> {
    Box::new(BufReader::with_capacity(READ_BYTES, input))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests write their files")]
mod tests {
    use std::io::Write as _;

    use super::{Files, Hashing};

    #[test]
    fn lines_are_noted_with_their_positions_whatever_the_packing() {
        let folder = tempfile::tempdir().unwrap();
        let long = "x".repeat(300_000);
        let text = format!("one\r\n\n{long}\nrest");
        let (plain, packed, small) = (
            folder.path().join("plain"),
            folder.path().join("packed"),
            folder.path().join("small"),
        );
        std::fs::write(&plain, &text).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        std::fs::write(&packed, gzip.finish().unwrap()).unwrap();
        let zstd = zstd::stream::encode_all(text.as_bytes(), 1).unwrap();
        std::fs::write(&small, zstd).unwrap();
        let hashing = Hashing::default();
        let mut files = Files::read(&[plain, packed, small], &hashing).unwrap();
        for file in 0..3 {
            let first = file * 4;
            assert_eq!(files.files[file as usize].lines, first..first + 4);
            assert_eq!(files.files[file as usize].bytes, text.len() as u64);
            assert!(files.files[file as usize].is_unended);
            let expected = [
                (hashing.of(b"one"), 0),
                (hashing.of(b""), 5),
                (hashing.of(long.as_bytes()), 6),
                (hashing.of(b"rest"), 300_007),
            ];
            for (line, expected) in (first..).zip(expected) {
                assert_eq!(files.table.get(line).unwrap(), Some(expected));
                assert_eq!(files.of_line(line), file as usize);
            }
            assert_eq!(files.end_of(first).unwrap(), 5);
            assert_eq!(files.end_of(first + 3).unwrap(), text.len() as u64);
        }
        let missing = Files::read(&[folder.path().join("none")], &hashing).unwrap_err();
        assert!(missing.to_string().contains("none"), "{missing}");
    }
}
