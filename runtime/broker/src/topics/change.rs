//! What changes about topics that are there: their configuration, and how many partitions they have.
//!
//! A changed topic takes the place of the old one in the table; requests under way finish with the one they found.

use std::sync::{Arc, PoisonError};

use millrace_config::Properties;

use super::{Topic, TopicError, Topics, blocking};
use crate::config::TopicConfig;
use crate::partition::Partition;

impl Topics {
    /// Gives a topic other values of its own. Its logs go by them from the next append on.
    pub(crate) async fn configure(
        self: &Arc<Self>,
        name: &str,
        overrides: Properties,
    ) -> Result<(), TopicError> {
        let topics = Arc::clone(self);
        let name = name.to_owned();
        blocking(move || topics.configure_blocking(&name, &overrides)).await
    }

    /// Adds partitions until the topic has `count`.
    pub(crate) async fn add_partitions(
        self: &Arc<Self>,
        name: &str,
        count: i32,
    ) -> Result<(), TopicError> {
        let topics = Arc::clone(self);
        let name = name.to_owned();
        blocking(move || topics.add_partitions_blocking(&name, count)).await
    }

    /// Puts other broker values below those of all topics.
    pub(crate) async fn set_defaults(
        self: &Arc<Self>,
        defaults: TopicConfig,
    ) -> Result<(), TopicError> {
        let topics = Arc::clone(self);
        blocking(move || {
            topics.set_defaults_blocking(defaults);
            Ok(())
        })
        .await
    }

    fn configure_blocking(&self, name: &str, overrides: &Properties) -> Result<(), TopicError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let topic = self.get(name).ok_or(TopicError::Unknown)?;
        let own = overrides
            .iter()
            .map(|(key, value)| (key.as_str(), Some(value.as_str())));
        let config = self.defaults().with_overrides(own)?;
        let mut stored = self.stored();
        if let Some(stored) = stored.get_mut(name) {
            stored.overrides.clone_from(overrides);
        }
        self.store.save(&stored)?;
        self.put(topic.configured(config));
        log::info!("topic {name} is configured with {overrides:?}");
        Ok(())
    }

    fn add_partitions_blocking(&self, name: &str, count: i32) -> Result<(), TopicError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let topic = self.get(name).ok_or(TopicError::Unknown)?;
        let before = topic.partition_count();
        let mut stored = self.stored();
        if let Some(stored) = stored.get_mut(name) {
            stored.partitions = count;
        }
        self.store.save(&stored)?;
        let mut partitions = topic.partitions.clone();
        for index in before..count {
            let config = topic.config.log_config().clone();
            let log = self.data_dir.create_log(name, index, topic.id, config);
            let log = log.inspect_err(|_| self.undo_create(name, before..index))?;
            partitions.push(Arc::new(Partition::new(log)));
        }
        self.put(Topic {
            name: Arc::clone(&topic.name),
            id: topic.id,
            config: topic.config.clone(),
            partitions,
        });
        log::info!("topic {name} has {count} partitions now, {before} before");
        Ok(())
    }

    fn set_defaults_blocking(&self, defaults: TopicConfig) {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        for topic in self.all() {
            let overrides = topic.config.overrides();
            let own = overrides
                .iter()
                .map(|(key, value)| (key.as_str(), Some(value.as_str())));
            match defaults.with_overrides(own) {
                Ok(config) => self.put(topic.configured(config)),
                Err(error) => log::warn!(
                    "topic {} keeps its configuration, the broker's new one does not go with it: {error}",
                    topic.name
                ),
            }
        }
        *self
            .defaults
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(defaults);
    }

    fn put(&self, topic: Topic) {
        self.table
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(Arc::new(topic));
    }
}

impl Topic {
    /// The same topic under another configuration, which its logs follow.
    fn configured(&self, config: TopicConfig) -> Topic {
        for partition in &self.partitions {
            partition.log.set_config(config.log_config().clone());
        }
        Topic {
            name: Arc::clone(&self.name),
            id: self.id,
            config,
            partitions: self.partitions.clone(),
        }
    }
}
