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
        self.files.after_turn(id, false);
        self.cuts.push((id, first, lost));
    }

    /// Looks for the copies of files that were cut; they are read before the files go on.
    pub(super) async fn find_copies(&mut self) -> Result<(), ConnectError> {
        while let Some((id, first, lost)) = self.cuts.pop() {
            let tracked = self.files.tracked();
            let globs = Arc::clone(&self.wanted.globs);
            let position = lost.position;
            let find = move || (copies::find(&lost, &globs, &tracked), lost);
            let (copy, lost) = blocking(find).await?;
            let path = self.files.get(id).map(|entry| Arc::clone(&entry.path));
            let path = path.unwrap_or_else(|| Path::new("").into());
            let copied = copy.as_ref().map_or(0, |copy| copy.len);
            self.tally.cut(&path, lost.bytes(copied));
            match copy {
                Some(copy) => {
                    log::info!(
                        "{} was cut; reading on from byte {position} of its copy {}, then from its start",
                        path.display(),
                        copy.path.display()
                    );
                    self.add_copy(id, &copy, position, first).await?;
                }
                None => log::info!("{} was cut; reading it from its start", path.display()),
            }
            self.files.make_ready(id);
        }
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
        };
        let opening = blocking(move || open(&request)).await?;
        let is_of_copy = matches!(&opening, Opening::Opened(opened) if opened.is_expected && opened.len >= stored.position);
        Ok(if is_of_copy { stored.position } else { 0 })
    }
}
