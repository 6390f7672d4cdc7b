//! The table of flags: those of Kafka's tools that have another name today, or that nothing stands behind here.
//!
//! Sources: the options of Apache Kafka's tools from 0.8 to 4.1. A flag that a command has takes part in neither.

use super::table::Remedy::{self, Gone, NoEffect, Renamed, Same};

/// One flag, without its dashes.
#[derive(Debug)]
pub(super) struct Flag {
    pub(super) old: &'static str,
    /// Whether a value follows it, which goes where the flag goes.
    pub(super) valued: bool,
    pub(super) scope: Scope,
    pub(super) remedy: Remedy,
}

/// Which commands it is a flag of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    All,
    AllBut(&'static str),
    Only(&'static str),
}

impl Scope {
    pub(super) fn covers(self, command: Option<&str>) -> bool {
        match self {
            Self::All => true,
            Self::AllBut(other) => command != Some(other),
            Self::Only(own) => command == Some(own),
        }
    }
}

use Scope::{All, AllBut, Only};

const fn flag(scope: Scope, old: &'static str, remedy: Remedy) -> Flag {
    Flag {
        old,
        valued: false,
        scope,
        remedy,
    }
}

const fn valued(scope: Scope, old: &'static str, remedy: Remedy) -> Flag {
    Flag {
        old,
        valued: true,
        scope,
        remedy,
    }
}

const CONSUME: Scope = Only("consume");
const CONFIGS: Scope = Only("configs");
const DUMP_LOG: Scope = Only("dump-log");
const PERF: Scope = Only("perf");
const PRODUCE: Scope = Only("produce");
const TOPICS: Scope = Only("topics");

const FIGURES: &str = "figures are served at /metrics, as docs/metrics.md says";
const DECODERS: &str = "--offsets-decoder is the only decoder of records there is";
const NO_QUOTAS: &str =
    "quotas of users, clients and addresses are not there, neither in the broker nor in this tool";
const NO_TRANSACTIONS: &str = "the producer of this tool writes no transactions";
const LINES_ARE_BYTES: &str = "lines are sent as the bytes they are";

pub(super) const FLAGS: &[Flag] = &[
    flag(AllBut("log-dirs"), "broker-list", Same("bootstrap-server")),
    flag(All, "bootstrap-servers", Same("bootstrap-server")),
    flag(All, "whitelist", Same("include")),
    flag(
        All,
        "blacklist",
        Gone("say what to read by --include, a regular expression"),
    ),
    flag(
        All,
        "zookeeper",
        Gone(
            "no ZooKeeper is involved any more; name a broker, as in --bootstrap-server localhost:9092",
        ),
    ),
    flag(
        All,
        "daemon",
        Gone("it runs in the foreground; config/systemd has units that run it as a service"),
    ),
    flag(
        All,
        "new-consumer",
        NoEffect("there is one kind of consumer only"),
    ),
    flag(
        All,
        "new-producer",
        NoEffect("there is one kind of producer only"),
    ),
    flag(
        All,
        "old-producer",
        NoEffect("there is one kind of producer only"),
    ),
    flag(All, "force", NoEffect("nobody is asked before it is done")),
    flag(
        TOPICS,
        "delete-config",
        Gone("type millrace configs --alter --topic TOPIC --delete-config KEY"),
    ),
    flag(
        TOPICS,
        "disable-rack-aware",
        NoEffect("the broker chooses where replicas go"),
    ),
    flag(
        CONFIGS,
        "bootstrap-controller",
        Gone("ask a broker by --bootstrap-server, which passes it on"),
    ),
    flag(CONFIGS, "user", Gone(NO_QUOTAS)),
    flag(CONFIGS, "user-defaults", Gone(NO_QUOTAS)),
    flag(CONFIGS, "client", Gone(NO_QUOTAS)),
    flag(CONFIGS, "client-defaults", Gone(NO_QUOTAS)),
    flag(CONFIGS, "ip", Gone(NO_QUOTAS)),
    flag(CONFIGS, "ip-defaults", Gone(NO_QUOTAS)),
    flag(
        PRODUCE,
        "queue-size",
        Gone("--max-memory-bytes bounds what waits for delivery"),
    ),
    flag(
        PRODUCE,
        "queue-enqueuetimeout-ms",
        Renamed("--max-block-ms"),
    ),
    flag(PRODUCE, "key-serializer", Gone(LINES_ARE_BYTES)),
    flag(PRODUCE, "value-serializer", Gone(LINES_ARE_BYTES)),
    flag(
        CONSUME,
        "delete-consumer-offsets",
        Gone("type millrace groups --delete-offsets --group GROUP --topic TOPIC"),
    ),
    flag(
        CONSUME,
        "enable-systest-events",
        Gone("the events that Apache Kafka's own system tests read are not printed here"),
    ),
    flag(CONSUME, "csv-reporter-enabled", Gone(FIGURES)),
    flag(CONSUME, "metrics-dir", Gone(FIGURES)),
    valued(PERF, "threads", NoEffect("one thread reads all partitions")),
    valued(
        PERF,
        "num-fetch-threads",
        NoEffect("one fetch a broker is always under way"),
    ),
    flag(
        PERF,
        "print-metrics",
        NoEffect(
            "these clients have no metrics to print; those of a broker are served at /metrics",
        ),
    ),
    flag(PERF, "transactional-id", Gone(NO_TRANSACTIONS)),
    flag(PERF, "transaction-duration-ms", Gone(NO_TRANSACTIONS)),
    flag(PERF, "enable-transaction", Gone(NO_TRANSACTIONS)),
    valued(
        PERF,
        "date-format",
        NoEffect("times are printed as yyyy-MM-dd HH:mm:ss:SSS"),
    ),
    flag(DUMP_LOG, "transaction-log-decoder", Gone(DECODERS)),
    flag(DUMP_LOG, "cluster-metadata-decoder", Gone(DECODERS)),
    flag(DUMP_LOG, "remote-log-metadata-decoder", Gone(DECODERS)),
    flag(DUMP_LOG, "share-group-state-decoder", Gone(DECODERS)),
];
