//! A file that is not complete: lines that are gathered, what is compressed of them, and what is on the disk under a
//! temporary name.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use millrace_api::TopicPartition;
use tokio::time::Instant;

use crate::codec::Codec;
use crate::config::Compression;
use crate::failure::Failure;

/// Room that a buffer may keep.
const KEPT: usize = 256 << 10;

/// A file that is not complete.
pub(crate) struct Pending {
    pub(crate) partition: TopicPartition,
    pub(crate) folder: Box<str>,
    /// Its name in the connector's own folder, and where that is.
    pub(crate) name: String,
    path: PathBuf,
    /// Offsets of its first and its last record.
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) records: i64,
    /// When its first record came.
    pub(crate) begun: Instant,
    /// When its last record came, counted in calls.
    pub(crate) used: u64,
    /// No record is added any more.
    pub(crate) is_sealed: bool,
    /// Lines that are not compressed yet.
    pub(crate) input: Vec<u8>,
    /// Bytes that are not on the disk yet.
    output: Vec<u8>,
    /// Bytes that are.
    written: u64,
    codec: Option<Codec>,
    file: Option<File>,
    is_synced: bool,
}

impl Pending {
    /// An empty file that begins with a record at `offset`.
    pub(crate) fn new(
        partition: TopicPartition,
        folder: &str,
        (name, path): (String, PathBuf),
        offset: i64,
        begun: Instant,
    ) -> Self {
        Self {
            partition,
            folder: folder.into(),
            name,
            path,
            first: offset,
            last: offset,
            records: 0,
            begun,
            used: 0,
            is_sealed: false,
            input: Vec::new(),
            output: Vec::new(),
            written: 0,
            codec: None,
            file: None,
            is_synced: false,
        }
    }

    /// Bytes on disk, and those that will be there.
    pub(crate) fn bytes(&self, compression: Compression) -> u64 {
        let waiting = match compression {
            Compression::None => self.input.len(),
            // Nobody knows yet what they become.
            Compression::Gzip | Compression::Zstd => 0,
        };
        self.written + (self.output.len() + waiting) as u64
    }

    /// Whether something waits to be written.
    pub(crate) fn is_dirty(&self) -> bool {
        !self.input.is_empty() || !self.output.is_empty()
    }

    /// Whether it takes a file handle, and a codec.
    pub(crate) fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// Writes what there is. What cannot be written is kept.
    pub(crate) fn flush(
        &mut self,
        compression: Compression,
        level: Option<i32>,
    ) -> Result<(), Failure> {
        self.encode(compression, level)
            .map_err(Failure::io("compress", &self.path))?;
        self.write()
    }

    /// Writes what there is, and lets go of handle and codec until there is more.
    pub(crate) fn rest(
        &mut self,
        compression: Compression,
        level: Option<i32>,
    ) -> Result<(), Failure> {
        self.end(compression, level)?;
        self.file = None;
        Ok(())
    }

    /// Writes all there is, and waits until the disk has it.
    pub(crate) fn finish(
        &mut self,
        compression: Compression,
        level: Option<i32>,
    ) -> Result<(), Failure> {
        if self.is_synced {
            return Ok(());
        }
        self.end(compression, level)?;
        #[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
        self.open()?
            .sync_all()
            .map_err(Failure::io("sync", &self.path))?;
        self.file = None;
        self.is_synced = true;
        Ok(())
    }

    fn end(&mut self, compression: Compression, level: Option<i32>) -> Result<(), Failure> {
        self.encode(compression, level)
            .map_err(Failure::io("compress", &self.path))?;
        if let Some(codec) = self.codec.take() {
            codec
                .finish(&mut self.output)
                .map_err(Failure::io("compress", &self.path))?;
        }
        self.write()
    }

    fn encode(&mut self, compression: Compression, level: Option<i32>) -> io::Result<()> {
        if self.input.is_empty() {
            return Ok(());
        }
        if compression == Compression::None && self.output.is_empty() {
            std::mem::swap(&mut self.input, &mut self.output);
            return Ok(());
        }
        let codec = match &mut self.codec {
            Some(codec) => codec,
            slot => slot.insert(Codec::new(compression, level)?),
        };
        codec.write(&self.input, &mut self.output)?;
        self.input.clear();
        self.input.shrink_to(KEPT);
        Ok(())
    }

    /// Writes at the place behind what is known to be there, so that a write that failed half way is simply repeated.
    fn write(&mut self) -> Result<(), Failure> {
        if self.output.is_empty() {
            return Ok(());
        }
        let (at, output) = (self.written, std::mem::take(&mut self.output));
        let result = self.open().map(|file| file.write_all_at(&output, at));
        self.output = output;
        result?.map_err(Failure::io("write to", &self.path))?;
        self.written += self.output.len() as u64;
        self.output.clear();
        self.output.shrink_to(KEPT);
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
    fn open(&mut self) -> Result<&File, Failure> {
        let file = match self.file.take() {
            Some(file) => file,
            None => OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(&self.path)
                .map_err(Failure::io("open", &self.path))?,
        };
        Ok(self.file.insert(file))
    }

    /// Gives up what is in it.
    #[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
    pub(crate) fn discard(self) {
        if let Err(error) = std::fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            log::debug!("cannot delete {}: {error}", self.path.display());
        }
    }
}
