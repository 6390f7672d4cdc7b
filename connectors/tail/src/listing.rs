//! The names in a folder, as they were at one moment. Blocks: for the blocking pool.
//!
//! Linux lets nobody rename anything in a folder while it writes its names into a reader's buffer (getdents64(2)), so that
//! a list that needs no second buffer is a snapshot. The buffers of usual readers hold some hundred names: a file that is
//! renamed between two of them may be in none.

use std::ffi::OsString;
use std::io;
use std::path::Path;

/// A name, and what it is the name of.
#[derive(Debug)]
pub(crate) struct Name {
    pub(crate) name: OsString,
    pub(crate) inode: u64,
    pub(crate) kind: Kind,
}

/// What has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Link,
    Other,
    /// The file system does not say.
    Unknown,
}

/// The names in a folder.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) names: Vec<Name>,
    /// Whether they all were there at one moment.
    pub(crate) is_snapshot: bool,
}

#[cfg(target_os = "linux")]
mod system {
    use std::ffi::OsStr;
    use std::os::fd::OwnedFd;
    use std::os::unix::ffi::OsStrExt;

    use rustix::fs::{FileType, Mode, OFlags, RawDir, RawDirEntry, SeekFrom, open, seek};

    use super::{Kind, Listing, Name, Path, io};

    /// Buffers, the smallest of which has room for some 20,000 names. Only what is written to costs memory.
    const BUFFER_MIN: usize = 1 << 20;
    const BUFFER_MAX: usize = 16 << 20;

    /// Lists the names in a folder.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(crate) fn list(folder: &Path) -> io::Result<Listing> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = open(folder, flags, Mode::empty())?;
        let mut room = BUFFER_MIN;
        loop {
            let listing = list_into(&folder, room)?;
            if listing.is_snapshot || room >= BUFFER_MAX {
                return Ok(listing);
            }
            room *= 2;
            seek(&folder, SeekFrom::Start(0))?;
        }
    }

    fn list_into(folder: &OwnedFd, room: usize) -> io::Result<Listing> {
        let mut buffer: Vec<u8> = Vec::with_capacity(room);
        let mut entries = RawDir::new(folder, buffer.spare_capacity_mut());
        let mut names = Vec::new();
        let mut fills = 0;
        loop {
            let empty = entries.is_buffer_empty();
            let Some(entry) = entries.next() else { break };
            names.extend(name(&entry?));
            fills += u32::from(empty);
        }
        Ok(Listing {
            names,
            is_snapshot: fills <= 1,
        })
    }

    fn name(entry: &RawDirEntry<'_>) -> Option<Name> {
        let name = entry.file_name().to_bytes();
        (name != b"." && name != b"..").then(|| Name {
            name: OsStr::from_bytes(name).to_owned(),
            inode: entry.ino(),
            kind: match entry.file_type() {
                FileType::RegularFile => Kind::File,
                FileType::Symlink => Kind::Link,
                FileType::Unknown => Kind::Unknown,
                _ => Kind::Other,
            },
        })
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::fs::DirEntry;
    use std::os::unix::fs::DirEntryExt;

    use super::{Kind, Listing, Name, Path, io};

    /// Lists the names in a folder, never as a snapshot.
    ///
    /// # Errors
    /// When the folder cannot be read.
    #[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
    pub(crate) fn list(folder: &Path) -> io::Result<Listing> {
        let name = |entry: DirEntry| Name {
            name: entry.file_name(),
            inode: entry.ino(),
            kind: match entry.file_type() {
                Ok(kind) if kind.is_file() => Kind::File,
                Ok(kind) if kind.is_symlink() => Kind::Link,
                Ok(_) => Kind::Other,
                Err(_) => Kind::Unknown,
            },
        };
        Ok(Listing {
            names: std::fs::read_dir(folder)?.flatten().map(name).collect(),
            is_snapshot: false,
        })
    }
}

pub(crate) use system::list;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn names_and_what_has_them() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "").unwrap();
        fs::create_dir(dir.path().join("b")).unwrap();
        std::os::unix::fs::symlink("a", dir.path().join("c")).unwrap();
        let mut names = list(dir.path()).unwrap().names;
        names.sort_by(|one, other| one.name.cmp(&other.name));
        let kinds: Vec<_> = names.iter().map(|name| name.kind).collect();
        assert_eq!(kinds, [Kind::File, Kind::Other, Kind::Link]);
        let missing = list(&dir.path().join("d")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_is_renamed_meanwhile_is_in_every_list_once() {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..1500 {
            fs::write(dir.path().join(format!("{number:04}-of-many.log")), "").unwrap();
        }
        let path = |round: u32| dir.path().join(format!("renamed-{round}"));
        fs::write(path(0), "").unwrap();
        let stop = AtomicBool::new(false);
        let lists: Vec<_> = thread::scope(|scope| {
            scope.spawn(|| {
                let mut round = 0;
                while !stop.load(Ordering::Relaxed) {
                    fs::rename(path(round), path(round + 1)).unwrap();
                    round += 1;
                }
            });
            let lists = (0..50).map(|_| list(dir.path()).unwrap()).collect();
            stop.store(true, Ordering::Relaxed);
            lists
        });
        for listing in lists {
            assert!(listing.is_snapshot);
            assert_eq!(listing.names.len(), 1501);
        }
    }
}
