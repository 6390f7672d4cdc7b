//! Finds the copy that `copytruncate` made of a file before it cut it. Blocks: for the blocking pool.
//!
//! What was not read before the cut is in the copy. A copy has another inode, but it begins with the same bytes, and
//! has the same bytes before the position up to which the file was read.

#![expect(
    clippy::disallowed_methods,
    reason = "reading folders and files is all it does, and it runs on the blocking pool"
)]

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::globs::Globs;
use crate::identity::{FileId, HEAD_MAX, Head};
use crate::scan::{Found, found};

/// Files that are read: their names, and when they were made.
pub(crate) type Tracked = HashMap<FileId, (Arc<Path>, Option<SystemTime>)>;

/// A file that was cut, as it was before.
#[derive(Debug, Clone)]
pub(crate) struct Lost {
    pub(crate) folder: PathBuf,
    pub(crate) head: Head,
    /// The bytes before the position, as far as they are known.
    pub(crate) tail: Vec<u8>,
    pub(crate) position: u64,
    /// The longest that it was seen.
    pub(crate) len: u64,
}

impl Lost {
    /// Bytes that were seen of the file and are in no copy of `copied` bytes, nor were they read.
    pub(crate) fn bytes(&self, copied: u64) -> u64 {
        self.len.saturating_sub(self.position.max(copied))
    }
}

/// The copy with bytes behind the position, the youngest one if there are several. Files that are read anyway, because
/// the globs match them or they are `tracked` under their names, are none. The copy may have the inode of a tracked file
/// that was deleted: it was made later then, and where nobody knows when, that takes more than equal first bytes.
pub(crate) fn find(lost: &Lost, globs: &Arc<Globs>, tracked: &Tracked) -> Option<Found> {
    // Where nothing is known of a file, anything would be its copy.
    if lost.head.len == 0 {
        return None;
    }
    fs::read_dir(&lost.folder)
        .ok()?
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| entry.path())
        .filter(|path| !globs.matches(path))
        .filter_map(|path| {
            let metadata = fs::metadata(&path).ok()?;
            let longer = metadata.len() > lost.position;
            let free = match tracked.get(&FileId::of(&metadata)) {
                None => true,
                Some((name, born)) => match born.zip(metadata.created().ok()) {
                    Some((before, now)) => before != now,
                    None => !lost.tail.is_empty() && **name != *path,
                },
            };
            (longer && free).then(|| found(path, &metadata, false))
        })
        .filter(|candidate| is_copy(lost, candidate))
        .max_by_key(|candidate| candidate.modified)
}

fn is_copy(lost: &Lost, candidate: &Found) -> bool {
    let Ok(file) = File::open(&candidate.path) else {
        return false;
    };
    let mut head = [0; HEAD_MAX];
    let head = &mut head[..lost.head.len];
    let mut tail = vec![0; lost.tail.len()];
    let tail_at = lost.position.saturating_sub(tail.len() as u64);
    file.read_exact_at(head, 0).is_ok()
        && lost.head.matches(head)
        && file.read_exact_at(&mut tail, tail_at).is_ok()
        && tail == lost.tail
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_copy_is_told_by_its_head_and_by_what_was_read_last() {
        let dir = tempfile::tempdir().unwrap();
        let globs = Globs::new(&[dir.path().join("*.log").display().to_string()], &[]).unwrap();
        let globs = Arc::new(globs);
        let banner = "the same in all\n".repeat(100);
        let write = |name: &str, rest: &str| {
            fs::write(dir.path().join(name), format!("{banner}{rest}")).unwrap()
        };
        write("a.log", "one\ntwo\nthree\n");
        write("a.log.1", "one\ntwo\nthree\n");
        write("b.log.1", "one\nzwo\nthree\n");
        write("c.log.1", "one\ntwo\n");
        let read = format!("{banner}one\ntwo\n");
        let lost = Lost {
            folder: dir.path().to_owned(),
            head: Head::of(read.as_bytes()),
            tail: b"one\ntwo\n".to_vec(),
            position: read.len() as u64,
            len: read.len() as u64 + 10,
        };
        assert_eq!([0, 2000].map(|copied| lost.bytes(copied)), [10, 0]);
        let copy = find(&lost, &globs, &HashMap::new()).unwrap();
        assert_eq!(&*copy.path, dir.path().join("a.log.1"));
        let tracked = |name: &Path, born| HashMap::from([(copy.id, (name.into(), born))]);
        let deleted = Path::new("/deleted");
        assert!(find(&lost, &globs, &tracked(&copy.path, None)).is_none());
        assert!(find(&lost, &globs, &tracked(deleted, None)).is_some());
        fs::remove_file(dir.path().join("b.log.1")).unwrap();
        // The inode of a file that was made before, of which nothing is known but its first bytes.
        let unread = Lost {
            tail: Vec::new(),
            ..lost
        };
        assert!(find(&unread, &globs, &tracked(deleted, None)).is_none());
        assert!(find(&unread, &globs, &tracked(deleted, copy.born)).is_none());
        if let Some(born) = copy.born {
            let before = Some(born - Duration::from_secs(1));
            assert!(find(&unread, &globs, &tracked(deleted, before)).is_some());
        }
    }
}
