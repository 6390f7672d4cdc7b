//! The config topic: what it says, and writing to it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::config_state::{Change, ConfigState, Written};
use super::log::{LogError, LogSettings, TopicLog};
use crate::group::member::Configured;
use crate::group::work::Work;
use crate::task::Clients;

/// How long a write and the reading after it may take together.
const WRITE_WITHIN: Duration = Duration::from_secs(30);

/// Why a change of the configurations failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigWriteError {
    /// Writing or reading failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// It took too long; the record may be there all the same.
    #[error("writing to the config topic took longer than {} s", .0.as_secs())]
    Late(Duration),
}

/// What has been read, shared with the reader.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    state: Mutex<ConfigState>,
    /// Changes that nobody has looked at yet; at most a few a connector.
    changes: Mutex<BTreeSet<Change>>,
    changed: Notify,
}

impl Seen {
    fn state(&self) -> MutexGuard<'_, ConfigState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changes(&self) -> MutexGuard<'_, BTreeSet<Change>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Configured for Seen {
    fn configured(&self) -> (i64, Work) {
        let state = self.state();
        (state.offset(), state.work())
    }
}

/// The config topic.
#[derive(Debug)]
pub(crate) struct ConfigTopic {
    log: TopicLog,
    seen: Arc<Seen>,
}

impl ConfigTopic {
    /// Reads the topic to its end and follows it.
    ///
    /// # Errors
    /// When the cluster refuses, or does not answer for long.
    pub(crate) async fn open(
        topic: &str,
        settings: &LogSettings,
        clients: &Clients,
        data: &Handle,
    ) -> Result<Self, LogError> {
        let seen = Arc::new(Seen::default());
        let caught_up = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (told, is_caught_up) = (Arc::clone(&seen), Arc::clone(&caught_up));
        let on_read = Box::new(move |read: super::log::Read<'_>| {
            let caught_up = is_caught_up.load(std::sync::atomic::Ordering::Acquire);
            let change = told
                .state()
                .apply(read.offset, read.key, read.value, caught_up);
            if let Some(change) = change {
                told.changes().insert(change);
                told.changed.notify_one();
            }
        });
        let log = TopicLog::open(topic, settings, clients, data, on_read).await?;
        caught_up.store(true, std::sync::atomic::Ordering::Release);
        Ok(Self { log, seen })
    }

    /// How many partitions the topic has; more than one is an error.
    pub(crate) fn partition_count(&self) -> usize {
        self.log.partition_count()
    }

    /// What has been read, for the group's protocol.
    pub(crate) fn seen(&self) -> Arc<Seen> {
        Arc::clone(&self.seen)
    }

    /// Looks at what the topic says.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&ConfigState) -> T) -> T {
        look(&self.seen.state())
    }

    /// Waits until something has changed; may be dropped at any time.
    pub(crate) async fn changed(&self) {
        self.seen.changed.notified().await;
    }

    /// What has changed since this was last asked.
    pub(crate) fn take_changes(&self) -> BTreeSet<Change> {
        std::mem::take(&mut *self.seen.changes())
    }

    /// Reads what the topic holds now.
    ///
    /// # Errors
    /// When the cluster does not answer in time.
    pub(crate) async fn read_to_end(&self, within: Duration) -> Result<(), LogError> {
        self.log.read_to_end(within).await
    }

    /// Writes records one after another and reads them back.
    ///
    /// # Errors
    /// When one of them is not written or not read in time; earlier ones stay.
    pub(crate) async fn write(&self, records: &[Written]) -> Result<(), ConfigWriteError> {
        let write = async {
            for (key, value) in records {
                let bytes = value.as_ref().map(ToString::to_string);
                let value = bytes.as_deref().map(str::as_bytes);
                self.log.send(key.as_bytes(), value).await?;
            }
            self.log.read_to_end(WRITE_WITHIN).await
        };
        match tokio::time::timeout(WRITE_WITHIN, write).await {
            Ok(outcome) => Ok(outcome?),
            Err(_elapsed) => Err(ConfigWriteError::Late(WRITE_WITHIN)),
        }
    }

    /// Waits a while for what is still to be written.
    pub(crate) async fn close(&self) {
        self.log.close().await;
    }
}
