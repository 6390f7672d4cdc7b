//! Reading topics.
//!
//! A [`Consumer`] belongs to one task. [`Consumer::poll`] hands out one decoded batch at a time; between polls the
//! next answers arrive by themselves, and the group hears that the member lives. Nothing else happens outside polls:
//! positions move, callbacks run and partitions change only within them. A poll may be dropped at any time, which is
//! how one is woken up; from another task, a [`WakeUp`] ends it.
//!
//! ```no_run
//! # use std::time::Duration;
//! # use millrace_client::{Cluster, ClusterConfig, consumer::{ConsumeError, Consumer, ConsumerConfig}};
//! # use millrace_config::Config;
//! # async fn example(cluster: Cluster, settings: millrace_config::Properties)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! let mut consumer = Consumer::new(ConsumerConfig::parse(&settings)?, cluster);
//! consumer.subscribe(&["orders"])?;
//! while let Some(batch) = consumer.poll(Duration::from_secs(1)).await? {
//!     for row in &batch.rows {
//!         println!("{} {:?}", row.offset, row.value.of(&batch.data));
//!     }
//! }
//! consumer.close(Duration::from_secs(5)).await?;
//! # Ok(())
//! # }
//! ```

pub mod assignor;
mod changes;
mod commit;
mod config;
mod error;
mod fetched;
mod fetcher;
mod group_protocol;
mod interceptor;
mod listener;
mod log_offsets;
mod lookup;
mod offset;
mod offset_reset;
mod offsets;
mod partitions;
mod poll;
mod protocol;
mod raised;
mod run;
mod session;
mod topic_partition;
mod upkeep;
mod wake_up;

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use millrace_wire::clock::Clock;
use millrace_wire::held::Held;
use millrace_wire::messages::list_offsets::{EARLIEST_TIMESTAMP, LATEST_TIMESTAMP};
use regex::Regex;
use tokio::task::JoinSet;

pub use changes::Polled;
pub use commit::{CommitCallback, Offsets};
pub use config::{ConsumerConfig, IsolationLevel};
pub use error::{CommitError, ConsumeError};
pub use fetched::{Fetched, Rows};
pub use interceptor::ConsumerInterceptor;
pub use listener::RebalanceListener;
pub use log_offsets::OffsetAndTimestamp;
pub use offset::CommittedOffset;
pub use offset_reset::OffsetReset;
pub use topic_partition::TopicPartition;
pub use wake_up::WakeUp;

use crate::cluster::{Cluster, Lane};
use crate::config::millis;
use crate::group::coordinator::Coordinator;
use crate::group::{GroupProtocol, Membership, Settings};
use assignor::PartitionAssignor;
use changes::Change;
use commit::Commits;
use fetcher::Fetcher;
use group_protocol::ConsumerProtocol;
use partitions::{Partitions, Stage};
use raised::Raised;
use upkeep::{Done, MetadataUpkeep};

/// What the consumer was told to read.
#[derive(Debug)]
enum Interest {
    Nothing,
    /// These partitions, without a group's help.
    Partitions,
    Topics,
    Pattern(Regex),
}

/// A consumer that subscribes is a member of its group.
#[derive(Debug)]
struct GroupSide {
    membership: Membership,
    protocol: Arc<ConsumerProtocol>,
    /// Whether the membership was told to join: with a pattern, once the topics are known.
    joined: bool,
}

/// Reads topics, see the [module's page](self).
pub struct Consumer {
    config: Arc<ConsumerConfig>,
    cluster: Cluster,
    clock: Arc<dyn Clock>,
    /// For questions that must not wait behind a parked fetch.
    questions: Arc<Lane>,
    interest: Interest,
    partitions: Partitions,
    fetcher: Fetcher,
    coordinator: Option<Arc<Coordinator>>,
    side: Option<GroupSide>,
    changes: VecDeque<Change>,
    listener: Option<Box<dyn RebalanceListener>>,
    interceptors: interceptor::Chain,
    assignors: Vec<Arc<dyn PartitionAssignor>>,
    wake_up: WakeUp,
    commits: Commits,
    next_auto_commit: Duration,
    metadata: MetadataUpkeep,
    errors: Raised,
    tasks: JoinSet<Done>,
}

impl fmt::Debug for Consumer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Consumer")
            .field("interest", &self.interest)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

impl Consumer {
    /// A consumer that reads nothing yet. Its methods are to be called on a tokio runtime with time enabled.
    #[must_use]
    pub fn new(config: ConsumerConfig, cluster: Cluster) -> Self {
        let config = Arc::new(config);
        let clock = Arc::clone(cluster.clock());
        let coordinator = config
            .group_id
            .as_deref()
            .map(|group| Arc::new(Coordinator::new(&cluster, group)));
        let interval = millis(config.auto_commit_interval_ms.into());
        Consumer {
            partitions: Partitions::new(cluster.retry_backoff()),
            fetcher: Fetcher::new(Arc::clone(&config), Arc::new(cluster.lane())),
            questions: Arc::new(cluster.lane()),
            interest: Interest::Nothing,
            coordinator,
            side: None,
            changes: VecDeque::new(),
            listener: None,
            interceptors: interceptor::Chain::default(),
            assignors: config.partition_assignors(),
            wake_up: WakeUp::default(),
            commits: Commits::default(),
            next_auto_commit: clock.monotonic() + interval,
            metadata: MetadataUpkeep::new(cluster.retry_backoff()),
            errors: Raised::default(),
            tasks: JoinSet::new(),
            config,
            cluster,
            clock,
        }
    }

    /// The configuration it was made with.
    #[must_use]
    pub fn config(&self) -> &ConsumerConfig {
        &self.config
    }

    /// Who is told when partitions come and go.
    pub fn set_listener(&mut self, listener: Box<dyn RebalanceListener>) {
        self.listener = Some(listener);
    }

    /// Who sees batches and commits, in this order; in place of those before.
    pub fn set_interceptors(&mut self, interceptors: Vec<Box<dyn ConsumerInterceptor>>) {
        self.interceptors = interceptor::Chain::new(interceptors);
    }

    /// Ways to divide partitions, best first, in place of `partition.assignment.strategy`. They hold for a group that
    /// is subscribed to after this call.
    pub fn set_assignors(&mut self, assignors: Vec<Arc<dyn PartitionAssignor>>) {
        self.assignors = assignors;
    }

    /// What wakes this consumer up from another task.
    #[must_use]
    pub fn waker(&self) -> WakeUp {
        self.wake_up.clone()
    }

    /// Reads these topics as a member of the group; in place of what was read before.
    ///
    /// # Errors
    /// Where there is no group.
    pub fn subscribe(&mut self, topics: &[impl AsRef<str>]) -> Result<(), ConsumeError> {
        if topics.is_empty() {
            self.unsubscribe();
            return Ok(());
        }
        let topics: BTreeSet<Arc<str>> = topics
            .iter()
            .map(|topic| Arc::from(topic.as_ref()))
            .collect();
        let side = self.enter_group()?;
        side.change_topics(topics);
        self.interest = Interest::Topics;
        self.metadata.ask();
        Ok(())
    }

    /// Reads all topics whose whole name matches, also those that come later, as a member of the group.
    ///
    /// # Errors
    /// Where there is no group, or the pattern is not a regular expression.
    pub fn subscribe_pattern(&mut self, pattern: &str) -> Result<(), ConsumeError> {
        let whole =
            Regex::new(&format!("^(?:{pattern})$")).map_err(|error| ConsumeError::Pattern {
                pattern: pattern.to_owned(),
                reason: error.to_string(),
            })?;
        self.enter_group()?;
        self.interest = Interest::Pattern(whole);
        self.metadata.ask();
        Ok(())
    }

    /// Reads nothing any more and leaves the group, at once: nothing is committed before, and the listener is not called.
    pub fn unsubscribe(&mut self) {
        if let Some(side) = &mut self.side {
            side.protocol.subscribe(BTreeSet::new());
            side.protocol.follow();
            side.protocol.own(Vec::new(), -1);
            side.membership
                .leave("the consumer unsubscribed from all topics");
            side.joined = false;
            while side.membership.try_event().is_some() {}
        }
        self.interest = Interest::Nothing;
        self.changes.clear();
        self.partitions.replace(Vec::new(), Stage::Committed);
    }

    /// Reads these partitions without a group's help; in place of what was read before. Those that were read already
    /// go on where they are. With a `group.id` the others start at its committed offsets.
    pub fn assign(&mut self, partitions: &[TopicPartition]) {
        if self.follows_group() {
            self.unsubscribe();
        }
        self.interest = if partitions.is_empty() {
            Interest::Nothing
        } else {
            Interest::Partitions
        };
        self.partitions
            .replace(partitions.to_vec(), Stage::Committed);
        self.metadata.ask();
    }

    /// The partitions that are read now.
    #[must_use]
    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.partitions.names()
    }

    /// Moves the position of a partition. What was fetched already is dropped.
    ///
    /// # Errors
    /// Where the partition is not assigned.
    pub fn seek(&mut self, partition: &TopicPartition, offset: i64) -> Result<(), ConsumeError> {
        self.assigned(self.partitions.get(partition).is_some(), partition)?;
        self.partitions.seek(partition, offset.max(0));
        Ok(())
    }

    /// Moves positions to the first offsets there are; which they are is asked for within the next polls.
    ///
    /// # Errors
    /// Where one of the partitions is not assigned.
    pub fn seek_to_beginning(&mut self, partitions: &[TopicPartition]) -> Result<(), ConsumeError> {
        partitions
            .iter()
            .try_for_each(|partition| self.reset(partition, EARLIEST_TIMESTAMP))
    }

    /// Moves positions to the ends; which they are is asked for within the next polls.
    ///
    /// # Errors
    /// Where one of the partitions is not assigned.
    pub fn seek_to_end(&mut self, partitions: &[TopicPartition]) -> Result<(), ConsumeError> {
        partitions
            .iter()
            .try_for_each(|partition| self.reset(partition, LATEST_TIMESTAMP))
    }

    /// What this consumer keeps in memory: the bytes of fetched answers, whole, and of the batches unpacked from them, for
    /// as long as somebody can reach a part of them.
    #[must_use]
    pub fn held(&self) -> &Held {
        self.fetcher.held()
    }

    /// Asks brokers for no further records, or does so again. What has arrived, or is on its way, is handed out all the
    /// same.
    pub fn hold_fetches(&mut self, on_hold: bool) {
        self.fetcher.hold(on_hold);
    }

    /// Stops handing out records of these partitions; the membership is not touched.
    ///
    /// # Errors
    /// Where one of the partitions is not assigned.
    pub fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), ConsumeError> {
        partitions
            .iter()
            .try_for_each(|partition| self.set_paused(partition, true))
    }

    /// Takes up reading where it was paused.
    ///
    /// # Errors
    /// Where one of the partitions is not assigned.
    pub fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), ConsumeError> {
        partitions
            .iter()
            .try_for_each(|partition| self.set_paused(partition, false))
    }

    /// The partitions that are paused.
    #[must_use]
    pub fn paused(&self) -> Vec<TopicPartition> {
        self.partitions
            .iter()
            .filter(|(_, state)| state.paused)
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Whether the consumer is to ask for the offset of `partition`, or knows it: the next offset to hand out.
    #[must_use]
    pub fn known_position(&self, partition: &TopicPartition) -> Option<i64> {
        self.partitions.get(partition)?.known_position()
    }

    /// The member's id and generation in its group, if it has subscribed.
    #[must_use]
    pub fn identity(&self) -> Option<crate::group::Identity> {
        Some(self.side.as_ref()?.membership.identity())
    }

    fn reset(&mut self, partition: &TopicPartition, timestamp: i64) -> Result<(), ConsumeError> {
        let there = self.partitions.reset(partition, timestamp);
        self.assigned(there, partition)
    }

    fn set_paused(&mut self, partition: &TopicPartition, paused: bool) -> Result<(), ConsumeError> {
        let there = self
            .partitions
            .get_mut(partition)
            .map(|state| state.paused = paused)
            .is_some();
        self.assigned(there, partition)
    }

    fn assigned(&self, there: bool, partition: &TopicPartition) -> Result<(), ConsumeError> {
        if there {
            Ok(())
        } else {
            Err(ConsumeError::NotAssigned(partition.clone()))
        }
    }

    fn enter_group(&mut self) -> Result<&mut GroupSide, ConsumeError> {
        let coordinator = self
            .coordinator
            .as_ref()
            .ok_or(ConsumeError::NoGroup { doing: "subscribe" })?;
        if matches!(self.interest, Interest::Partitions) {
            self.partitions.replace(Vec::new(), Stage::Committed);
        }
        let config = &self.config;
        let side = self.side.get_or_insert_with(|| {
            let protocol = ConsumerProtocol::new(
                self.cluster.clone(),
                self.assignors.clone(),
                &config.client_rack,
            );
            let protocol = Arc::new(protocol);
            let membership = Membership::start(
                settings(config, &self.cluster),
                Arc::clone(&protocol) as Arc<dyn GroupProtocol>,
                Arc::clone(coordinator),
                Arc::clone(&self.clock),
            );
            GroupSide {
                membership,
                protocol,
                joined: false,
            }
        });
        side.membership.touch(self.clock.monotonic());
        Ok(side)
    }

    /// Whether its partitions are those that the group assigns.
    fn follows_group(&self) -> bool {
        matches!(self.interest, Interest::Topics | Interest::Pattern(_))
    }
}

impl GroupSide {
    fn change_topics(&mut self, topics: BTreeSet<Arc<str>>) {
        let changed = self.protocol.subscribe(topics);
        if !self.joined {
            self.joined = true;
            self.membership.join();
        } else if changed {
            self.membership.rejoin("the subscription has changed");
        }
    }
}

fn settings(config: &ConsumerConfig, cluster: &Cluster) -> Settings {
    let shared = cluster.config();
    Settings {
        group_id: config.group_id.clone().unwrap_or_default(),
        instance_id: config.group_instance_id.clone(),
        protocol_type: "consumer",
        session_timeout: millis(config.session_timeout_ms.into()),
        rebalance_timeout: millis(config.max_poll_interval_ms.into()),
        heartbeat_interval: millis(config.heartbeat_interval_ms.into()),
        first_heartbeat: millis(config.heartbeat_interval_ms.into()),
        retry_backoff: (
            millis(shared.retry_backoff_ms),
            millis(shared.retry_backoff_max_ms),
        ),
    }
}
