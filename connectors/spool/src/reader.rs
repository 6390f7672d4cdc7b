//! Reads one file, block by block, and gives one record after the other.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use millrace_api::Schema;

use crate::config::Format;
use crate::csv;
use crate::cut::Cutter;
use crate::record;
use crate::scan::Stamp;

/// Bytes of one read.
const BLOCK: usize = 64 << 10;
/// The mark that text files may begin with.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Why there is no next record.
#[derive(Debug)]
pub(crate) enum Stuck {
    /// The file cannot be read.
    Io(io::Error),
    /// A record is not what it should be; says what is wrong, at this byte.
    Invalid { at: u64, why: String },
    /// The file as a whole is not what it should be.
    Unusable { at: u64, why: String },
}

/// A record: its place in the reader's memory, and in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    begin: usize,
    end: usize,
    /// The first byte in the file.
    pub(crate) at: u64,
    /// The byte behind it.
    pub(crate) next: u64,
}

/// A file that is read.
#[derive(Debug)]
pub(crate) struct Reader {
    file: File,
    pub(crate) path: PathBuf,
    pub(crate) stamp: Stamp,
    format: Format,
    separator: u8,
    cutter: Cutter,
    record_max: usize,
    /// What was read and not yet given begins at `begin`, which is the byte `position` of the file.
    memory: Vec<u8>,
    begin: usize,
    position: u64,
    /// The structure of CSV rows.
    pub(crate) schema: Option<Arc<Schema>>,
}

impl Reader {
    /// Opens a file that is still as it was found; none if it is not. Blocks.
    ///
    /// # Errors
    /// When it cannot be opened.
    #[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
    pub(crate) fn open(
        path: PathBuf,
        stamp: Stamp,
        format: Format,
        separator: u8,
        record_max: usize,
    ) -> io::Result<Option<Self>> {
        let file = File::open(&path)?;
        if Stamp::of(&file.metadata()?) != stamp {
            return Ok(None);
        }
        Ok(Some(Self {
            file,
            path,
            stamp,
            format,
            separator,
            cutter: Cutter::new((format == Format::Csv).then_some(separator)),
            record_max,
            memory: Vec::new(),
            begin: 0,
            position: 0,
            schema: None,
        }))
    }

    /// Goes to the first record from `position` on; in CSV the names of the first row are read before.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub(crate) fn start(&mut self, position: u64) -> Result<(), Stuck> {
        if self.format == Format::Csv
            && let Some(header) = self.next()?
        {
            let bytes = self.bytes(header);
            let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
            let schema = csv::schema(record::line(bytes), self.separator);
            self.schema = Some(schema.map_err(|why| Stuck::Unusable { at: header.at, why })?);
        }
        if position > self.position {
            (self.begin, self.position) = (0, position);
            self.memory.clear();
        } else if self.position == 0 && self.format != Format::File {
            self.fill()?;
            if self.memory.starts_with(BYTE_ORDER_MARK) {
                self.skip(BYTE_ORDER_MARK.len());
            }
        }
        Ok(())
    }

    /// The next record; none at the end of the file.
    ///
    /// # Errors
    /// When the file cannot be read, and when a record is too long: what follows it comes next.
    pub(crate) fn next(&mut self) -> Result<Option<Cut>, Stuck> {
        let at = self.position;
        loop {
            let unread = &self.memory[self.begin..];
            let found = match self.format {
                Format::File => None,
                Format::Lines | Format::Json | Format::Csv => self.cutter.cut(unread),
            };
            let (len, read) = (unread.len(), self.position + unread.len() as u64);
            match found {
                Some(len) if len <= self.record_max => return Ok(Some(self.take(len))),
                Some(len) => {
                    self.skip(len);
                    return Err(self.too_long(at));
                }
                None if len > self.record_max => {
                    self.skip_record()?;
                    return Err(self.too_long(at));
                }
                None if read < self.stamp.size => {
                    if self.fill()? == 0 {
                        let why = "the file has become shorter while it was read".to_owned();
                        return Err(Stuck::Unusable { at, why });
                    }
                }
                None if len == 0 => return Ok(None),
                None => {
                    self.cutter.end();
                    return Ok(Some(self.take(len)));
                }
            }
        }
    }

    /// The bytes of the record that was given last.
    pub(crate) fn bytes(&self, cut: Cut) -> &[u8] {
        &self.memory[cut.begin..cut.end]
    }

    /// The byte behind the last record.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Whether the file has changed since it was opened.
    ///
    /// # Errors
    /// When that cannot be told.
    pub(crate) fn has_changed(&self) -> io::Result<bool> {
        Ok(Stamp::of(&self.file.metadata()?) != self.stamp)
    }

    fn take(&mut self, len: usize) -> Cut {
        let (begin, at) = (self.begin, self.position);
        self.skip(len);
        Cut {
            begin,
            end: self.begin,
            at,
            next: self.position,
        }
    }

    fn skip(&mut self, len: usize) {
        self.begin += len;
        self.position += len as u64;
    }

    /// Reads on without keeping what is read, up to the end of a record that is too long.
    fn skip_record(&mut self) -> Result<(), Stuck> {
        loop {
            self.skip(self.memory.len() - self.begin);
            self.cutter.forget();
            if self.fill()? == 0 {
                self.cutter.end();
                return Ok(());
            }
            let unread = &self.memory[self.begin..];
            if self.format != Format::File
                && let Some(len) = self.cutter.cut(unread)
            {
                self.skip(len);
                return Ok(());
            }
        }
    }

    fn too_long(&self, at: u64) -> Stuck {
        Stuck::Invalid {
            at,
            why: format!(
                "the record has {} bytes, more than max.record.bytes={} allows",
                self.position - at,
                self.record_max
            ),
        }
    }

    /// Reads a block, no further than the file was long when it was found. Returns how many bytes came.
    fn fill(&mut self) -> Result<usize, Stuck> {
        if self.begin > 0 {
            self.memory.drain(..self.begin);
            self.begin = 0;
        }
        let len = self.memory.len();
        let at = self.position + len as u64;
        let room = self.stamp.size.saturating_sub(at).min(BLOCK as u64) as usize;
        self.memory.resize(len + room, 0);
        let read = self.file.read_at(&mut self.memory[len..], at);
        self.memory
            .truncate(len + read.as_ref().map_or(0, |read| *read));
        read.map_err(Stuck::Io)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], format: Format, max: usize, position: u64) -> Vec<Result<String, u64>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, text).unwrap();
        let stamp = Stamp::of(&path.metadata().unwrap());
        let mut reader = Reader::open(path, stamp, format, b',', max)
            .unwrap()
            .unwrap();
        reader.start(position).unwrap();
        let mut records = Vec::new();
        loop {
            match reader.next() {
                Ok(None) => return records,
                Ok(Some(cut)) => {
                    assert_eq!(cut.next, reader.position());
                    let bytes = reader.bytes(cut);
                    assert_eq!(bytes, &text[cut.at as usize..cut.next as usize]);
                    records.push(Ok(String::from_utf8_lossy(bytes).into_owned()));
                }
                Err(Stuck::Invalid { at, .. }) => records.push(Err(at)),
                Err(stuck) => panic!("{stuck:?}"),
            }
        }
    }

    fn ok(records: &[&str]) -> Vec<Result<String, u64>> {
        records
            .iter()
            .map(|record| Ok((*record).to_owned()))
            .collect()
    }

    #[test]
    fn records_come_from_any_position_on() {
        let lines = |position| read(b"one\n\ntwo\nrest", Format::Lines, 100, position);
        assert_eq!(lines(0), ok(&["one\n", "\n", "two\n", "rest"]));
        assert_eq!(lines(5), ok(&["two\n", "rest"]));
        assert_eq!(lines(13), ok(&[]));
        assert_eq!(read(b"", Format::Lines, 100, 0), ok(&[]));
        assert_eq!(
            read(b"\xEF\xBB\xBFa\n", Format::Lines, 100, 0),
            ok(&["a\n"])
        );
        assert_eq!(read(b"a\nb", Format::File, 100, 0), ok(&["a\nb"]));
        let csv = |position| read(b"id\n1\n\"2\n\"\n3", Format::Csv, 100, position);
        assert_eq!(csv(0), ok(&["1\n", "\"2\n\"\n", "3"]));
        assert_eq!(csv(5), ok(&["\"2\n\"\n", "3"]));
    }

    #[test]
    fn what_is_too_long_is_passed_over_in_bounded_memory() {
        let long = "x".repeat(3 * BLOCK);
        let text = format!("a\n{long}\nb\n{}\n", "y".repeat(200));
        let expected = vec![
            Ok("a\n".to_owned()),
            Err(2),
            Ok("b\n".to_owned()),
            Err(5 + long.len() as u64),
        ];
        assert_eq!(read(text.as_bytes(), Format::Lines, 100, 0), expected);
        assert_eq!(read(long.as_bytes(), Format::File, 100, 0), [Err(0)]);
        assert_eq!(
            read(long.as_bytes(), Format::File, long.len(), 0),
            [Ok(long.clone())]
        );
    }
}
