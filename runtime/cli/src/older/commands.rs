//! The table of commands: Kafka's scripts by the names that habit types, with or without `.sh`.

/// One script.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) old: &'static str,
    pub(super) today: Today,
}

/// What to type in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Today {
    /// The same: it works, with a note.
    Is(&'static [&'static str]),
    /// There is no such thing; what to do instead.
    Not(&'static str),
}

const fn script(old: &'static str, today: &'static [&'static str]) -> Script {
    Script {
        old,
        today: Today::Is(today),
    }
}

const fn gone(old: &'static str, text: &'static str) -> Script {
    Script {
        old,
        today: Today::Not(text),
    }
}

const NO_ZOOKEEPER: &str =
    "no ZooKeeper is involved any more; millrace broker starts the broker and all it needs";
const STOP: &str =
    "Ctrl-C or SIGTERM stops it cleanly; so does systemctl stop with the units of config/systemd";
const ONE_NODE: &str = "the included broker is one node, with nothing to move or elect; ask a cluster of Apache Kafka by \
                        its own tool";
const OPEN: &str = "nobody is asked who they are; ask a cluster of Apache Kafka by its own tool";
const NO_MIRROR: &str = "records are not mirrored between clusters; Apache Kafka's MirrorMaker does, from and to \
                         this broker too";

pub(super) const SCRIPTS: &[Script] = &[
    script("connect-standalone", &["standalone"]),
    script("connect-distributed", &["distributed"]),
    script("kafka-server-start", &["broker"]),
    script("kafka-topics", &["topics"]),
    script("kafka-console-producer", &["produce"]),
    script("kafka-console-consumer", &["consume"]),
    script("kafka-consumer-groups", &["groups"]),
    script("kafka-groups", &["groups"]),
    script("kafka-configs", &["configs"]),
    script("kafka-delete-records", &["delete-records"]),
    script("kafka-get-offsets", &["get-offsets"]),
    script("kafka-log-dirs", &["log-dirs"]),
    script("kafka-dump-log", &["dump-log"]),
    script("kafka-producer-perf-test", &["perf", "produce"]),
    script("kafka-consumer-perf-test", &["perf", "consume"]),
    gone("connect-mirror-maker", NO_MIRROR),
    gone("kafka-mirror-maker", NO_MIRROR),
    gone("kafka-server-stop", STOP),
    gone("zookeeper-server-start", NO_ZOOKEEPER),
    gone("zookeeper-server-stop", NO_ZOOKEEPER),
    gone("zookeeper-shell", NO_ZOOKEEPER),
    gone(
        "kafka-storage",
        "a log directory needs no formatting: millrace broker makes it, and goes on with one of Apache Kafka",
    ),
    gone("kafka-metadata-quorum", ONE_NODE),
    gone("kafka-features", ONE_NODE),
    gone("kafka-leader-election", ONE_NODE),
    gone("kafka-preferred-replica-election", ONE_NODE),
    gone("kafka-reassign-partitions", ONE_NODE),
    gone("kafka-replica-verification", ONE_NODE),
    gone("kafka-acls", OPEN),
    gone("kafka-delegation-tokens", OPEN),
    gone(
        "kafka-client-metrics",
        "type millrace configs --client-metrics NAME, which shows and changes them",
    ),
    gone(
        "kafka-consumer-offset-checker",
        "type millrace groups --describe --group GROUP",
    ),
    gone(
        "kafka-streams-application-reset",
        "type millrace groups --reset-offsets for its input topics, and millrace topics --delete for its internal ones",
    ),
];

/// What became of a command that was typed.
pub(super) fn find(typed: &str) -> Option<Today> {
    let name = typed.rsplit('/').next().unwrap_or(typed);
    let name = name.strip_suffix(".sh").unwrap_or(name);
    SCRIPTS
        .iter()
        .find(|script| script.old == name)
        .map(|script| script.today)
}
