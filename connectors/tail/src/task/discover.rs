//! Takes in what a look at the folders has found.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use millrace_api::{Column, ConnectError, SourceRun};
use tokio::task::{spawn_blocking, yield_now};

use super::Running;
use crate::book::{self, Book, Stored};
use crate::config::StartPosition;
use crate::files::Entry;
use crate::headers::Headers;
use crate::identity::FileId;
use crate::lineage;
use crate::scan::{Findings, Found};
use crate::state::{FileState, Place};

/// Looks since a file was found, the one that found it included, after which it counts as gone: a single walk may pass
/// by a file that is renamed under it.
const MISSED_MAX: u32 = 2;
/// Looks in a row that may fall into changes of names before what they find is taken as it is.
const UNSETTLED_MAX: u32 = 50;
/// New files after which other tasks get their turn.
const NEW_AT_ONCE: usize = 64;

impl Running {
    pub(super) async fn take_in(&mut self, mut findings: Findings) -> Result<(), ConnectError> {
        let now = self.now();
        self.tell_unreadable(&findings);
        let unsettled = self.unsettled(&mut findings);
        let is_unsettled = |file: &Found| {
            let folder = file.path.parent();
            folder.is_some_and(|folder| unsettled.contains(folder))
        };
        let (archives, gone) = self.take_archives(&mut findings, is_unsettled).await?;
        let mut reborn = self.forget_others(&findings, is_unsettled);
        reborn.extend(gone);
        let (mut known, mut new): (Vec<Found>, Vec<Found>) = std::mem::take(&mut findings.files)
            .into_values()
            .filter(|file| self.files.get(file.id).is_some() || self.share.has(file.id))
            .partition(|file| self.files.get(file.id).is_some());
        known.retain(|file| !self.has_other(file));
        // An older generation may have been passed by, which would then be read later.
        new.retain(|file| !is_unsettled(file) && !self.is_archive(file));
        // Asked before names change: which files have another one's name now. The inode of a deleted file may have been
        // given to a new one, so that what looks like a rename may be a new file.
        let moved: HashMap<FileId, FileId> = new
            .iter()
            .chain(&known)
            .filter_map(|file| Some((file.id, self.files.at(&file.path)?)))
            .filter(|(id, before)| id != before)
            .collect();
        for file in &known {
            self.found_again(file, now);
        }
        new.sort_by(|one, other| (one.modified, &one.path).cmp(&(other.modified, &other.path)));
        let mut added = self.add_all(new, &reborn, now).await?;
        for archive in archives {
            added.push(self.add_archive(archive, now));
        }
        self.replace(now);
        self.miss(now, &unsettled);
        self.order(&added, &known, &moved);
        for file in &added {
            self.files.make_ready(file.id);
        }
        self.looks += u64::from(unsettled.is_empty());
        if !self.looked && unsettled.is_empty() {
            self.looked = true;
            log::info!("reads {} files", self.files.len());
        }
        self.tally.tell(&self.context);
        self.lag.hurry();
        let closed = self.files.close_quiet(now, self.close_inactive);
        if !closed.is_empty() {
            spawn_blocking(move || drop(closed));
        }
        Ok(())
    }

    /// Folders whose new files wait for another look, which comes soon. Where names never stop changing, what is found
    /// is taken as it is.
    fn unsettled(&mut self, findings: &mut Findings) -> HashSet<PathBuf> {
        let unsettled = std::mem::take(&mut findings.unsettled);
        if unsettled.is_empty() || self.unsettled_looks >= UNSETTLED_MAX {
            self.unsettled_looks = 0;
            return HashSet::new();
        }
        self.unsettled_looks += 1;
        self.pace.hurry();
        unsettled
    }

    /// Forgets files whose inodes others have now, and says which. Where an older generation may have been passed by, they are
    /// not forgotten yet: what they were compressed to may have been passed by too.
    fn forget_others(
        &mut self,
        findings: &Findings,
        is_unsettled: impl Fn(&Found) -> bool,
    ) -> HashSet<FileId> {
        let others: HashSet<FileId> = findings
            .files
            .values()
            .filter(|file| self.has_other(file) && !is_unsettled(file))
            .map(|file| file.id)
            .collect();
        for id in &others {
            self.give_up(*id);
        }
        others
    }

    /// Whether the inode of what was found is that of another file that is known.
    pub(super) fn has_other(&self, file: &Found) -> bool {
        let entry = self.files.get(file.id);
        entry.is_some_and(|entry| entry.is_other(file.born))
    }

    fn tell_unreadable(&mut self, findings: &Findings) {
        let folders: HashSet<PathBuf> = findings
            .unreadable
            .iter()
            .map(|(folder, error)| {
                if !self.unreadable.contains(folder) {
                    log::warn!("cannot look for files in {}: {error}", folder.display());
                }
                folder.clone()
            })
            .collect();
        self.unreadable = folders;
    }

    /// A file that is known: it may have another name, and more bytes.
    fn found_again(&mut self, file: &Found, now: Duration) {
        let Some(entry) = self.files.get_mut(file.id) else {
            return;
        };
        entry.missed = 0;
        let renamed = entry.path != file.path;
        let place = if file.matched {
            Place::Named
        } else {
            Place::Strayed
        };
        entry.state.found(place, renamed, now);
        let changed = match &mut entry.archive {
            Some(archive) => archive.has_len(file.len),
            None => {
                entry.len = file.len;
                entry.state.looked(file.len, now)
            }
        };
        let grown = std::mem::take(&mut entry.look_again) || changed;
        let is_archive = entry.archive.is_some();
        if renamed {
            log::debug!(
                "{} is called {} now",
                entry.path.display(),
                file.path.display()
            );
            self.files.rename(file.id, &file.path);
            self.renamed.push(file.id);
        }
        if renamed || place != Place::Named {
            self.files.timed.insert(file.id);
        }
        if grown && is_archive {
            // What unpacks it knows of its old end only.
            let open = self.files.close(file.id);
            spawn_blocking(move || drop(open));
        }
        if grown {
            self.files.make_ready(file.id);
        }
    }

    /// Renamed files whose names others have taken were rotated.
    fn replace(&mut self, now: Duration) {
        for id in std::mem::take(&mut self.renamed) {
            let left = self.files.get(id).and_then(|entry| entry.left.clone());
            let Some(left) = left else { continue };
            if self.files.at(&left).is_none_or(|other| other == id) {
                self.renamed.push(id);
            } else if let Some(entry) = self.files.get_mut(id) {
                entry.left = None;
                entry.state.replaced(now);
                self.files.timed.insert(id);
            }
        }
        self.renamed.sort_unstable();
        self.renamed.dedup();
    }

    /// Adds those files that are to be read; they are returned.
    async fn add_all(
        &mut self,
        new: Vec<Found>,
        reborn: &HashSet<FileId>,
        now: Duration,
    ) -> Result<Vec<Found>, ConnectError> {
        let mut added = Vec::new();
        for (index, file) in new.into_iter().enumerate() {
            if index % NEW_AT_ONCE == NEW_AT_ONCE - 1 {
                yield_now().await;
            }
            let partition = book::partition_map(file.id);
            let stored = match self.context.offset(&partition).await? {
                Some(offset) if !reborn.contains(&file.id) => Some(book::stored(&offset)?),
                _ => None,
            };
            let of_flume = match stored {
                None => self.flume.of(file.id.inode, &file.path),
                Some(_) => None,
            };
            let from_flume = of_flume.is_some();
            let stored = stored.or(of_flume);
            let too_old = self.ignore_older.is_some_and(|limit| file.age > limit);
            if stored.is_none() && (!file.matched || too_old) {
                continue;
            }
            let mut entry = self.entry(&file, stored, now);
            entry.from_flume = from_flume;
            let first = entry.book.path();
            if first != file.path {
                entry.left = Some(first);
                self.renamed.push(file.id);
            }
            self.files.insert(file.id, entry);
            if !file.matched {
                self.files.timed.insert(file.id);
            }
            added.push(file);
        }
        Ok(added)
    }

    pub(super) fn entry(&self, file: &Found, stored: Option<Stored>, now: Duration) -> Entry {
        let from_end = stored.is_none() && !self.looked && self.start == StartPosition::End;
        let position = match &stored {
            Some(stored) => stored.position,
            None if from_end => file.len,
            None => 0,
        };
        let mut state = FileState::new(position, now);
        state.looked(file.len, now);
        if !file.matched {
            state.found(Place::Strayed, false, now);
        }
        // A renamed file goes on under the topic and the key of the name that it was first found under.
        let first = stored.as_ref().and_then(|stored| stored.path.as_ref());
        let first: Arc<Path> =
            first.map_or_else(|| Arc::clone(&file.path), |path| Path::new(path).into());
        let route = self.router.route(&first.to_string_lossy());
        let book = Arc::new(Book::new(first, Vec::new()));
        let run = SourceRun {
            end: 0,
            topic: Arc::clone(&route.topic),
            partition: None,
            source: book::partition(file.id, &book),
            key: Column::Null,
            value: self.value.clone(),
            headers: None,
        };
        let headers = Headers::new(
            Arc::clone(&self.header_kinds),
            Arc::clone(&file.path),
            Arc::clone(&self.router.host),
            file.id,
        );
        let mut entry = Entry::new(Arc::clone(&file.path), state, book, run, headers);
        entry.send_to(route);
        entry.expected = stored.and_then(|stored| stored.head);
        entry.from_end = from_end;
        entry.len = file.len;
        entry.born = file.born;
        entry
    }

    /// Generations of one log are read one after another: files that are new, or have another one's name, or of which
    /// nothing was read, after those that have something to read.
    fn order(&mut self, added: &[Found], known: &[Found], moved: &HashMap<FileId, FileId>) {
        if added.is_empty() && moved.is_empty() {
            return;
        }
        // Whoever waited for a file whose inode a new one has is let go, and the new one may be an older generation.
        let untouched = known.iter().map(|file| file.id).filter(|id| {
            let entry = self.files.get(*id);
            entry.is_some_and(Entry::is_untouched)
        });
        let waiting: HashSet<FileId> = added
            .iter()
            .map(|file| file.id)
            .chain(moved.keys().copied())
            .chain(untouched)
            .collect();
        let new: HashSet<FileId> = added.iter().map(|file| file.id).collect();
        let replaced: HashSet<FileId> = moved.values().copied().collect();
        let files: Vec<&Found> = known
            .iter()
            .chain(added)
            .filter(|file| {
                let entry = self.files.get(file.id);
                // Nobody is to wait for one that is never read again.
                if entry.is_some_and(Entry::is_settled) {
                    return false;
                }
                let unread = entry.is_some_and(|entry| entry.len != entry.state.position());
                // At the first look, nobody knows which files were cut while nobody looked.
                !self.looked
                    || unread
                    || waiting.contains(&file.id)
                    || replaced.contains(&file.id)
                    || moved.contains_key(&file.id)
            })
            .collect();
        let named: Vec<_> = files
            .iter()
            .map(|file| (&*file.path, file.modified))
            .collect();
        for (later, earlier) in lineage::order(&named) {
            let (later, earlier) = (files[later].id, files[earlier].id);
            if !waiting.contains(&later) {
                continue;
            }
            let ahead = self.files.get(later).and_then(|entry| entry.after);
            // What is new may stand between two that wait for one another already.
            if ahead.is_some_and(|ahead| {
                new.contains(&earlier) && !self.files.waits_for(ahead, earlier)
            }) {
                self.files.put_between(earlier, later);
            } else {
                self.files.put_after(later, earlier);
            }
            self.files.make_ready(earlier);
        }
        // Also where the walk has passed by the old file, because it was just renamed.
        for (&later, &earlier) in moved {
            self.files.put_after(later, earlier);
            self.files.make_ready(earlier);
        }
    }

    /// Files that were not found: renamed out of the folders, or deleted.
    fn miss(&mut self, now: Duration, unsettled: &HashSet<PathBuf>) {
        let mut gone: Vec<FileId> = Vec::new();
        let mut again = false;
        let unreadable = &self.unreadable;
        for (id, entry) in self.files.entries_mut() {
            let hidden = entry
                .path
                .parent()
                .is_some_and(|folder| unreadable.contains(folder) || unsettled.contains(folder));
            // Found files have been set to none, so that all count this look.
            entry.missed = entry.missed.saturating_add(1);
            if hidden || entry.missed == 1 {
                continue;
            }
            let missed = entry.missed > MISSED_MAX;
            again |= !missed;
            let deleted = entry
                .open
                .as_ref()
                .is_some_and(crate::open::OpenFile::is_deleted);
            if deleted || missed {
                gone.push(id);
                let place = if deleted || entry.open.is_none() {
                    Place::Gone
                } else {
                    Place::Strayed
                };
                entry.state.found(place, false, now);
            }
        }
        for id in gone {
            if self.files.get(id).is_some_and(|entry| entry.open.is_none()) {
                self.give_up(id);
            } else {
                self.files.timed.insert(id);
                self.files.make_ready(id);
            }
        }
        if again {
            self.pace.hurry();
        }
    }
}
