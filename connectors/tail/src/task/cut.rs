//! Files that were cut and written anew: what was not read before is in the copy, if there is one.

use std::path::Path;
use std::sync::Arc;

use millrace_api::ConnectError;

use super::{Running, blocking};
use crate::book;
use crate::copies::{self, Lost};
use crate::identity::{FileId, Head};
use crate::open::{Opening, Request, open};
use crate::scan::Found;

/// A file that was cut.
#[derive(Debug)]
pub(super) struct FileCut {
    id: FileId,
    /// The name under which it was first found.
    first: Arc<Path>,
    lost: Lost,
    /// Looks that were taken in before.
    looks: u64,
}

/// Looks of which one has begun after the first of them was taken in.
const LOOKS: u64 = 2;

impl Running {
    /// The file was cut while it was read.
    pub(super) fn cut(&mut self, id: FileId) {
        if let Some(entry) = self.files.get(id) {
            let (head, tail) = entry.book.ends();
            self.begin_anew(id, head, tail);
        }
    }

    /// The file was cut while nobody looked; `expected` is what a stored offset says of its first bytes.
    pub(super) fn cut_before(&mut self, id: FileId, expected: Head) {
        self.begin_anew(id, expected, Vec::new());
    }

    /// The file is read from its start, once its copy was looked for.
    fn begin_anew(&mut self, id: FileId, head: Head, tail: Vec<u8>) {
        let now = self.now();
        let Some(entry) = self.files.get_mut(id) else {
            return;
        };
        let folder = entry.path.parent().unwrap_or(Path::new("/"));
        let lost = Lost {
            folder: folder.to_owned(),
            head,
            tail,
            position: entry.state.position(),
            len: entry.len.max(entry.state.position() + entry.state.begun()),
        };
        entry.state.restart(now);
        entry.book.begin_generation();
        let first = entry.book.path();
        // What looks like a cut may be another file with the same inode.
        entry.book.found_as(Arc::clone(&entry.path));
        entry.send_to(self.router.route(&entry.path.to_string_lossy()));
        entry.cut = true;
        self.files.after_turn(id, false);
        self.cuts.push(FileCut {
            id,
            first,
            lost,
            looks: self.looks,
        });
    }

    /// Looks for the copies of files that were cut; they are read before the files go on.
    pub(super) async fn find_copies(&mut self) -> Result<(), ConnectError> {
        for cut in std::mem::take(&mut self.cuts) {
            let tracked = self.files.tracked();
            let globs = Arc::clone(&self.wanted.globs);
            let find = move || (copies::find(&cut.lost, &globs, &tracked), cut);
            let (copy, cut) = blocking(find).await?;
            if copy.as_ref().is_some_and(|copy| self.must_wait(&cut, copy)) {
                self.cuts.push(cut);
                self.pace.hurry();
                continue;
            }
            self.copy_found(cut, copy).await?;
        }
        Ok(())
    }

    /// What is stored of a file whose inode the copy has may be needed still: the next looks tell what it was compressed to.
    fn must_wait(&self, cut: &FileCut, copy: &Found) -> bool {
        let other = self.files.get(copy.id);
        other.is_some_and(|entry| entry.archive.is_none()) && self.looks < cut.looks + LOOKS
    }

    async fn copy_found(&mut self, cut: FileCut, copy: Option<Found>) -> Result<(), ConnectError> {
        let FileCut {
            id, first, lost, ..
        } = cut;
        let path = self.files.get(id).map(|entry| Arc::clone(&entry.path));
        let path = path.unwrap_or_else(|| Path::new("").into());
        let copied = copy.as_ref().map_or(0, |copy| copy.len);
        self.tally.cut(&path, lost.bytes(copied));
        match copy {
            Some(copy) => {
                log::info!(
                    "{} was cut; reading on from byte {} of its copy {}, then from its start",
                    path.display(),
                    lost.position,
                    copy.path.display()
                );
                self.add_copy(id, &copy, lost.position, first).await?;
            }
            None => log::info!("{} was cut; reading it from its start", path.display()),
        }
        if let Some(entry) = self.files.get_mut(id) {
            entry.cut = false;
        }
        self.files.make_ready(id);
        Ok(())
    }

    async fn add_copy(
        &mut self,
        id: FileId,
        copy: &Found,
        position: u64,
        first: Arc<Path>,
    ) -> Result<(), ConnectError> {
        let position = position.max(self.read_of_copy(copy).await?);
        let now = self.now();
        let mut entry = self.entry(copy, None, now);
        entry.state.skip_to(position);
        entry.send_to(self.router.route(&first.to_string_lossy()));
        entry.book.found_as(first);
        self.files.remove(copy.id);
        self.files.insert(copy.id, entry);
        self.files.timed.insert(copy.id);
        // Meanwhile it may have been put after an older file.
        self.files.put_between(copy.id, id);
        self.files.make_ready(copy.id);
        Ok(())
    }

    /// How far the copy was read before a restart. A stored offset may be of an earlier file with its inode.
    async fn read_of_copy(&self, copy: &Found) -> Result<u64, ConnectError> {
        let stored = self.context.offset(&book::partition_map(copy.id)).await?;
        let Some(stored) = stored.and_then(|offset| book::stored(&offset).ok()) else {
            return Ok(0);
        };
        let request = Request {
            id: copy.id,
            path: Arc::clone(&copy.path),
            position: stored.position,
            expected: stored.head,
            born: None,
            encoding: self.encoding,
            unpack: None,
        };
        let opening = blocking(move || open(&request)).await?;
        let is_of_copy = matches!(&opening, Opening::Opened(opened) if opened.is_expected && opened.len >= stored.position);
        Ok(if is_of_copy { stored.position } else { 0 })
    }
}
