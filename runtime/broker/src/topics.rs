//! The topics of the broker, by name and by id.
//!
//! Creating and deleting are done one at a time and wait for the disk, on the blocking pool. The file of topics is
//! written before the directories of a new topic are made and after those of a deleted one are gone, so that a
//! topic cut off half-way is completed at the next start.

mod adopt;
mod change;
mod name;
mod store;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use millrace_storage::{DataDir, Log, StorageError};
use millrace_wire::error_code::ErrorCode;
use millrace_wire::uuid::Uuid;

use crate::config::{TopicConfig, TopicKeyError};
use crate::partition::Partition;
use adopt::{Logs, adopt};
use store::{StoredTopic, TopicStore};

pub(crate) use name::{METADATA_TOPIC, OFFSETS_TOPIC, check as check_name, is_internal};

/// A topic and its partitions.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: Arc<str>,
    pub(crate) id: Uuid,
    pub(crate) config: TopicConfig,
    /// Ordered by index, without gaps.
    pub(crate) partitions: Vec<Arc<Partition>>,
}

impl Topic {
    /// How many partitions it has.
    pub(crate) fn partition_count(&self) -> i32 {
        i32::try_from(self.partitions.len()).unwrap_or(i32::MAX)
    }

    /// A partition by its number.
    pub(crate) fn partition(&self, index: i32) -> Option<&Arc<Partition>> {
        self.partitions.get(usize::try_from(index).ok()?)
    }
}

/// Why a topic could not be made or deleted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TopicError {
    #[error("Topic '{0}' already exists.")]
    Exists(String),
    #[error("Topic '{new}' collides with existing topic: {old}")]
    Collides { new: String, old: String },
    #[error("This server does not host this topic-partition.")]
    Unknown,
    #[error("{0}")]
    Config(#[from] TopicKeyError),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("cannot keep the list of topics: {0}")]
    Store(#[from] io::Error),
}

impl TopicError {
    /// Kafka's code for it.
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            TopicError::Exists(_) => ErrorCode::TOPIC_ALREADY_EXISTS,
            TopicError::Collides { .. } => ErrorCode::INVALID_TOPIC_EXCEPTION,
            TopicError::Unknown => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            TopicError::Config(_) => ErrorCode::INVALID_CONFIG,
            TopicError::Storage(_) | TopicError::Store(_) => ErrorCode::KAFKA_STORAGE_ERROR,
        }
    }
}

/// All topics.
#[derive(Debug)]
pub(crate) struct Topics {
    data_dir: Arc<DataDir>,
    store: TopicStore,
    table: RwLock<Table>,
    /// What the broker says about topics that say nothing themselves.
    defaults: RwLock<Arc<TopicConfig>>,
    /// Held while a topic is made, changed or deleted.
    changing: Mutex<()>,
    /// Held from the look at a topic's configuration until it is changed.
    pub(crate) configuring: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Table {
    by_name: BTreeMap<Arc<str>, Arc<Topic>>,
    by_id: HashMap<Uuid, Arc<Topic>>,
}

impl Table {
    fn insert(&mut self, topic: Arc<Topic>) {
        self.by_id.insert(topic.id, Arc::clone(&topic));
        self.by_name.insert(Arc::clone(&topic.name), topic);
    }
}

impl Topics {
    /// Takes over the logs of a data directory; completes topics that lack partitions. Waits for the disk.
    pub(crate) fn load(
        data_dir: Arc<DataDir>,
        defaults: &TopicConfig,
    ) -> Result<Topics, TopicError> {
        let store = TopicStore::new(data_dir.path());
        let mut stored = store.load()?;
        let mut logs: BTreeMap<Arc<str>, Logs> = BTreeMap::new();
        for log in data_dir.logs() {
            logs.entry(Arc::clone(log.topic()))
                .or_default()
                .insert(log.partition(), log);
        }
        adopt(&mut stored, &logs, &data_dir, defaults)?;
        let mut table = Table::default();
        for (name, topic) in &stored {
            let logs = logs.remove(name.as_str()).unwrap_or_default();
            table.insert(Arc::new(open_topic(
                &data_dir, name, topic, logs, defaults,
            )?));
        }
        store.save(&stored)?;
        Ok(Topics {
            data_dir,
            store,
            table: RwLock::new(table),
            defaults: RwLock::new(Arc::new(defaults.clone())),
            changing: Mutex::new(()),
            configuring: tokio::sync::Mutex::default(),
        })
    }

    /// Where they are kept.
    pub(crate) fn data_dir(&self) -> &DataDir {
        &self.data_dir
    }

    /// What the broker says about topics that say nothing themselves.
    pub(crate) fn defaults(&self) -> Arc<TopicConfig> {
        let defaults = self.defaults.read();
        Arc::clone(&defaults.unwrap_or_else(PoisonError::into_inner))
    }

    /// A topic by its name.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Topic>> {
        self.read().by_name.get(name).cloned()
    }

    /// A topic by its id.
    pub(crate) fn get_by_id(&self, id: Uuid) -> Option<Arc<Topic>> {
        self.read().by_id.get(&id).cloned()
    }

    /// All topics, ordered by name.
    pub(crate) fn all(&self) -> Vec<Arc<Topic>> {
        self.read().by_name.values().cloned().collect()
    }

    /// Whether a topic of the name may be made.
    pub(crate) fn check_new(&self, name: &str) -> Result<(), TopicError> {
        let table = self.read();
        if table.by_name.contains_key(name) {
            return Err(TopicError::Exists(name.to_owned()));
        }
        match table.by_name.keys().find(|old| name::collide(name, old)) {
            Some(old) => Err(TopicError::Collides {
                new: name.to_owned(),
                old: old.to_string(),
            }),
            None => Ok(()),
        }
    }

    /// Makes a topic with one replica of each partition.
    pub(crate) async fn create(
        self: &Arc<Self>,
        name: &str,
        partitions: i32,
        config: TopicConfig,
    ) -> Result<Arc<Topic>, TopicError> {
        let topics = Arc::clone(self);
        let name = name.to_owned();
        blocking(move || topics.create_blocking(&name, partitions, &config)).await
    }

    /// Makes a topic, or gives the one that somebody else made meanwhile.
    pub(crate) async fn get_or_create(
        self: &Arc<Self>,
        name: &str,
        partitions: i32,
        config: TopicConfig,
    ) -> Result<Arc<Topic>, TopicError> {
        match self.create(name, partitions, config).await {
            Err(TopicError::Exists(_)) => self.get(name).ok_or(TopicError::Unknown),
            result => result,
        }
    }

    /// Deletes a topic. Its name is free at once; its files go later.
    pub(crate) async fn delete(self: &Arc<Self>, id: Uuid) -> Result<(), TopicError> {
        let topics = Arc::clone(self);
        blocking(move || topics.delete_blocking(id)).await
    }

    fn create_blocking(
        &self,
        name: &str,
        partitions: i32,
        config: &TopicConfig,
    ) -> Result<Arc<Topic>, TopicError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_new(name)?;
        let stored = StoredTopic {
            id: Uuid::random()?,
            partitions,
            overrides: config.overrides().clone(),
        };
        let mut all = self.stored();
        all.insert(name.to_owned(), stored.clone());
        self.store.save(&all)?;
        let opened = open_topic(&self.data_dir, name, &stored, BTreeMap::new(), config);
        let topic = Arc::new(opened.inspect_err(|_| self.undo_create(name, 0..partitions))?);
        self.table
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(Arc::clone(&topic));
        log::info!(
            "created topic {name} with {partitions} partitions, id {}",
            topic.id
        );
        Ok(topic)
    }

    /// Takes back what was made of a topic that could not be made whole.
    fn undo_create(&self, name: &str, partitions: std::ops::Range<i32>) {
        for index in partitions {
            if let Err(error) = self.data_dir.delete_log(name, index) {
                log::warn!("cannot take back partition {index} of topic {name}: {error}");
            }
        }
        if let Err(error) = self.store.save(&self.stored()) {
            log::warn!(
                "cannot take topic {name} off the list of topics, the next start completes it: {error}"
            );
        }
    }

    fn delete_blocking(&self, id: Uuid) -> Result<(), TopicError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let topic = {
            let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
            let topic = table.by_id.remove(&id).ok_or(TopicError::Unknown)?;
            table.by_name.remove(&topic.name);
            topic
        };
        for partition in &topic.partitions {
            self.data_dir.delete_log(&topic.name, partition.index())?;
        }
        self.store.save(&self.stored())?;
        log::info!("deleted topic {}, id {id}", topic.name);
        Ok(())
    }

    fn stored(&self) -> BTreeMap<String, StoredTopic> {
        let describe = |topic: &Arc<Topic>| StoredTopic {
            id: topic.id,
            partitions: topic.partition_count(),
            overrides: topic.config.overrides().clone(),
        };
        self.read()
            .by_name
            .iter()
            .map(|(name, topic)| (name.to_string(), describe(topic)))
            .collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a topic of the logs that are there, and those that are missing.
fn open_topic(
    data_dir: &DataDir,
    name: &str,
    stored: &StoredTopic,
    mut logs: BTreeMap<i32, Arc<Log>>,
    defaults: &TopicConfig,
) -> Result<Topic, TopicError> {
    let overrides = stored
        .overrides
        .iter()
        .map(|(key, value)| (key.as_str(), Some(value.as_str())));
    let config = defaults.with_overrides(overrides).unwrap_or_else(|error| {
        log::warn!("topic {name} gets the broker's configuration, its own is refused: {error}");
        defaults.clone()
    });
    let partitions = (0..stored.partitions)
        .map(|index| {
            let log = match logs.remove(&index) {
                Some(log) => {
                    log.set_config(config.log_config().clone());
                    log
                }
                None => data_dir.create_log(name, index, stored.id, config.log_config().clone())?,
            };
            Ok(Arc::new(Partition::new(log)))
        })
        .collect::<Result<_, StorageError>>()?;
    Ok(Topic {
        name: Arc::from(name),
        id: stored.id,
        config,
        partitions,
    })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TopicError> + Send + 'static,
) -> Result<T, TopicError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(TopicError::Store(io::Error::other(error))),
    }
}
