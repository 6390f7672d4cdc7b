//! Hears of changes in folders.
//!
//! What it hears is only a hint: a network file system says nothing of what others write, a kernel has a limit of
//! watches, and events may be lost. So the folders are looked at now and then as well.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher, event::ModifyKind};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Names remembered at most; with more, everything is looked at.
const NAMES_MAX: usize = 16 << 10;
/// How long the thread that hears of changes rests after it has told of one, so that it hears of many at once.
const REST: Duration = Duration::from_millis(1);

/// What has changed since the last time.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Files that were written to.
    pub(crate) written: HashSet<PathBuf>,
    /// Names came or went.
    pub(crate) names: bool,
}

/// Watches folders, each once.
pub(crate) struct FolderWatch {
    watcher: Mutex<Option<Watching>>,
    shared: Arc<Shared>,
}

struct Watching {
    watcher: RecommendedWatcher,
    folders: HashSet<PathBuf>,
    /// Folders that cannot be watched.
    failed: bool,
}

#[derive(Debug, Default)]
struct Shared {
    changes: Mutex<Changes>,
    wake: Notify,
}

impl FolderWatch {
    /// Watches nothing yet; never anything where `enabled` is false. Blocks for a moment.
    pub(crate) fn new(enabled: bool) -> Self {
        let shared = Arc::new(Shared::default());
        let hears = Arc::clone(&shared);
        let mut rested: Option<Instant> = None;
        let deliver = move |event| {
            hears.deliver(event);
            // Changes that were heard of together follow at once.
            if rested.is_none_or(|rested| rested.elapsed() >= REST) {
                thread::park_timeout(REST);
                rested = Some(Instant::now());
            }
        };
        let watcher = enabled
            .then(|| notify::recommended_watcher(deliver))
            .and_then(|watcher| {
                watcher
                    .inspect_err(|error| {
                        log::warn!("cannot watch folders, and looks at them instead: {error}")
                    })
                    .ok()
            });
        Self {
            watcher: Mutex::new(watcher.map(|watcher| Watching {
                watcher,
                folders: HashSet::new(),
                failed: false,
            })),
            shared,
        }
    }

    /// Watches `folder` from now on. Blocks for a moment.
    pub(crate) fn add(&self, folder: &Path) {
        let mut watcher = lock(&self.watcher);
        let Some(watching) = watcher
            .as_mut()
            .filter(|watching| !watching.folders.contains(folder))
        else {
            return;
        };
        match watching.watcher.watch(folder, RecursiveMode::NonRecursive) {
            Ok(()) => {
                watching.folders.insert(folder.to_owned());
            }
            Err(error) => {
                if !std::mem::replace(&mut watching.failed, true) {
                    log::warn!(
                        "cannot watch {}, and looks at it instead: {error}",
                        folder.display()
                    );
                }
            }
        }
    }

    /// Forgets folders that are gone: one of the same name is another one. Blocks for a moment.
    pub(crate) fn forget_missing(&self) {
        if let Some(watching) = lock(&self.watcher).as_mut() {
            watching.folders.retain(|folder| folder.is_dir());
        }
    }

    /// Whether all folders are watched.
    pub(crate) fn is_whole(&self) -> bool {
        lock(&self.watcher)
            .as_ref()
            .is_some_and(|watching| !watching.failed)
    }

    /// What has changed since the last call.
    pub(crate) fn take(&self) -> Changes {
        std::mem::take(&mut *lock(&self.shared.changes))
    }

    /// Completes when something has changed since the last call.
    pub(crate) async fn changed(&self) {
        self.shared.wake.notified().await;
    }
}

impl Shared {
    fn deliver(&self, event: notify::Result<Event>) {
        let mut changes = lock(&self.changes);
        match event {
            Ok(Event {
                kind: EventKind::Access(_),
                ..
            }) => return,
            Ok(event) if !event.need_rescan() => {
                let only_written = matches!(
                    event.kind,
                    EventKind::Modify(
                        ModifyKind::Data(_) | ModifyKind::Metadata(_) | ModifyKind::Any
                    )
                );
                changes.names |= !only_written;
                for path in event.paths {
                    if changes.written.len() < NAMES_MAX {
                        changes.written.insert(path);
                    } else {
                        changes.names = true;
                    }
                }
            }
            // Events were lost.
            _ => changes.names = true,
        }
        drop(changes);
        self.wake.notify_one();
    }
}

impl std::fmt::Debug for FolderWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FolderWatch").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
