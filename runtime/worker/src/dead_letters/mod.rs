//! Queues of dead letters, looked at and replayed: the records that failed, why, and their way back.
//!
//! A queue is a topic that a connector's `errors.deadletterqueue.topic.name` names. A replay gives its letters, whole or
//! edited, back to the topics they came from. What has been replayed is kept in a [journal](JOURNAL), so that no second
//! replay delivers it anew. Works against any Kafka cluster; the command line and REST are its users.

mod edit;
mod error;
mod filter;
mod journal;
mod letter;
mod overview;
mod replay;
mod scan;
mod spans;

use std::sync::Arc;

use millrace_api::Properties;
use millrace_client::admin::Admin;
use millrace_client::consumer::{Consumer, ConsumerConfig};
use millrace_client::producer::{Producer, ProducerConfig};
use millrace_client::{Cluster, Topic};
use millrace_config::Config as _;

pub use edit::{Edit, EditError, Editor};
pub use error::DeadLetterError;
pub use filter::Filter;
pub use journal::JOURNAL;
pub use letter::{Cause, Letter};
pub use overview::QueueOverview;
pub use replay::{Outcome, Replay};

use journal::Journal;
use scan::Scan;

/// The dead letters of a cluster.
#[derive(Debug)]
pub struct DeadLetterQueues {
    cluster: Cluster,
    admin: Admin,
    consumer: ConsumerConfig,
    producer: ProducerConfig,
}

impl DeadLetterQueues {
    /// The queues of `cluster`, by clients with these properties.
    ///
    /// # Errors
    /// Properties that no client can use.
    pub fn new(cluster: Cluster, properties: &Properties) -> Result<Self, DeadLetterError> {
        let mut reading = properties.clone();
        // Partitions are read on their own, without a group.
        reading.remove("group.id");
        Ok(Self {
            admin: Admin::new(&cluster),
            consumer: ConsumerConfig::parse(&reading).map_err(DeadLetterError::Settings)?,
            producer: ProducerConfig::parse(properties).map_err(DeadLetterError::Settings)?,
            cluster,
        })
    }

    fn consumer(&self) -> Consumer {
        Consumer::new(self.consumer.clone(), self.cluster.clone())
    }

    fn producer(&self) -> Producer {
        Producer::new(self.producer.clone(), self.cluster.clone())
    }

    /// The first `limit` letters of a queue that the filter chooses, with what became of each.
    ///
    /// # Errors
    /// When there is no such topic, or it cannot be read.
    pub async fn show(
        &self,
        queue: &str,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<(Letter, Fate)>, DeadLetterError> {
        let topic = self.queue(queue).await?;
        let journal = Journal::look(self).await?;
        let mut found = Vec::new();
        for partition in scan::partitions(&topic, filter) {
            let fates = journal.fates(&topic, partition);
            let mut scan = Scan::begin(self, &topic.name, partition, filter.offsets()).await?;
            while let Some(fetched) = scan.next().await? {
                for row in &fetched.rows {
                    if found.len() == limit {
                        return Ok(found);
                    }
                    let letter = Letter::read(&fetched, row);
                    if filter.chooses(&letter) {
                        let fate = fates.fate(letter.offset);
                        found.push((letter, fate));
                    }
                }
            }
        }
        Ok(found)
    }

    /// The topic of a queue.
    async fn queue(&self, name: &str) -> Result<Arc<Topic>, DeadLetterError> {
        let found = self.find(name).await?;
        found.ok_or_else(|| DeadLetterError::NoQueue(name.to_owned()))
    }

    async fn find(&self, name: &str) -> Result<Option<Arc<Topic>>, DeadLetterError> {
        let found = self.admin.describe_topic(name).await;
        found.map_err(|source| DeadLetterError::reading(name, source))
    }
}

/// What became of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It waits.
    Waiting,
    /// A replay has delivered it.
    Replayed,
    /// A replay that did not come to its end may have delivered it, or is about to.
    InDoubt,
}

impl Fate {
    /// Its name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Replayed => "replayed",
            Self::InDoubt => "in doubt",
        }
    }
}
