//! A topic as a log that everybody reads whole: to its end at first, then whatever is added.
//!
//! One task reads; what it reads goes to a function, in the order of each partition. [`TopicLog::read_to_end`] waits
//! until all has been read that the topic held when it was called. Broker calls run on the data runtime.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use millrace_client::admin::{Admin, OffsetSpec};
use millrace_client::consumer::{ConsumeError, Consumer, ConsumerConfig, TopicPartition};
use millrace_client::producer::{ProduceError, Producer, ProducerConfig, RecordRef};
use millrace_client::{ClientError, Cluster, ClusterConfig};
use millrace_config::{Config, ConfigErrors, Properties};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::task::Clients;

/// How long the partitions of a topic may take to be known.
const KNOWN_WITHIN: Duration = Duration::from_secs(30);
/// How long the first reading waits for a broker that says where the topic ends.
const FIRST_READ_WITHIN: Duration = Duration::from_secs(15 * 60);
/// How often a reader looks at its position when nothing comes: markers of transactions move it without records.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the reader waits after an error.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// How long a stop waits for what is still to be written.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// Why a topic could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Its clients cannot be configured like that.
    #[error("cannot configure the clients of topic {topic}: {source}")]
    Config {
        /// The topic.
        topic: Arc<str>,
        /// What is wrong.
        source: ConfigErrors,
    },
    /// The cluster does not answer or refuses.
    #[error("cannot read topic {topic}: {source}")]
    Read {
        /// The topic.
        topic: Arc<str>,
        /// Why.
        source: ClientError,
    },
    /// The reader cannot begin.
    #[error("cannot begin to read topic {topic}: {source}")]
    Begin {
        /// The topic.
        topic: Arc<str>,
        /// Why.
        source: ConsumeError,
    },
    /// A record was not written.
    #[error("cannot write to topic {topic}: {source}")]
    Write {
        /// The topic.
        topic: Arc<str>,
        /// Why.
        source: ProduceError,
    },
    /// Reading took too long.
    #[error("topic {topic} was not read to its end within {} ms", within.as_millis())]
    Late {
        /// The topic.
        topic: Arc<str>,
        /// The limit.
        within: Duration,
    },
    /// The reader has ended, as it does when the worker stops.
    #[error("topic {topic} is not being read any more")]
    Ended {
        /// The topic.
        topic: Arc<str>,
    },
}

/// A record as it was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Read<'a> {
    pub(crate) offset: i64,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
}

/// What is done with each record.
pub(crate) type OnRead = Box<dyn FnMut(Read<'_>) + Send>;

/// A topic that is followed, and can be written.
#[derive(Debug)]
pub(crate) struct TopicLog {
    topic: Arc<str>,
    partitions: Vec<i32>,
    producer: Arc<Producer>,
    admin: Arc<Admin>,
    data: Handle,
    positions: watch::Receiver<BTreeMap<i32, i64>>,
    _reader: AbortOnDropHandle<()>,
}

/// How the clients of a log differ from those of the others.
#[derive(Debug, Clone)]
pub(crate) struct LogSettings {
    /// The worker's own keys, those of connectors' clients left out.
    pub(crate) worker: Properties,
    pub(crate) client_id: String,
}

impl TopicLog {
    /// Reads `topic`, which exists, to its end, and follows it from then on.
    ///
    /// # Errors
    /// When the cluster refuses, or does not answer for long.
    pub(crate) async fn open(
        topic: &str,
        settings: &LogSettings,
        clients: &Clients,
        data: &Handle,
        on_read: OnRead,
    ) -> Result<Self, LogError> {
        let topic: Arc<str> = topic.into();
        let cluster = cluster(&topic, settings, clients)?;
        let partitions = partitions(&topic, &cluster, data).await?;
        let (producer, consumer) = {
            let _on_data = data.enter();
            (
                producer(&topic, settings, clients)?,
                consumer(&topic, settings, cluster.clone(), &partitions)?,
            )
        };
        let (seen, positions) = watch::channel(BTreeMap::new());
        let reader = data.spawn(follow(Arc::clone(&topic), consumer, on_read, seen));
        let log = Self {
            topic,
            partitions,
            producer: Arc::new(producer),
            admin: Arc::new(Admin::new(&cluster)),
            data: data.clone(),
            positions,
            _reader: AbortOnDropHandle::new(reader),
        };
        log.read_to_end(FIRST_READ_WITHIN).await?;
        Ok(log)
    }

    /// How many partitions the topic has.
    pub(crate) fn partition_count(&self) -> usize {
        self.partitions.len()
    }

    /// Writes a record and waits until the cluster has it.
    ///
    /// # Errors
    /// When the cluster refuses the record.
    pub(crate) async fn send(&self, key: &[u8], value: Option<&[u8]>) -> Result<(), LogError> {
        let sent = self.producer.send(&self.topic, None, record(key, value));
        let sent = sent.await;
        sent.map(drop).map_err(|source| self.not_written(source))
    }

    /// Hands a record over to be written; `done` hears what became of it.
    ///
    /// # Errors
    /// When the record is not taken.
    pub(crate) async fn send_then(
        &self,
        key: &[u8],
        value: Option<&[u8]>,
        done: impl FnOnce(Result<(), ProduceError>) + Send + 'static,
    ) -> Result<(), LogError> {
        let taken = self
            .producer
            .send_then(&self.topic, None, record(key, value), |sent| {
                done(sent.map(drop));
            });
        let taken = taken.await;
        taken.map_err(|source| self.not_written(source))
    }

    /// That a record was not written, and why.
    pub(crate) fn not_written(&self, source: ProduceError) -> LogError {
        LogError::Write {
            topic: Arc::clone(&self.topic),
            source,
        }
    }

    /// Waits until everything has been read that the topic holds now.
    ///
    /// # Errors
    /// When the cluster refuses, or it takes longer than `within`.
    pub(crate) async fn read_to_end(&self, within: Duration) -> Result<(), LogError> {
        let late = || LogError::Late {
            topic: Arc::clone(&self.topic),
            within,
        };
        tokio::time::timeout(within, self.catch_up())
            .await
            .map_err(|_elapsed| late())?
    }

    async fn catch_up(&self) -> Result<(), LogError> {
        self.producer.flush().await;
        let ends = self.ends().await?;
        let mut positions = self.positions.clone();
        let has_read = |seen: &BTreeMap<i32, i64>| {
            ends.iter()
                .all(|(partition, end)| seen.get(partition).copied().unwrap_or(0) >= *end)
        };
        let caught_up = positions.wait_for(has_read).await;
        caught_up.map(drop).map_err(|_closed| LogError::Ended {
            topic: Arc::clone(&self.topic),
        })
    }

    async fn ends(&self) -> Result<BTreeMap<i32, i64>, LogError> {
        let places: BTreeMap<_, _> = self
            .partitions
            .iter()
            .map(|partition| ((Arc::clone(&self.topic), *partition), OffsetSpec::Latest))
            .collect();
        let admin = Arc::clone(&self.admin);
        let asked = self
            .data
            .spawn(async move { admin.list_offsets(&places).await });
        let found = asked.await.map_err(|_ended| LogError::Ended {
            topic: Arc::clone(&self.topic),
        })?;
        let found = found.map_err(|source| LogError::Read {
            topic: Arc::clone(&self.topic),
            source,
        })?;
        let end = |((_, partition), found): (_, millrace_client::admin::FoundOffset)| {
            (partition, found.offset.unwrap_or(0))
        };
        Ok(found.into_iter().map(end).collect())
    }

    /// Waits a while for what is still to be written, then takes no more.
    pub(crate) async fn close(&self) {
        self.producer.close(CLOSE_WITHIN).await;
    }
}

fn record<'a>(key: &'a [u8], value: Option<&'a [u8]>) -> RecordRef<'a> {
    RecordRef {
        timestamp: -1,
        key: Some(key),
        value,
        headers: &[],
    }
}

/// Reads for ever; errors are told and tried again.
async fn follow(
    topic: Arc<str>,
    mut consumer: Consumer,
    mut on_read: OnRead,
    seen: watch::Sender<BTreeMap<i32, i64>>,
) {
    loop {
        match consumer.poll(LOOK_EVERY).await {
            Ok(Some(batch)) => {
                for row in &batch.rows {
                    on_read(Read {
                        offset: row.offset,
                        key: row.key.of(&batch.data),
                        value: row.value.of(&batch.data),
                    });
                }
            }
            Ok(None) => {}
            Err(error) => {
                log::warn!("cannot follow topic {topic}, trying again: {error}");
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
        let positions: BTreeMap<i32, i64> = consumer
            .assignment()
            .into_iter()
            .filter_map(|at| Some((at.partition, consumer.known_position(&at)?)))
            .collect();
        seen.send_if_modified(|known| {
            let is_new = *known != positions;
            *known = positions;
            is_new
        });
    }
}

/// The worker's keys with those that a client of the worker must have.
fn forced(settings: &LogSettings, forced: &[(&str, &str)]) -> Properties {
    let mut properties = settings.worker.clone();
    properties.remove("group.id");
    properties.insert("client.id".to_owned(), settings.client_id.clone());
    for (key, value) in forced {
        properties.insert((*key).to_owned(), (*value).to_owned());
    }
    properties
}

fn cluster(
    topic: &Arc<str>,
    settings: &LogSettings,
    clients: &Clients,
) -> Result<Cluster, LogError> {
    let config =
        ClusterConfig::parse(&forced(settings, &[])).map_err(|source| LogError::Config {
            topic: Arc::clone(topic),
            source,
        })?;
    Ok(Cluster::new(
        config,
        Arc::clone(&clients.dial),
        Arc::clone(&clients.clock),
    ))
}

async fn partitions(
    topic: &Arc<str>,
    cluster: &Cluster,
    data: &Handle,
) -> Result<Vec<i32>, LogError> {
    let (asked, name) = (cluster.clone(), Arc::clone(topic));
    let known = data.spawn(async move { asked.topic(&name, false, KNOWN_WITHIN).await });
    let known = known.await.map_err(|_ended| LogError::Ended {
        topic: Arc::clone(topic),
    })?;
    let known = known.map_err(|source| LogError::Read {
        topic: Arc::clone(topic),
        source,
    })?;
    Ok(known
        .partitions
        .iter()
        .map(|partition| partition.index)
        .collect())
}

fn producer(
    topic: &Arc<str>,
    settings: &LogSettings,
    clients: &Clients,
) -> Result<Producer, LogError> {
    let properties = forced(
        settings,
        &[
            ("acks", "all"),
            ("max.in.flight.requests.per.connection", "1"),
            ("enable.idempotence", "false"),
            ("linger.ms", "0"),
            ("delivery.timeout.ms", "2147483647"),
        ],
    );
    let config = ProducerConfig::parse(&properties).map_err(|source| LogError::Config {
        topic: Arc::clone(topic),
        source,
    })?;
    let cluster = Cluster::new(
        config.cluster.clone(),
        Arc::clone(&clients.dial),
        Arc::clone(&clients.clock),
    );
    Ok(Producer::new(config, cluster))
}

fn consumer(
    topic: &Arc<str>,
    settings: &LogSettings,
    cluster: Cluster,
    partitions: &[i32],
) -> Result<Consumer, LogError> {
    let properties = forced(
        settings,
        &[
            ("enable.auto.commit", "false"),
            ("auto.offset.reset", "earliest"),
        ],
    );
    let config = ConsumerConfig::parse(&properties).map_err(|source| LogError::Config {
        topic: Arc::clone(topic),
        source,
    })?;
    let mut consumer = Consumer::new(config, cluster);
    let all: Vec<TopicPartition> = partitions
        .iter()
        .map(|partition| TopicPartition::new(Arc::clone(topic), *partition))
        .collect();
    consumer.assign(&all);
    let begun = consumer.seek_to_beginning(&all);
    begun.map_err(|source| LogError::Begin {
        topic: Arc::clone(topic),
        source,
    })?;
    Ok(consumer)
}
