//! Source offsets in a topic (contract connect-internals, section 1.4).
//!
//! A record's key is `["connector",{partition}]`, its value the offset. Kafka Connect looks offsets up by the key's
//! bytes, so a partition that is known is written under the bytes it has; partitions are compared by their contents.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use millrace_api::OffsetMap;
use serde_json::Value;
use tokio::runtime::Handle;

use super::log::{LogError, LogSettings, Read, TopicLog};
use crate::store::offset_file::structural_key;
use crate::store::{OffsetChange, OffsetStore, StoreError};
use crate::task::Clients;

/// How long a read of offsets may take.
const READ_WITHIN: Duration = Duration::from_secs(60);

/// A partition as it is kept.
#[derive(Debug, Clone)]
struct Kept {
    partition: OffsetMap,
    /// The key's bytes by which it was last written.
    key: Arc<[u8]>,
    /// None where the offset was deleted: the key's bytes are still the ones to use.
    offset: Option<OffsetMap>,
}

/// By connector, then by the partition's contents.
type Offsets = BTreeMap<String, BTreeMap<String, Kept>>;

/// Offsets in a topic.
#[derive(Debug)]
pub(crate) struct TopicOffsetStore {
    log: TopicLog,
    offsets: Arc<Mutex<Offsets>>,
}

impl TopicOffsetStore {
    /// Reads the topic to its end and follows it.
    ///
    /// # Errors
    /// When the cluster refuses, or does not answer for long.
    pub(crate) async fn open(
        topic: &str,
        settings: &LogSettings,
        clients: &Clients,
        data: &Handle,
    ) -> Result<Arc<Self>, LogError> {
        let offsets: Arc<Mutex<Offsets>> = Arc::default();
        let kept = Arc::clone(&offsets);
        let on_read = Box::new(move |read: Read<'_>| {
            take_in(
                &mut kept.lock().unwrap_or_else(PoisonError::into_inner),
                read.key,
                read.value,
            );
        });
        let log = TopicLog::open(topic, settings, clients, data, on_read).await?;
        Ok(Arc::new(Self { log, offsets }))
    }

    fn with<T>(&self, look: impl FnOnce(&mut Offsets) -> T) -> T {
        look(&mut self.offsets.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn refresh(&self) -> Result<(), StoreError> {
        Ok(self.log.read_to_end(READ_WITHIN).await?)
    }

    /// The bytes under which a partition is kept, or is to be.
    fn key(&self, connector: &str, partition: &OffsetMap) -> Arc<[u8]> {
        let known = self.with(|all| {
            let kept = all.get(connector)?.get(&structural_key(partition))?;
            Some(Arc::clone(&kept.key))
        });
        known.unwrap_or_else(|| {
            let key = serde_json::to_vec(&(connector, partition)).unwrap_or_default();
            key.into()
        })
    }

    /// Waits a while for what is still to be written.
    pub(crate) async fn close(&self) {
        self.log.close().await;
    }
}

fn take_in(all: &mut Offsets, key: Option<&[u8]>, value: Option<&[u8]>) {
    let Some(key) = key else { return };
    let Ok((connector, Some(partition))) =
        serde_json::from_slice::<(String, Option<OffsetMap>)>(key)
    else {
        return;
    };
    let offset = match value {
        None => None,
        Some(bytes) => match serde_json::from_slice::<Value>(bytes) {
            Ok(Value::Object(offset)) => Some(offset),
            _ => None,
        },
    };
    let kept = Kept {
        key: key.into(),
        offset,
        partition,
    };
    let name = structural_key(&kept.partition);
    all.entry(connector).or_default().insert(name, kept);
}

#[async_trait]
impl OffsetStore for TopicOffsetStore {
    async fn get(
        &self,
        connector: &str,
        partition: &OffsetMap,
    ) -> Result<Option<OffsetMap>, StoreError> {
        self.refresh().await?;
        let name = structural_key(partition);
        Ok(self.with(|all| all.get(connector)?.get(&name)?.offset.clone()))
    }

    async fn put(&self, connector: &str, changes: Vec<OffsetChange>) -> Result<(), StoreError> {
        let mut waits = Vec::with_capacity(changes.len());
        for (partition, offset) in &changes {
            let key = self.key(connector, partition);
            let value = offset
                .as_ref()
                .map(|offset| serde_json::to_vec(offset).unwrap_or_default());
            let (sent, outcome) = tokio::sync::oneshot::channel();
            let done = move |result| drop(sent.send(result));
            self.log.send_then(&key, value.as_deref(), done).await?;
            waits.push(outcome);
        }
        for outcome in join_all(waits).await {
            let failed = match outcome {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => error,
                Err(_dropped) => millrace_client::producer::ProduceError::Closed,
            };
            return Err(self.log.not_written(failed).into());
        }
        Ok(())
    }

    async fn list(&self, connector: &str) -> Result<Vec<(OffsetMap, OffsetMap)>, StoreError> {
        self.refresh().await?;
        Ok(self.with(|all| {
            let known = all.get(connector).into_iter().flat_map(BTreeMap::values);
            let stored =
                known.filter_map(|kept| Some((kept.partition.clone(), kept.offset.clone()?)));
            stored.collect()
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::{Offsets, take_in};

    #[test]
    fn partitions_are_the_same_by_what_they_hold_and_keep_their_bytes() {
        let mut all = Offsets::new();
        for (key, value) in [
            (r#"["c",{"b":1,"a":2}]"#, Some(r#"{"p":1}"#)),
            (r#"["c",{"a":2,"b":1}]"#, Some(r#"{"p":2}"#)),
            (r#"["c",null]"#, Some(r#"{"p":3}"#)),
            (r#"{"not":"a key"}"#, Some(r#"{"p":4}"#)),
            (r#"["d",{"x":1}]"#, None),
        ] {
            take_in(&mut all, Some(key.as_bytes()), value.map(str::as_bytes));
        }
        let known: Vec<_> = all["c"].values().collect();
        assert_eq!(known.len(), 1);
        assert_eq!(&*known[0].key, br#"["c",{"a":2,"b":1}]"#);
        assert_eq!(known[0].offset.as_ref().unwrap()["p"], 2);
        assert!(all["d"].values().all(|kept| kept.offset.is_none()));
    }
}
