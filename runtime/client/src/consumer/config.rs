//! A consumer's configuration, by Kafka's keys.

use std::sync::Arc;
use std::time::Duration;

use millrace_config::{Config, ConfigEnum, Value};

use super::assignor::{Assignor, PartitionAssignor};
use super::offset_reset::OffsetReset;
use crate::config::{interceptors, millis};

/// How long an answer waits for records, where `fetch.max.wait.ms` is unset.
const FETCH_WAIT: Duration = Duration::from_millis(500);
/// How often that is doubled at most.
const FETCH_WAIT_DOUBLINGS: u32 = 3;

/// Which records of transactions are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ConfigEnum)]
pub enum IsolationLevel {
    /// All.
    #[config(name = "read_uncommitted")]
    ReadUncommitted,
    /// Those of committed transactions only, and none beyond the first open one.
    #[config(name = "read_committed")]
    ReadCommitted,
}

impl IsolationLevel {
    pub(super) fn code(self) -> i8 {
        i8::from(self == IsolationLevel::ReadCommitted)
    }
}

/// What one consumer reads and how; where the cluster is, is said by [`crate::ClusterConfig`].
#[derive(Debug, Clone, Config)]
pub struct ConsumerConfig {
    /// The group that the consumer belongs to; needed to subscribe and to commit.
    #[config(name = "group.id", importance = high)]
    pub group_id: Option<String>,
    /// A name of its own for this member of the group: with it a restart within the session does not move its
    /// partitions to others.
    #[config(name = "group.instance.id")]
    pub group_instance_id: Option<String>,
    /// After how many milliseconds without a heartbeat the group goes on without this member.
    #[config(name = "session.timeout.ms", default = 45_000, range(1..), importance = high)]
    pub session_timeout_ms: i32,
    /// How often the group is told that this member lives, in milliseconds.
    #[config(name = "heartbeat.interval.ms", default = 3_000, range(1..), importance = high)]
    pub heartbeat_interval_ms: i32,
    /// How long the time between two polls may be, in milliseconds, before the member gives up its partitions.
    #[config(name = "max.poll.interval.ms", default = 300_000, range(1..))]
    pub max_poll_interval_ms: i32,
    /// The most records that one poll hands out. Unset, it is what one batch holds, so that none is cut.
    #[config(name = "max.poll.records", range(1..))]
    pub max_poll_records: Option<i32>,
    /// Ways to divide partitions between members, best first.
    #[config(
        name = "partition.assignment.strategy",
        default = "range,cooperative-sticky",
        validator = assignors
    )]
    pub partition_assignment_strategy: Vec<String>,
    /// Where to start if there is no committed offset, or if it is no longer in the log: earliest,
    /// latest, none, or by_duration: and how long ago, as in by_duration:PT6H.
    #[config(name = "auto.offset.reset", default = "latest")]
    pub auto_offset_reset: OffsetReset,
    /// Whether positions are committed in the background.
    #[config(name = "enable.auto.commit", default = true)]
    pub enable_auto_commit: bool,
    /// How often positions are committed in the background, in milliseconds.
    #[config(name = "auto.commit.interval.ms", default = 5_000, range(0..), importance = low)]
    pub auto_commit_interval_ms: i32,
    /// Which records of transactions are read.
    #[config(name = "isolation.level", default = "read_uncommitted")]
    pub isolation_level: IsolationLevel,
    /// How many bytes an answer waits for.
    #[config(name = "fetch.min.bytes", default = 1, range(0..), importance = high)]
    pub fetch_min_bytes: i32,
    /// How long an answer waits for `fetch.min.bytes`, in milliseconds. Unset, it is 500, and up to 4000 where nothing
    /// has come for a while and `fetch.min.bytes` is 1.
    #[config(name = "fetch.max.wait.ms", range(0..), importance = low)]
    pub fetch_max_wait_ms: Option<i32>,
    /// The most bytes of one answer; a single larger batch is still read.
    #[config(name = "fetch.max.bytes", default = 52_428_800, range(0..))]
    pub fetch_max_bytes: i32,
    /// The most bytes of one partition in an answer; a single larger batch is still read.
    #[config(name = "max.partition.fetch.bytes", default = 1_048_576, range(0..), importance = high)]
    pub max_partition_fetch_bytes: i32,
    /// Whether the checksum of each batch is compared.
    #[config(name = "check.crcs", default = true, importance = low)]
    pub check_crcs: bool,
    /// The rack of this member, told to the leader of its group.
    #[config(name = "client.rack", default = "", importance = low)]
    pub client_rack: String,
    /// Whether a pattern leaves out the brokers' own topics.
    #[config(name = "exclude.internal.topics", default = true)]
    pub exclude_internal_topics: bool,
    /// Whether the broker may create a topic that is asked for and not there.
    #[config(name = "allow.auto.create.topics", default = true)]
    pub allow_auto_create_topics: bool,
    /// How the group divides partitions: classic, by its members.
    #[config(name = "group.protocol", default = "classic", validator = group_protocol)]
    pub group_protocol: String,
    /// Hooks around reading and committing; they are Rust code and given by the program.
    #[config(name = "interceptor.classes", default = "", validator = interceptors, importance = low)]
    pub interceptor_classes: Vec<String>,
    /// How long a call about offsets may take with its repetitions, in milliseconds.
    #[config(name = "default.api.timeout.ms", default = 60_000, range(0..))]
    pub default_api_timeout_ms: i32,
}

impl ConsumerConfig {
    pub(super) fn assignors(&self) -> Vec<Assignor> {
        let mut assignors = Vec::new();
        for assignor in self
            .partition_assignment_strategy
            .iter()
            .filter_map(|name| Assignor::named(name))
        {
            if !assignors.contains(&assignor) {
                assignors.push(assignor);
            }
        }
        assignors
    }

    pub(super) fn partition_assignors(&self) -> Vec<Arc<dyn PartitionAssignor>> {
        let built_in = self.assignors().into_iter();
        built_in
            .map(|assignor| Arc::new(assignor) as Arc<dyn PartitionAssignor>)
            .collect()
    }

    /// How long the next answer may wait where so many in a row have brought nothing: who is idle asks seldom, which
    /// delays no record, for an answer leaves as soon as there is one.
    pub(super) fn fetch_wait(&self, empty: u32) -> Duration {
        let doublings = match self.fetch_min_bytes {
            ..=1 => empty.min(FETCH_WAIT_DOUBLINGS),
            _ => 0,
        };
        let wait = self.fetch_max_wait_ms;
        wait.map_or(FETCH_WAIT * (1 << doublings), |ms| millis(ms.into()))
    }

    pub(super) fn max_records(&self) -> usize {
        let most = self.max_poll_records.and_then(|most| most.try_into().ok());
        most.unwrap_or(usize::MAX)
    }

    pub(super) fn api_timeout(&self) -> Duration {
        millis(self.default_api_timeout_ms.into())
    }
}

fn assignors(_: &str, value: &Value) -> Result<(), String> {
    let Some(names) = value.as_list() else {
        return Ok(());
    };
    if names.is_empty() {
        return Err("no assignor is named".to_owned());
    }
    match names.iter().find(|name| Assignor::named(name).is_none()) {
        Some(unknown) => Err(format!(
            "{unknown} is not known; known are range, roundrobin, sticky and cooperative-sticky, one of your own is given in code"
        )),
        None => Ok(()),
    }
}

fn group_protocol(_: &str, value: &Value) -> Result<(), String> {
    match value.as_str() {
        Some(name) if !name.eq_ignore_ascii_case("classic") => {
            Err("only classic is supported, the group's members divide its partitions".to_owned())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_config::Properties;

    fn parse(pairs: &[(&str, &str)]) -> Result<ConsumerConfig, String> {
        let given: Properties = pairs
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect();
        ConsumerConfig::parse(&given).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_kafkas() {
        let config = parse(&[]).unwrap();
        assert_eq!(config.auto_offset_reset, OffsetReset::Latest);
        assert_eq!(config.isolation_level, IsolationLevel::ReadUncommitted);
        assert_eq!(
            config.assignors(),
            [Assignor::Range, Assignor::CooperativeSticky]
        );
    }

    #[test]
    fn an_idle_consumer_asks_seldom_unless_it_is_told_how_often() {
        let waits = |pairs: &[(&str, &str)]| {
            let config = parse(pairs).unwrap();
            [0, 1, 2, 3, 4, u32::MAX].map(|empty| config.fetch_wait(empty).as_millis())
        };
        assert_eq!(waits(&[]), [500, 1000, 2000, 4000, 4000, 4000]);
        assert_eq!(waits(&[("fetch.max.wait.ms", "70")]), [70; 6]);
        assert_eq!(waits(&[("fetch.min.bytes", "2")]), [500; 6]);
    }

    #[test]
    fn assignors_are_known_by_class_and_by_name() {
        let classes = "org.apache.kafka.clients.consumer.RoundRobinAssignor, range,roundrobin";
        let config = parse(&[("partition.assignment.strategy", classes)]).unwrap();
        assert_eq!(config.assignors(), [Assignor::RoundRobin, Assignor::Range]);
        assert!(
            parse(&[("partition.assignment.strategy", "mine")])
                .unwrap_err()
                .contains("mine")
        );
    }

    #[test]
    fn what_is_not_there_is_refused() {
        for (key, value) in [
            ("group.protocol", "consumer"),
            ("interceptor.classes", "com.example.Audit"),
            ("auto.offset.reset", "smallest"),
        ] {
            let error = parse(&[(key, value)]).unwrap_err();
            assert!(error.contains(key) && error.contains(value), "{error}");
        }
    }

    #[test]
    fn levels_have_kafkas_names() {
        let config = parse(&[
            ("isolation.level", "read_committed"),
            ("auto.offset.reset", "none"),
        ])
        .unwrap();
        assert_eq!(config.isolation_level, IsolationLevel::ReadCommitted);
        assert_eq!(config.auto_offset_reset, OffsetReset::None);
    }
}
