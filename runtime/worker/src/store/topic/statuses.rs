//! The status topic. Writing never makes anyone wait: the last word on each key is kept until it is its turn.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio_util::task::AbortOnDropHandle;

use super::log::{LogError, LogSettings, Read, TopicLog};
use super::status_record::{StatusKey, StatusRecord};
use crate::herder::{StatusJournal, Statuses};
use crate::task::Clients;

/// How long a stop waits for the last words.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);

/// The last words that are still to be written; none is a tombstone.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    words: Mutex<BTreeMap<StatusKey, Option<Value>>>,
    added: Notify,
    /// Whether the writer has nothing in hand and nothing to take.
    idle: tokio::sync::watch::Sender<bool>,
}

impl StatusJournal for Pending {
    fn write(&self, key: StatusKey, value: Option<Value>) {
        self.words
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, value);
        self.idle.send_replace(false);
        self.added.notify_one();
    }
}

/// The status topic, followed into [`Statuses`].
#[derive(Debug)]
pub(crate) struct StatusTopic {
    log: Arc<TopicLog>,
    pending: Arc<Pending>,
    _writer: AbortOnDropHandle<()>,
}

impl StatusTopic {
    /// Reads the topic to its end into `statuses` and follows it; writes what comes to `pending`.
    ///
    /// # Errors
    /// When the cluster refuses, or does not answer for long.
    pub(crate) async fn open(
        topic: &str,
        settings: &LogSettings,
        clients: &Clients,
        data: &Handle,
        pending: Arc<Pending>,
        statuses: Arc<Statuses>,
    ) -> Result<Self, LogError> {
        let on_read = Box::new(move |read: Read<'_>| hear(&statuses, read));
        let log = TopicLog::open(topic, settings, clients, data, on_read).await?;
        let log = Arc::new(log);
        let writer = data.spawn(write(Arc::clone(&log), Arc::clone(&pending)));
        Ok(Self {
            log,
            pending,
            _writer: AbortOnDropHandle::new(writer),
        })
    }

    /// Waits a while until the last words are written.
    pub(crate) async fn close(&self) {
        let mut idle = self.pending.idle.subscribe();
        if tokio::time::timeout(CLOSE_WITHIN, idle.wait_for(|idle| *idle))
            .await
            .is_err()
        {
            log::warn!("not all statuses could be written");
        }
        self.log.close().await;
    }
}

fn hear(statuses: &Statuses, read: Read<'_>) {
    let key = read.key.and_then(|key| std::str::from_utf8(key).ok());
    let Some(key) = key.and_then(StatusKey::parse) else {
        return;
    };
    match (&key, read.value) {
        (StatusKey::Topic { connector, topic }, value) => {
            statuses.hear_topic(connector, topic, value.is_some());
        }
        (_, None) => statuses.hear(&key, None),
        (_, Some(bytes)) => {
            if let Some(record) = StatusRecord::parse(bytes) {
                statuses.hear(&key, Some(record));
            }
        }
    }
}

/// Writes for ever what is pending, all of it at a time.
async fn write(log: Arc<TopicLog>, pending: Arc<Pending>) {
    loop {
        let words =
            std::mem::take(&mut *pending.words.lock().unwrap_or_else(PoisonError::into_inner));
        if words.is_empty() {
            pending.idle.send_replace(true);
            pending.added.notified().await;
            continue;
        }
        let mut waits = Vec::with_capacity(words.len());
        for (key, value) in words {
            let bytes = value.map(|value| value.to_string());
            let (sent, outcome) = oneshot::channel();
            let done = move |result| drop(sent.send(result));
            let key = key.to_string();
            let value = bytes.as_deref().map(str::as_bytes);
            match log.send_then(key.as_bytes(), value, done).await {
                Ok(()) => waits.push(outcome),
                Err(error) => log::error!("cannot write {key}: {error}"),
            }
        }
        for outcome in join_all(waits).await {
            if let Ok(Err(error)) = outcome {
                log::error!("cannot write a status: {error}");
            }
        }
    }
}
