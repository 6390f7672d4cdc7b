//! A file layer over a real directory that can crash: what was not synced is then forgotten, torn or
//! scrambled, and names that were not synced may be gone.
//!
//! Of each file the bytes at its last sync are remembered, of each directory the creations, renames
//! and removals since its last sync. A crash keeps of those a random prefix, and of a file's new bytes
//! what the seed says, sector by sector. The real directory is then rewritten to match.

#![expect(clippy::disallowed_methods, reason = "a file layer for tests")]

mod names;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::files::{Entry, Files, LogFile, OsFiles};
use crate::testing::Random;
use names::{FileId, NameChange, Names};

/// Bytes that a disk writes whole or not at all.
const SECTOR: usize = 64;

/// The layer. Clones share its state.
#[derive(Debug, Clone)]
pub struct SimFiles(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    root: PathBuf,
    random: Random,
    names: Names,
    files: HashMap<FileId, Contents>,
    /// Operations until the crash.
    budget: usize,
    /// Whether the next write fails half-way, as on a full disk.
    fail_write: bool,
}

/// A file's bytes: those in the real file, and those at the last sync.
#[derive(Debug)]
struct Contents {
    real: Arc<File>,
    synced: Vec<u8>,
}

#[derive(Debug)]
struct SimFile {
    id: FileId,
    real: Arc<dyn LogFile>,
    state: Arc<Mutex<State>>,
}

impl SimFiles {
    /// The layer over an empty directory.
    #[must_use]
    pub fn new(root: &Path, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            root: root.to_owned(),
            random: Random::new(seed),
            names: Names::default(),
            files: HashMap::new(),
            budget: usize::MAX,
            fail_write: false,
        })))
    }

    /// Has every operation fail after the next `operations`.
    pub fn crash_after(&self, operations: usize) {
        self.lock().budget = operations;
    }

    /// Has the next write fail after some of its bytes.
    pub fn fail_next_write(&self) {
        self.lock().fail_write = true;
    }

    /// Crashes now: the real directory holds afterwards what a disk might. All files must be closed.
    ///
    /// # Errors
    ///
    /// Where the real directory cannot be rewritten.
    pub fn crash(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.fail_write = false;
        state.budget = usize::MAX;
        let State {
            names,
            random,
            root,
            ..
        } = &mut *state;
        let (directories, kept) = names.crash(root, random);
        let mut contents = Vec::new();
        for (path, id) in kept {
            let bytes = state.after_crash(id)?;
            contents.push((path, id, bytes));
        }
        fs::create_dir_all(&state.root)?;
        fs::remove_dir_all(&state.root)?;
        fs::create_dir_all(&state.root)?;
        for directory in directories {
            fs::create_dir_all(directory)?;
        }
        state.files.clear();
        for (path, id, synced) in contents {
            let real = File::options()
                .read(true)
                .write(true)
                .create_new(true)
                .open(path)?;
            real.write_all_at(&synced, 0)?;
            state.files.insert(
                id,
                Contents {
                    real: Arc::new(real),
                    synced,
                },
            );
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, id: FileId, real: Arc<dyn LogFile>) -> Arc<dyn LogFile> {
        Arc::new(SimFile {
            id,
            real,
            state: Arc::clone(&self.0),
        })
    }
}

impl State {
    fn spend(&mut self) -> io::Result<()> {
        self.budget = self.budget.checked_sub(1).ok_or_else(crashed)?;
        Ok(())
    }

    /// A file's bytes as a crash may leave them.
    fn after_crash(&mut self, id: FileId) -> io::Result<Vec<u8>> {
        let Some(Contents { real, synced }) = self.files.get(&id) else {
            return Ok(Vec::new());
        };
        let mut now = vec![0; real.metadata()?.len() as usize];
        real.read_exact_at(&mut now, 0)?;
        if self.random.once_in(4) {
            return Ok(synced.clone());
        }
        if self.random.once_in(4) {
            return Ok(now);
        }
        let (short, long) = (synced.len().min(now.len()), synced.len().max(now.len()));
        let len = short + self.random.below(long - short + 1);
        let mut bytes = now;
        bytes.resize(len, 0);
        for (index, sector) in bytes.chunks_mut(SECTOR).enumerate() {
            let old = synced.get(index * SECTOR..).unwrap_or_default();
            tear(sector, old, &mut self.random);
        }
        Ok(bytes)
    }
}

/// Decides what a sector holds of its new bytes; those that were synced as they are stay.
fn tear(sector: &mut [u8], old: &[u8], random: &mut Random) {
    let fate = random.below(4);
    for (at, byte) in sector.iter_mut().enumerate() {
        let synced = old.get(at).copied();
        if synced == Some(*byte) {
            continue;
        }
        match fate {
            0 => *byte = synced.unwrap_or(0),
            1 => *byte = random.bits() as u8,
            _ => {}
        }
    }
}

fn crashed() -> io::Error {
    io::Error::other("the simulated host has crashed")
}

impl Files for SimFiles {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn LogFile>> {
        let mut state = self.lock();
        state.spend()?;
        let id = state.names.find(path).ok_or(io::ErrorKind::NotFound)?;
        drop(state);
        Ok(self.file(id, OsFiles.open(path)?))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn LogFile>> {
        let mut state = self.lock();
        state.spend()?;
        let real = OsFiles.create(path)?;
        let id = match state.names.find(path) {
            Some(id) => id,
            None => state.names.create(path),
        };
        let opened = Arc::clone(real.file());
        state.files.entry(id).or_insert_with(|| Contents {
            real: opened,
            synced: Vec::new(),
        });
        drop(state);
        Ok(self.file(id, real))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.spend()?;
        let root = path == state.root;
        if !root {
            state.names.change(NameChange::Directory(path.to_owned()));
        }
        OsFiles.create_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.lock().spend()?;
        let mut entries = OsFiles.list(path)?;
        // The order of a directory is the file system's own; a seed must not depend on it.
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.spend()?;
        OsFiles.rename(from, to)?;
        state.names.change(NameChange::Rename {
            from: from.to_owned(),
            to: to.to_owned(),
        });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.spend()?;
        OsFiles.remove(path)?;
        state.names.change(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.spend()?;
        OsFiles.remove_dir(path)?;
        state
            .names
            .change(NameChange::RemoveDirectory(path.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.spend()?;
        state.names.sync(path);
        Ok(())
    }
}

impl SimFile {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogFile for SimFile {
    fn file(&self) -> &Arc<File> {
        self.real.file()
    }

    fn write_at(&self, parts: &mut [IoSlice<'_>], offset: u64) -> io::Result<()> {
        let mut state = self.lock();
        let failed = std::mem::take(&mut state.fail_write);
        let outcome = if failed {
            Err(io::ErrorKind::StorageFull.into())
        } else {
            state.spend()
        };
        let Err(error) = outcome else {
            return self.real.write_at(parts, offset);
        };
        if failed {
            let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
            let written = state.random.below(bytes.len() + 1);
            self.real
                .write_at(&mut [IoSlice::new(&bytes[..written])], offset)?;
        }
        Err(error)
    }

    fn begin_write_out(&self, range: Range<u64>) {
        self.real.begin_write_out(range);
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.spend()?;
        let mut bytes = vec![0; self.real.file().metadata()?.len() as usize];
        self.real.file().read_exact_at(&mut bytes, 0)?;
        let real = Arc::clone(self.real.file());
        state.files.insert(
            self.id,
            Contents {
                real,
                synced: bytes,
            },
        );
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.lock().spend()?;
        self.real.set_len(len)
    }
}
