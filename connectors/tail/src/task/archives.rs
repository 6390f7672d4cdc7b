//! Which compressed files are what a file that was read was compressed to.
//!
//! Whoever compresses a rotated file writes another one and deletes the first. What was not read by then is in the new
//! file only, and what was read must not be read again. So a compressed file goes on where a file was read to that is gone
//! and began with the same bytes, whether it is still known or only its offset is there. One of which nothing is
//! known is read from its start.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use millrace_api::ConnectError;

use super::{Running, blocking};
use crate::book::{self, HandedOut, Stored};
use crate::config::StartPosition;
use crate::files::Archive;
use crate::heads::Heads;
use crate::identity::{FileId, Head};
use crate::lineage;
use crate::open::{read_before, read_head};
use crate::packed::{Packing, first_bytes, has_at};
use crate::scan::{Findings, Found, Packed};

/// A compressed file that is not read, as long as nothing changes.
#[derive(Debug, Clone, Copy)]
pub(super) struct LeftAlone {
    /// Its length.
    len: u64,
    /// The file that it is a copy of, and that is there.
    copy_of: Option<FileId>,
    /// That file is gone: it is looked into again.
    again: bool,
}

/// A compressed file that is new, and to be read.
#[derive(Debug)]
pub(super) struct NewArchive {
    file: Found,
    packing: Packing,
    head: Arc<[u8]>,
    origin: Origin,
}

/// Where to go on with a compressed file.
#[derive(Debug, Default)]
struct Origin {
    position: u64,
    /// The name under which the file was first found that was compressed.
    path: Option<String>,
    /// What stands before the position.
    tail: Vec<u8>,
    /// It is stored for this file.
    is_own: bool,
    /// All of it was read.
    done: bool,
    /// The file that was read up to the position, and is gone.
    gone: Option<FileId>,
    /// The file that was cut after it was copied, and is read on behind the copy.
    before: Option<FileId>,
}

/// A file that a compressed one may be a copy of.
#[derive(Debug)]
struct Source {
    out: HandedOut,
    /// The name under which it was first found.
    path: Arc<Path>,
    /// None if it is forgotten.
    id: Option<FileId>,
    /// Its name, if it is there.
    there: Option<Arc<Path>>,
}

/// What a look among the files says of a compressed one.
enum Read {
    UpTo(Origin),
    /// What it was compressed from is there and read itself.
    CopyOf(FileId),
    Unknown,
}

/// Files that are there: their names, and when they were made.
type There = HashMap<FileId, (Arc<Path>, Option<SystemTime>)>;

impl Running {
    /// Compressed files that need not be looked into, with their lengths.
    pub(super) fn known_archives(&self) -> HashSet<(FileId, u64)> {
        let known = self.files.entries().filter_map(|(id, entry)| {
            let archive = entry.archive?;
            Some((id, archive.len))
        });
        let left_alone = self.left_alone.iter().filter(|(_, left)| !left.again);
        known
            .chain(left_alone.map(|(id, left)| (*id, left.len)))
            .collect()
    }

    /// Whether a file is a compressed one, by its name.
    pub(super) fn is_archive(&self, file: &Found) -> bool {
        self.wanted.packed.is_some() && Packing::of(&file.path).is_some()
    }

    /// Takes new compressed files out of what was found, and forgets the files that they are copies of and that are gone;
    /// the inodes of these may be those of others by now, and are returned.
    pub(super) async fn take_archives(
        &mut self,
        findings: &mut Findings,
        is_unsettled: impl Fn(&Found) -> bool,
    ) -> Result<(Vec<NewArchive>, HashSet<FileId>), ConnectError> {
        self.look_at_left_alone(findings);
        let is_new = |file: &&Found| {
            let is_known = self.files.get(file.id).is_some() && !self.has_other(file);
            file.packed.is_some() && !is_known
        };
        let new: Vec<_> = findings
            .files
            .values()
            .filter(is_new)
            .map(|file| file.id)
            .collect();
        if new.is_empty() {
            return Ok(Default::default());
        }
        let there: There = findings
            .files
            .values()
            .map(|file| (file.id, (Arc::clone(&file.path), file.born)))
            .collect();
        let new: Vec<_> = new
            .iter()
            .filter_map(|id| findings.files.remove(id))
            .collect();
        let mut archives = Vec::new();
        let mut heads = None;
        for file in new.iter().filter(|file| !is_unsettled(file)) {
            archives.extend(self.look_into(file, &there, &mut heads).await?);
        }
        let gone: HashSet<_> = archives
            .iter()
            .filter_map(|archive| archive.origin.gone)
            .collect();
        for id in &gone {
            self.files.remove(*id);
        }
        for file in new.iter().filter(|file| !is_unsettled(file)) {
            if self.has_other(file) {
                self.give_up(file.id);
            }
        }
        Ok((archives, gone))
    }

    /// Files that were left alone are looked into again where what they are copies of is gone.
    fn look_at_left_alone(&mut self, findings: &Findings) {
        self.left_alone.retain(|id, left| {
            let is_there = |id: FileId| findings.files.contains_key(&id);
            if left.copy_of.is_some_and(|id| !is_there(id)) && !left.again {
                left.again = true;
                self.pace.hurry();
            }
            is_there(*id)
        });
    }

    async fn look_into(
        &mut self,
        file: &Found,
        there: &There,
        heads: &mut Option<Heads>,
    ) -> Result<Option<NewArchive>, ConnectError> {
        let Some(Packed { packing, head }) = &file.packed else {
            return Ok(None);
        };
        let head = match head {
            Ok(head) => head,
            Err(error) => {
                // Somebody may be writing it right now.
                let level = match error.kind() {
                    io::ErrorKind::UnexpectedEof => log::Level::Debug,
                    _ => log::Level::Warn,
                };
                log::log!(
                    level,
                    "cannot unpack {}, which is left alone until it changes: {error}",
                    file.path.display()
                );
                return Ok(self.leave_alone(file, None));
            }
        };
        if !self.share.has(file.id) {
            return Ok(self.leave_alone(file, None));
        }
        let origin = match self.origin(file, *packing, head, there, heads).await? {
            Read::UpTo(origin) => origin,
            Read::Unknown if self.is_wanted(file) => Origin::default(),
            Read::Unknown => return Ok(self.leave_alone(file, None)),
            Read::CopyOf(id) => return Ok(self.leave_alone(file, Some(id))),
        };
        self.left_alone.remove(&file.id);
        Ok(Some(NewArchive {
            file: file.clone(),
            packing: *packing,
            head: Arc::clone(head),
            origin,
        }))
    }

    /// Does not look into a file again as long as it has its length and what it is a copy of is there.
    fn leave_alone(&mut self, file: &Found, copy_of: Option<FileId>) -> Option<NewArchive> {
        let left = LeftAlone {
            len: file.len,
            copy_of,
            again: false,
        };
        self.left_alone.insert(file.id, left);
        None
    }

    /// Whether a file of which nothing is known is to be read.
    fn is_wanted(&self, file: &Found) -> bool {
        file.matched && self.ignore_older.is_none_or(|limit| file.age <= limit)
    }

    async fn origin(
        &self,
        file: &Found,
        packing: Packing,
        head: &[u8],
        there: &There,
        heads: &mut Option<Heads>,
    ) -> Result<Read, ConnectError> {
        let own = self.context.offset(&book::partition_map(file.id)).await?;
        let own = own.and_then(|offset| book::stored(&offset).ok());
        // One that a user has stored says nothing of the first bytes.
        if let Some(own) = own.filter(|own| own.head.is_none() || begins_so(own, head)) {
            return Ok(Read::UpTo(Origin {
                is_own: true,
                done: own.packed_len == Some(file.len),
                ..Origin::stored(own)
            }));
        }
        let sources = self.sources(file, head, there);
        let gone = sources
            .iter()
            .filter(|source| source.out.is_present && source.there.is_none());
        if let Some(source) = gone.max_by_key(|source| source.out.position) {
            return Ok(Read::UpTo(source.origin()));
        }
        for source in sources {
            if !source.out.is_present {
                return Ok(Read::UpTo(source.origin()));
            }
            let (Some(id), Some(source_path)) = (source.id, source.there) else {
                continue;
            };
            let (path, position) = (Arc::clone(&file.path), source.out.position);
            if blocking(move || is_copy(&source_path, position, &path, packing)).await? {
                return Ok(Read::CopyOf(id));
            }
        }
        let heads = match heads {
            Some(heads) => heads,
            None => heads.insert(Heads::new(&self.context.offsets().await?)),
        };
        self.stored_of_other(file, head, there, heads).await
    }

    /// Files of the same folder that are read, or were, and begin as the compressed one does.
    fn sources(&self, file: &Found, head: &[u8], there: &There) -> Vec<Source> {
        let folder = file.path.parent();
        let read = self
            .files
            .entries()
            .filter(|(_, entry)| entry.archive.is_none() && entry.path.parent() == folder);
        let read = read.filter_map(|(id, entry)| {
            let born = there.get(&id).map(|(_, born)| *born);
            Some(Source {
                out: entry.handed_out().of_copy(head)?,
                path: entry.book.path(),
                id: Some(id),
                there: born
                    .filter(|born| !entry.is_other(*born))
                    .map(|_| Arc::clone(&entry.path)),
            })
        });
        let gone = self
            .files
            .gone()
            .filter(|gone| gone.path.parent() == folder);
        let gone = gone.filter_map(|gone| {
            Some(Source {
                out: gone.of_copy(head)?,
                path: gone.book.path(),
                id: None,
                there: None,
            })
        });
        read.chain(gone).collect()
    }

    /// What is stored of a file that began with the same bytes and is gone; where that fits several, the one that was read
    /// least.
    async fn stored_of_other(
        &self,
        file: &Found,
        head: &[u8],
        there: &There,
        heads: &Heads,
    ) -> Result<Read, ConnectError> {
        let mut least: Option<&(FileId, Stored)> = None;
        for other in heads.of(head) {
            let (id, stored) = other;
            let path = stored.path.as_deref().map(Path::new);
            let may_be = path.is_some_and(|path| lineage::may_be_one_log(path, &file.path));
            let is_less = least.is_none_or(|(_, least)| stored.position < least.position);
            if *id != file.id && may_be && is_less && !is_still(there.get(id), stored.head).await? {
                least = Some(other);
            }
        }
        Ok(least.map_or(Read::Unknown, |(id, stored)| {
            Read::UpTo(Origin {
                gone: (!there.contains_key(id)).then_some(*id),
                ..Origin::stored(stored.clone())
            })
        }))
    }

    /// Adds a compressed file.
    pub(super) fn add_archive(&mut self, new: NewArchive, now: Duration) -> Found {
        let NewArchive {
            file,
            packing,
            head,
            origin,
        } = new;
        let (is_new, is_own) = (origin.path.is_none(), origin.is_own);
        let left_out = is_new && !self.looked && self.start == StartPosition::End;
        let stored = Stored {
            position: origin.position,
            head: None,
            path: origin.path,
            packed_len: None,
        };
        let mut entry = self.entry(&file, Some(stored), now);
        let settled = origin.done || left_out;
        entry.archive = Some(Archive {
            packing,
            len: file.len,
            settled,
            told: false,
        });
        entry.copied = origin.tail;
        entry.len = match settled {
            true => origin.position,
            false => file.len.max(origin.position + 1),
        };
        entry.state.looked(entry.len, now);
        if settled {
            entry.state.caught_up();
        } else if origin.position > 0 {
            log::info!(
                "{} is what {} was compressed to; reading on behind byte {} of what it unpacks to",
                file.path.display(),
                entry.book.path().display(),
                origin.position
            );
        }
        if !is_own && origin.position > 0 {
            // What is stored of the other file may be replaced by what is stored of a third one with its inode.
            entry.book.remember(&head, origin.position);
            let offset = entry.book.offset_at(origin.position);
            self.context
                .commit_offset(book::partition_map(file.id), offset);
        }
        self.files.insert(file.id, entry);
        if !file.matched {
            self.files.timed.insert(file.id);
        }
        if let Some(later) = origin.before {
            self.files.put_between(file.id, later);
        }
        file
    }
}

impl Source {
    /// Where to go on behind what was read of it.
    fn origin(&self) -> Origin {
        let is_present = self.out.is_present;
        Origin {
            position: self.out.position,
            path: Some(self.path.to_string_lossy().into_owned()),
            tail: self.out.tail.clone(),
            gone: self.id.filter(|_| self.there.is_none() && is_present),
            before: self.id.filter(|_| self.there.is_some() && !is_present),
            ..Origin::default()
        }
    }
}

impl Origin {
    fn stored(stored: Stored) -> Self {
        Self {
            position: stored.position,
            path: stored.path,
            ..Self::default()
        }
    }
}

/// Whether an offset is of a file that begins with these bytes.
fn begins_so(stored: &Stored, head: &[u8]) -> bool {
    stored.head.is_some_and(|known| known.tells(head))
}

/// Whether the file that is there is still the one that an offset is of.
async fn is_still(
    there: Option<&(Arc<Path>, Option<SystemTime>)>,
    head: Option<Head>,
) -> Result<bool, ConnectError> {
    let (Some((path, _)), Some(head)) = (there, head) else {
        return Ok(false);
    };
    let path = Arc::clone(path);
    let is_still = blocking(move || {
        let plain = read_head(&path).is_ok_and(|bytes| head.matches(&bytes));
        let unpacked = || Packing::of(&path).and_then(|packing| first_bytes(&path, packing).ok());
        plain || unpacked().is_some_and(|bytes| head.matches(&bytes))
    });
    is_still.await
}

/// Whether a compressed file unpacks to what a file holds before a position, as far as that is compared. Blocks.
fn is_copy(source: &Path, position: u64, path: &Path, packing: Packing) -> bool {
    let before = read_before(source, position);
    before.is_ok_and(|before| has_at(path, packing, position, &before))
}
