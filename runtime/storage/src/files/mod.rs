//! The file operations the log is made of, behind a trait: [`OsFiles`] is the operating system, and
//! the seeded layer of the `testing` feature forgets, tears and scrambles what was not synced.
//!
//! Reads are not behind the trait. They go to the descriptor, which fetch answers share as a range.

mod os;
mod replace;
mod slot;

use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use os::OsFiles;
pub(crate) use replace::{read_bytes, read_optional, replace};
pub(crate) use slot::FileSlot;

/// A directory's entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// File name; names that are not UTF-8 are not listed.
    pub name: String,
    /// Whether it is a directory itself.
    pub is_dir: bool,
    /// Bytes of a file.
    pub len: u64,
    /// Last modification, ms since the Unix epoch.
    pub modified_ms: i64,
}

/// Opens, renames and removes files. Every call may block.
pub trait Files: Send + Sync + fmt::Debug {
    /// Opens an existing file for reading and writing.
    ///
    /// # Errors
    ///
    /// As the operating system's open.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn LogFile>>;

    /// Creates a file for reading and writing; one that exists is emptied.
    ///
    /// # Errors
    ///
    /// As the operating system's open.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn LogFile>>;

    /// Creates a directory, readable by its owner only, and those above it.
    ///
    /// # Errors
    ///
    /// As the operating system's mkdir, save that an existing directory is no error.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Lists a directory.
    ///
    /// # Errors
    ///
    /// As the operating system's readdir and stat.
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>>;

    /// Renames a file or directory, replacing a file of the new name.
    ///
    /// # Errors
    ///
    /// As the operating system's rename.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// As the operating system's unlink.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Removes a directory and all in it.
    ///
    /// # Errors
    ///
    /// As the operating system's unlink and rmdir.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;

    /// Makes what was created, renamed and removed in a directory durable.
    ///
    /// # Errors
    ///
    /// As the operating system's fsync.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
}

/// An open file with its name, for messages.
pub(crate) type NamedFile = (PathBuf, Arc<dyn LogFile>);

/// An open file.
pub trait LogFile: Send + Sync + fmt::Debug {
    /// The descriptor, for reads and for ranges handed to a socket.
    fn file(&self) -> &Arc<File>;

    /// Writes all parts one behind the other from `offset` on, in one system call where the
    /// operating system takes them whole.
    ///
    /// # Errors
    ///
    /// As the operating system's write; some of the bytes may have been written then.
    fn write_at(&self, parts: &mut [IoSlice<'_>], offset: u64) -> io::Result<()>;

    /// Has the operating system begin to write a range to the disk, without waiting for it, so that a sync finds less to
    /// do. It may decline.
    fn begin_write_out(&self, range: Range<u64>);

    /// Waits until what was written is on the disk.
    ///
    /// # Errors
    ///
    /// As the operating system's fdatasync. After one nothing is known of what was written.
    fn sync(&self) -> io::Result<()>;

    /// Cuts or extends the file; what is added reads as zeros.
    ///
    /// # Errors
    ///
    /// As the operating system's ftruncate.
    fn set_len(&self, len: u64) -> io::Result<()>;
}
