//! The operating system's files.
#![expect(
    clippy::disallowed_methods,
    reason = "the file layer; its callers keep it off the runtime"
)]

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, IoSlice};
use std::num::NonZero;
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::Advice;

use super::{Entry, Files, LogFile};

/// Opens real files.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsFiles;

#[derive(Debug)]
struct OsFile(Arc<File>);

impl OsFiles {
    fn with(options: &OpenOptions, path: &Path) -> io::Result<Arc<dyn LogFile>> {
        Ok(Arc::new(OsFile(Arc::new(options.open(path)?))))
    }
}

impl Files for OsFiles {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn LogFile>> {
        Self::with(OpenOptions::new().read(true).write(true), path)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn LogFile>> {
        Self::with(
            OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(true),
            path,
        )
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            match entry.metadata() {
                Ok(metadata) => entries.push(Entry {
                    name,
                    is_dir: metadata.is_dir(),
                    len: metadata.len(),
                    modified_ms: metadata.mtime() * 1000 + metadata.mtime_nsec() / 1_000_000,
                }),
                // Removed since the directory was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(entries)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

impl LogFile for OsFile {
    fn file(&self) -> &Arc<File> {
        &self.0
    }

    fn write_at(&self, parts: &mut [IoSlice<'_>], offset: u64) -> io::Result<()> {
        write_all_at(&self.0, parts, offset)
    }

    fn begin_write_out(&self, range: Range<u64>) {
        // Of pages that are dirty the advice drops none: Linux begins to write them.
        let len = NonZero::new(range.end - range.start);
        rustix::fs::fadvise(&*self.0, range.start, len, Advice::DontNeed).ok();
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
}

/// Writes all parts, going on after short writes and interruptions.
pub(crate) fn write_all_at(
    file: &File,
    mut parts: &mut [IoSlice<'_>],
    mut offset: u64,
) -> io::Result<()> {
    while parts.iter().any(|part| !part.is_empty()) {
        match rustix::io::pwritev(file, parts, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                offset += written as u64;
                IoSlice::advance_slices(&mut parts, written);
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
