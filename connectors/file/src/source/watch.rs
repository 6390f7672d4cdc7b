//! Wakes readers when their file changes.
//!
//! One `notify` watcher serves the whole process, because a kernel allows few of them. What it says is only a hint: it
//! may be missing (too many watches) or incomplete (a file system that other machines write to, too) and events may be lost, so a
//! reader also looks by itself.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

/// Interest in one file, ending when dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    /// What the reader waits for.
    target: PathBuf,
    /// What is watched: the file, or its folder while there is no such file.
    watched: PathBuf,
    /// Whether the watcher learns of all that happens to what is watched.
    complete: bool,
    wake: Arc<Notify>,
}

/// File systems of this machine's own, by the numbers that `statfs(2)` gives: ext2 to ext4, XFS, Btrfs, F2FS, ZFS, tmpfs and overlays.
const OWN: [u64; 7] = [
    0xEF53,
    0x5846_5342,
    0x9123_683E,
    0xF2F5_2010,
    0x2FC1_2FC1,
    0x0102_1994,
    0x794C_7630,
];

/// Never held while the watcher is called: the watcher's thread takes it to deliver an event.
type Readers = HashMap<PathBuf, Vec<Arc<Notify>>>;

static READERS: LazyLock<Mutex<Readers>> = LazyLock::new(Mutex::default);
static WATCHES: LazyLock<Mutex<Watches>> = LazyLock::new(Mutex::default);

/// The watcher and how many readers want each path.
#[derive(Default)]
struct Watches {
    watcher: Option<RecommendedWatcher>,
    wanted: HashMap<PathBuf, usize>,
}

impl Watch {
    /// Watches `file`, or its folder while the file is missing. Blocks for a moment.
    pub(crate) fn on(file: &Path) -> notify::Result<Self> {
        let target = std::path::absolute(file)?;
        let wake = Arc::new(Notify::new());
        lock(&READERS)
            .entry(target.clone())
            .or_default()
            .push(Arc::clone(&wake));
        let mut watch = Self {
            watched: target.clone(),
            complete: false,
            target,
            wake,
        };
        if lock(&WATCHES).add(&watch.watched).is_err() {
            let folder = watch.target.parent().unwrap_or(Path::new("/")).to_owned();
            if let Err(error) = lock(&WATCHES).add(&folder) {
                watch.forget_reader();
                // Nothing is watched that dropping could end.
                watch.watched = PathBuf::new();
                return Err(error);
            }
            watch.watched = folder;
        }
        let found = rustix::fs::statfs(&watch.watched);
        watch.complete = found.is_ok_and(|found| OWN.contains(&(found.f_type as u64)));
        Ok(watch)
    }

    /// Whether nothing can happen to the file that [`Watch::changed`] does not tell of.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete && self.watched == self.target
    }

    /// Completes when the file may have changed since the last call.
    pub(crate) async fn changed(&self) {
        self.wake.notified().await;
    }

    fn forget_reader(&self) {
        let mut readers = lock(&READERS);
        if let Some(of_target) = readers.get_mut(&self.target) {
            of_target.retain(|reader| !Arc::ptr_eq(reader, &self.wake));
            if of_target.is_empty() {
                readers.remove(&self.target);
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.forget_reader();
        let watched = std::mem::take(&mut self.watched);
        if watched.as_os_str().is_empty() {
            return;
        }
        let release = move || lock(&WATCHES).remove(&watched);
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(release)),
            Err(_) => release(),
        }
    }
}

impl Watches {
    fn add(&mut self, path: &Path) -> notify::Result<()> {
        if self.watcher.is_none() {
            self.watcher = Some(notify::recommended_watcher(deliver)?);
        }
        // Watched again even if it is already: the path may name another file by now.
        if let Some(watcher) = &mut self.watcher {
            watcher.watch(path, RecursiveMode::NonRecursive)?;
        }
        *self.wanted.entry(path.to_owned()).or_default() += 1;
        Ok(())
    }

    fn remove(&mut self, path: &Path) {
        let Some(count) = self.wanted.get_mut(path) else {
            return;
        };
        *count -= 1;
        if *count > 0 {
            return;
        }
        self.wanted.remove(path);
        if let Some(Err(error)) = self.watcher.as_mut().map(|watcher| watcher.unwatch(path)) {
            // A deleted file is not watched any more, which is what was wanted.
            log::debug!("cannot end the watch of {}: {error}", path.display());
        }
        if self.wanted.is_empty() {
            self.watcher = None;
        }
    }
}

fn deliver(event: notify::Result<Event>) {
    let readers = lock(&READERS);
    match event {
        Ok(Event {
            kind: EventKind::Access(_),
            ..
        }) => {}
        Ok(event) if !event.paths.is_empty() && !event.need_rescan() => {
            event
                .paths
                .iter()
                .filter_map(|path| readers.get(path))
                .flatten()
                .for_each(|reader| reader.notify_one());
        }
        // Events were lost: everybody looks.
        _ => readers
            .values()
            .flatten()
            .for_each(|reader| reader.notify_one()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
