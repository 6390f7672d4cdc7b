//! The files of a task, and whose turn it is.
//!
//! Files with something to read stand in one line and get a block each in turn, so that none starves another. Few are
//! open: who has waited longest for something to read is closed first, and opened again when there is something.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use millrace_api::{Column, Schema, SourceRun};

use crate::book::{Book, HandedOut};
use crate::copies::Tracked;
use crate::headers::Headers;
use crate::identity::{FileId, Head};
use crate::open::OpenFile;
use crate::packed::Packing;
use crate::state::{FileState, Place};
use crate::template::Route;
use crate::turn::Flush;

/// Files of which something is remembered after they are forgotten.
const GONE_MAX: usize = 1000;

/// What a compressed file is, beside a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Archive {
    pub(crate) packing: Packing,
    /// Its own length.
    pub(crate) len: u64,
    /// As long as it has this length, there is nothing more to read: it was read to its end, or cannot be unpacked.
    pub(crate) settled: bool,
    /// That it cannot be unpacked was told.
    pub(crate) told: bool,
}

impl Archive {
    /// The file has this length; true if that is another one, so that there may be more to read.
    pub(crate) fn has_len(&mut self, len: u64) -> bool {
        let changed = std::mem::replace(&mut self.len, len) != len;
        self.settled &= !changed;
        changed
    }
}

/// One file.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) path: Arc<Path>,
    pub(crate) state: FileState,
    pub(crate) book: Arc<Book>,
    pub(crate) run: SourceRun,
    /// The key of its records.
    pub(crate) key: Option<Arc<str>>,
    pub(crate) headers: Headers,
    pub(crate) open: Option<OpenFile>,
    /// If it is compressed.
    pub(crate) archive: Option<Archive>,
    /// What stands before its position in the file that it is a compressed copy of, until it was opened.
    pub(crate) copied: Vec<u8>,
    /// What its stored offset says of its first bytes, until it was opened.
    pub(crate) expected: Option<Head>,
    /// It is read from its end, and that may be inside a line.
    pub(crate) from_end: bool,
    /// Its position is one that Flume has stored for its inode, which may be that of an earlier file.
    pub(crate) from_flume: bool,
    /// Its length at the last look.
    pub(crate) len: u64,
    /// When it was made, where that is known.
    pub(crate) born: Option<SystemTime>,
    /// It is to be read when it is found again, whatever its length.
    pub(crate) look_again: bool,
    /// The name that it had before, as long as no other file has taken that.
    pub(crate) left: Option<Arc<Path>>,
    /// Looks that did not find it.
    pub(crate) missed: u32,
    /// The file whose place it has taken, and which is read to its end first.
    pub(crate) after: Option<FileId>,
    /// What is to be handed out in the next turn though it may go on.
    pub(crate) flush: Flush,
    /// It was cut, and is read once its copy was looked for.
    pub(crate) cut: bool,
    /// It is let go when it is read to its end.
    pub(crate) release: bool,
    /// It could not be opened or read, which was told.
    pub(crate) failed: bool,
    queued: bool,
    used: u64,
}

impl Entry {
    pub(crate) fn new(
        path: Arc<Path>,
        state: FileState,
        book: Arc<Book>,
        run: SourceRun,
        headers: Headers,
    ) -> Self {
        Self {
            path,
            state,
            book,
            run,
            key: None,
            headers,
            open: None,
            archive: None,
            copied: Vec::new(),
            expected: None,
            from_end: false,
            from_flume: false,
            len: 0,
            born: None,
            look_again: false,
            left: None,
            missed: 0,
            after: None,
            flush: Flush::Nothing,
            cut: false,
            release: false,
            failed: false,
            queued: false,
            used: 0,
        }
    }

    /// The file has another name.
    pub(crate) fn rename(&mut self, path: &Arc<Path>) {
        self.left = Some(std::mem::replace(&mut self.path, Arc::clone(path)));
        self.headers.rename(Arc::clone(path));
    }

    /// Where its records go.
    pub(crate) fn send_to(&mut self, route: Route) {
        self.run.topic = route.topic;
        self.run.key = match route.key {
            Some(_) => Column::Text(Some(Schema::string())),
            None => Column::Null,
        };
        self.key = route.key;
    }

    /// Whether a file that was made then, with the same inode, is another one.
    pub(crate) fn is_other(&self, born: Option<SystemTime>) -> bool {
        // As long as a file is open, nobody else gets its inode.
        self.open.is_none() && born.zip(self.born).is_some_and(|(one, other)| one != other)
    }

    /// Whether nothing of it was read by this task: its position may be one that is stored of an earlier file with its inode.
    pub(crate) fn is_untouched(&self) -> bool {
        self.expected.is_some() || self.state.is_at_start()
    }

    /// How far it was handed out, as it is remembered once it is gone.
    pub(crate) fn handed_out(&self) -> Gone {
        Gone {
            path: Arc::clone(&self.path),
            book: Arc::clone(&self.book),
            stored: self.expected.map(|head| (head, self.state.position())),
        }
    }

    /// Whether it is a compressed file of which there is nothing more to read.
    pub(crate) fn is_settled(&self) -> bool {
        self.archive.is_some_and(|archive| archive.settled)
    }

    /// Bytes that are known to be there and were not handed out: all, where the file was cut.
    pub(crate) fn unread(&self) -> u64 {
        let position = self.state.position();
        self.len.checked_sub(position).unwrap_or(self.len)
    }
}

/// What is remembered of a file that is gone: it may have been compressed, which shows a look later.
#[derive(Debug)]
pub(crate) struct Gone {
    pub(crate) path: Arc<Path>,
    pub(crate) book: Arc<Book>,
    /// What is stored of it, if it was not opened.
    stored: Option<(Head, u64)>,
}

impl Gone {
    /// How far it was handed out, if a file that begins with these bytes may be a copy of it.
    pub(crate) fn of_copy(&self, bytes: &[u8]) -> Option<HandedOut> {
        let Some((head, position)) = self.stored else {
            return self.book.of_copy(bytes);
        };
        head.tells(bytes).then(|| HandedOut {
            position,
            tail: Vec::new(),
            is_present: true,
        })
    }
}

/// All files of a task.
#[derive(Debug, Default)]
pub(crate) struct Files {
    entries: HashMap<FileId, Entry>,
    by_path: HashMap<Arc<Path>, FileId>,
    /// Open files with something to read.
    ready: VecDeque<FileId>,
    /// The same, not open.
    closed: VecDeque<FileId>,
    /// The same, not open and compressed.
    packed: VecDeque<FileId>,
    /// Who waits for a file to be read to its end.
    followers: HashMap<FileId, Vec<FileId>>,
    /// Those that were forgotten last.
    gone: VecDeque<Gone>,
    /// Files for which something may become due.
    pub(crate) timed: HashSet<FileId>,
    open: usize,
    turns: u64,
}

impl Files {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get_mut(&mut self, id: FileId) -> Option<&mut Entry> {
        self.entries.get_mut(&id)
    }

    pub(crate) fn get(&self, id: FileId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = FileId> {
        self.entries.keys().copied()
    }

    /// Files with their names and times of birth; without those that may have nothing but their inode in common with a file
    /// that was read.
    pub(crate) fn tracked(&self) -> Tracked {
        let entries = self.entries.iter();
        entries
            .filter(|(_, entry)| entry.expected.is_none())
            .map(|(id, entry)| (*id, (Arc::clone(&entry.path), entry.born)))
            .collect()
    }

    /// Files that were forgotten, the last one first.
    pub(crate) fn gone(&self) -> impl Iterator<Item = &Gone> {
        self.gone.iter()
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (FileId, &Entry)> {
        self.entries.iter().map(|(id, entry)| (*id, entry))
    }

    pub(crate) fn entries_mut(&mut self) -> impl Iterator<Item = (FileId, &mut Entry)> {
        self.entries.iter_mut().map(|(id, entry)| (*id, entry))
    }

    /// The file that has a name.
    pub(crate) fn at(&self, path: &Path) -> Option<FileId> {
        self.by_path.get(path).copied()
    }

    pub(crate) fn insert(&mut self, id: FileId, entry: Entry) {
        self.by_path.insert(Arc::clone(&entry.path), id);
        self.entries.insert(id, entry);
    }

    /// The file has another name.
    pub(crate) fn rename(&mut self, id: FileId, path: &Arc<Path>) {
        if let Some(entry) = self.entries.get_mut(&id) {
            if self.by_path.get(&entry.path) == Some(&id) {
                self.by_path.remove(&entry.path);
            }
            entry.rename(path);
            self.by_path.insert(Arc::clone(path), id);
        }
    }

    /// Forgets a file.
    pub(crate) fn remove(&mut self, id: FileId) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        if self.by_path.get(&entry.path) == Some(&id) {
            self.by_path.remove(&entry.path);
        }
        // Another file may get its inode, and wait for somebody else.
        if let Some(ahead) = entry.after {
            self.leave_line(id, ahead);
        }
        self.timed.remove(&id);
        self.open -= usize::from(entry.open.is_some());
        if entry.archive.is_none() && entry.state.position() > 0 {
            self.gone.truncate(GONE_MAX - 1);
            self.gone.push_front(entry.handed_out());
        }
        // Whomever it has waited for comes before those who wait for it.
        if let Some(ahead) = entry.after {
            let followers = self.followers.remove(&id).unwrap_or_default();
            for follower in &followers {
                if let Some(entry) = self.entries.get_mut(follower) {
                    entry.after = None;
                }
            }
            for follower in followers {
                self.put_after(follower, ahead);
                self.make_ready(follower);
            }
        }
        self.let_follow(id);
        Some(entry)
    }

    /// The file has something to read, if it waits for no other.
    pub(crate) fn make_ready(&mut self, id: FileId) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        if entry.queued || entry.after.is_some() || entry.cut || entry.is_settled() {
            return;
        }
        entry.queued = true;
        if entry.open.is_some() {
            self.ready.push_back(id);
        } else {
            self.wait_to_be_opened(id);
        }
    }

    fn wait_to_be_opened(&mut self, id: FileId) {
        let is_packed = self.get(id).is_some_and(|entry| entry.archive.is_some());
        match is_packed {
            true => self.packed.push_back(id),
            false => self.closed.push_back(id),
        }
    }

    /// `id` is read once `before` was read to its end; not if that waits for `id`, or is read no more.
    pub(crate) fn put_after(&mut self, id: FileId, before: FileId) {
        if self.get(before).is_some_and(Entry::is_settled) {
            return;
        }
        if !self.entries.contains_key(&before) || self.waits_for(before, id) {
            return;
        }
        if let Some(entry) = self
            .entries
            .get_mut(&id)
            .filter(|entry| entry.after.is_none())
        {
            entry.after = Some(before);
            self.followers.entry(before).or_default().push(id);
        }
    }

    /// Whether `id` is read after `other`, or is that.
    pub(crate) fn waits_for(&self, id: FileId, other: FileId) -> bool {
        let after = |id: &FileId| self.entries.get(id)?.after;
        std::iter::successors(Some(id), after).any(|one| one == other)
    }

    /// `id` is read once `before` was, and that once whomever `id` has waited for was.
    pub(crate) fn put_between(&mut self, before: FileId, id: FileId) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let ahead = entry.after.take();
        if let Some(ahead) = ahead {
            self.leave_line(id, ahead);
        }
        self.put_after(id, before);
        if let Some(ahead) = ahead {
            self.put_after(before, ahead);
        }
    }

    /// `id` waits for `ahead` no more.
    fn leave_line(&mut self, id: FileId, ahead: FileId) {
        if let Some(line) = self.followers.get_mut(&ahead) {
            line.retain(|follower| *follower != id);
        }
    }

    /// `id` was read to its end: whoever waited for it is next.
    pub(crate) fn let_follow(&mut self, id: FileId) {
        for follower in self.followers.remove(&id).unwrap_or_default() {
            if let Some(entry) = self.entries.get_mut(&follower) {
                entry.after = None;
                self.make_ready(follower);
            }
        }
    }

    /// The next open file that has something to read.
    pub(crate) fn next_ready(&mut self) -> Option<FileId> {
        while let Some(id) = self.ready.pop_front() {
            let Some(entry) = self.entries.get_mut(&id) else {
                continue;
            };
            if entry.after.is_some() {
                entry.queued = false;
                continue;
            }
            if entry.open.is_some() {
                self.turns += 1;
                entry.used = self.turns;
                return Some(id);
            }
            // Closed while it stood in the line.
            self.wait_to_be_opened(id);
        }
        None
    }

    /// A turn has ended; with `more` the file goes to the end of the line.
    pub(crate) fn after_turn(&mut self, id: FileId, more: bool) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        entry.queued = more;
        if more {
            self.ready.push_back(id);
        }
    }

    /// The next compressed file to be opened.
    pub(crate) fn next_packed(&mut self) -> Option<FileId> {
        while let Some(id) = self.packed.pop_front() {
            let Some(entry) = self.entries.get_mut(&id) else {
                continue;
            };
            if entry.archive.is_none() || entry.open.is_some() {
                continue;
            }
            entry.queued &= entry.after.is_none() && !entry.is_settled();
            if entry.queued {
                return Some(id);
            }
        }
        None
    }

    /// Closes a file that can be opened again, and says what is to be dropped.
    pub(crate) fn close(&mut self, id: FileId) -> Option<OpenFile> {
        let closed = self.entries.get_mut(&id)?.open.take();
        self.open -= usize::from(closed.is_some());
        closed
    }

    /// Whether a file has something to read.
    pub(crate) fn has_work(&self) -> bool {
        !self.ready.is_empty() || !self.closed.is_empty()
    }

    /// Files to open now, at most `most`.
    pub(crate) fn take_closed(&mut self, most: usize) -> Vec<FileId> {
        let most = self.closed.len().min(most);
        let ids = self.closed.drain(..most);
        let entries = &mut self.entries;
        ids.filter(|id| {
            let Some(entry) = entries.get_mut(id) else {
                return false;
            };
            // It may have been put behind another one, or have the inode of one that stood in the line.
            if entry.archive.is_some() {
                return false;
            }
            entry.queued &= entry.after.is_none();
            entry.queued
        })
        .collect()
    }

    /// A file was opened.
    pub(crate) fn opened(&mut self, id: FileId, file: OpenFile) {
        if let Some(entry) = self.entries.get_mut(&id) {
            self.open += usize::from(entry.open.is_none());
            entry.open = Some(file);
            entry.failed = false;
            self.turns += 1;
            entry.used = self.turns;
            if entry.queued {
                self.ready.push_back(id);
            }
        }
    }

    /// A file could not be opened or read; it is tried again when something is seen of it.
    pub(crate) fn failed(&mut self, id: FileId) {
        self.put_off(id);
        self.let_follow(id);
    }

    /// A file was not found under its name; it is tried again when it is found, and those behind it wait.
    pub(crate) fn put_off(&mut self, id: FileId) {
        if let Some(entry) = self.entries.get_mut(&id) {
            self.open -= usize::from(entry.open.take().is_some());
            entry.queued = false;
            entry.look_again = true;
        }
    }

    /// Takes away what is open of files that were not written to for `limit` and can be opened again.
    pub(crate) fn close_quiet(&mut self, now: Duration, limit: Duration) -> Vec<OpenFile> {
        let quiet = self.entries.values_mut().filter(|entry| {
            let named = entry.state.place() == Place::Named;
            named && !entry.queued && entry.state.quiet(now) >= limit
        });
        let closed: Vec<_> = quiet.filter_map(|entry| entry.open.take()).collect();
        self.open -= closed.len();
        closed
    }

    /// Takes away what is open above `most` files: first of files that have nothing to read. A deleted file stays open,
    /// for it cannot be opened again.
    pub(crate) fn close_above(&mut self, most: usize) -> Vec<OpenFile> {
        let above = self.open.saturating_sub(most);
        if above == 0 {
            return Vec::new();
        }
        let mut candidates: Vec<_> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.open.is_some() && entry.state.place() != Place::Gone)
            // What was unpacked once would be unpacked again.
            .filter(|(_, entry)| entry.archive.is_none())
            .map(|(id, entry)| (entry.queued, entry.used, *id))
            .collect();
        let above = above.min(candidates.len());
        if above < candidates.len() {
            candidates.select_nth_unstable(above);
        }
        candidates.truncate(above);
        let entries = &mut self.entries;
        let closed: Vec<_> = candidates
            .iter()
            .filter_map(|(_, _, id)| entries.get_mut(id)?.open.take())
            .collect();
        self.open -= closed.len();
        closed
    }
}

#[cfg(test)]
mod tests;
