//! Which names a file system has, and which of them a crash may take back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::testing::Random;

/// A file, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct FileId(u64);

/// A change of a directory.
#[derive(Debug, Clone)]
pub(super) enum NameChange {
    Create(PathBuf, FileId),
    Directory(PathBuf),
    Rename { from: PathBuf, to: PathBuf },
    Remove(PathBuf),
    RemoveDirectory(PathBuf),
}

impl NameChange {
    /// The directory that has to be synced for the change to last.
    fn directory(&self) -> &Path {
        let path = match self {
            Self::Create(path, _)
            | Self::Directory(path)
            | Self::Remove(path)
            | Self::RemoveDirectory(path) => path,
            Self::Rename { to, .. } => to,
        };
        path.parent().unwrap_or(path)
    }
}

#[derive(Debug, Clone, Default)]
struct Tree {
    files: BTreeMap<PathBuf, FileId>,
    directories: BTreeSet<PathBuf>,
}

impl Tree {
    fn apply(&mut self, change: &NameChange) {
        match change {
            NameChange::Create(path, id) => {
                self.files.insert(path.clone(), *id);
            }
            NameChange::Directory(path) => {
                self.directories.insert(path.clone());
            }
            NameChange::Rename { from, to } => self.rename(from, to),
            NameChange::Remove(path) => {
                self.files.remove(path);
            }
            NameChange::RemoveDirectory(path) => {
                self.directories
                    .retain(|directory| !directory.starts_with(path));
                self.files.retain(|file, _| !file.starts_with(path));
            }
        }
    }

    fn rename(&mut self, from: &Path, to: &Path) {
        if let Some(id) = self.files.remove(from) {
            self.files.insert(to.to_owned(), id);
            return;
        }
        if self.directories.remove(from) {
            self.directories.insert(to.to_owned());
            let inside: Vec<_> = self
                .files
                .extract_if(.., |path, _| path.starts_with(from))
                .collect();
            for (path, id) in inside {
                let rest = path.strip_prefix(from).unwrap_or(&path);
                self.files.insert(to.join(rest), id);
            }
        }
    }
}

/// The names now, those that are sure to outlive a crash, and the changes in between, in order.
#[derive(Debug, Default)]
pub(super) struct Names {
    now: Tree,
    synced: Tree,
    pending: Vec<NameChange>,
    next_id: u64,
}

impl Names {
    pub(super) fn find(&self, path: &Path) -> Option<FileId> {
        self.now.files.get(path).copied()
    }

    pub(super) fn create(&mut self, path: &Path) -> FileId {
        let id = FileId(self.next_id);
        self.next_id += 1;
        self.change(NameChange::Create(path.to_owned(), id));
        id
    }

    pub(super) fn change(&mut self, change: NameChange) {
        self.now.apply(&change);
        self.pending.push(change);
    }

    /// Makes a directory's changes last.
    pub(super) fn sync(&mut self, directory: &Path) {
        for change in self
            .pending
            .extract_if(.., |change| change.directory() == directory)
        {
            self.synced.apply(&change);
        }
    }

    /// Keeps of each directory's pending changes a random prefix, and gives the directories and files
    /// that are left.
    pub(super) fn crash(
        &mut self,
        root: &Path,
        random: &mut Random,
    ) -> (Vec<PathBuf>, Vec<(PathBuf, FileId)>) {
        let directories: BTreeSet<PathBuf> = self
            .pending
            .iter()
            .map(|change| change.directory().to_owned())
            .collect();
        for directory in directories {
            let changes: Vec<_> = self
                .pending
                .extract_if(.., |change| change.directory() == directory)
                .collect();
            let kept = random.below(changes.len() + 1);
            changes[..kept]
                .iter()
                .for_each(|change| self.synced.apply(change));
        }
        // A file whose directory is gone is gone.
        let Tree { files, directories } = &mut self.synced;
        let has_home = |path: &Path| {
            path.parent()
                .is_some_and(|dir| dir == root || directories.contains(dir))
        };
        files.retain(|path, _| has_home(path));
        self.now = self.synced.clone();
        let directories = self.now.directories.iter().cloned().collect();
        (
            directories,
            self.now
                .files
                .iter()
                .map(|(path, id)| (path.clone(), *id))
                .collect(),
        )
    }
}
