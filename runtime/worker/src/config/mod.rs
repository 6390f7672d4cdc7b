//! The worker's configuration: Kafka Connect's keys for a standalone worker, and the few of Millrace's own.

mod clients;
mod distributed;
mod listener;
mod machine;
mod policy;
mod readiness;
mod refused;
mod response_headers;
pub mod unsafe_connectors;

use std::time::Duration;

use millrace_config::{Config, ConfigDef, ConfigErrors, Properties};

pub(crate) use clients::{client_keys, inherited_security};
pub use distributed::{DistributedConfig, Protocol};
pub use listener::{Listener, Scheme};
pub use policy::OverridePolicy;
pub use readiness::Readiness;
pub(crate) use refused::{client_refusal, shown};
pub use response_headers::ResponseHeader;

/// Settings of a worker. Keys of other components (`producer.*`, `key.converter.*`) stay in the
/// properties that it was parsed from.
#[derive(Debug, Clone, Config)]
pub struct WorkerConfig {
    /// The Kafka cluster: host and port of some of its brokers.
    #[config(default = "localhost:9092", importance = high)]
    pub bootstrap_servers: Vec<String>,
    /// The converter of keys where a connector names none.
    #[config(class, importance = high)]
    pub key_converter: String,
    /// The converter of values where a connector names none.
    #[config(class, importance = high)]
    pub value_converter: String,
    /// The converter of header values where a connector names none.
    #[config(class, default = "org.apache.kafka.connect.storage.SimpleHeaderConverter", importance = low)]
    pub header_converter: String,
    /// How long all tasks together may take to stop before they are abandoned, in milliseconds.
    #[config(name = "task.shutdown.graceful.timeout.ms", default = 5000, range(0i64..), importance = low)]
    pub shutdown_timeout_ms: i64,
    /// How long one call of a connector's code may take before it is given up, in milliseconds. A source's poll may
    /// wait for longer, but not after it was asked to pause.
    #[config(name = "connector.call.timeout.ms", default = 300_000, range(1i64..), importance = low)]
    pub call_timeout_ms: i64,
    /// How often source offsets are committed, in milliseconds.
    #[config(default = 1000, range(1i64..), importance = low)]
    pub offset_flush_interval_ms: i64,
    /// How long one commit of source offsets may take, in milliseconds.
    #[config(default = 5000, range(1i64..), importance = low)]
    pub offset_flush_timeout_ms: i64,
    /// The file that keeps the offsets of source connectors; a worker that stands alone needs it.
    #[config(name = "offset.storage.file.filename", default = "", importance = high)]
    pub offset_file: String,
    /// The file that keeps connectors made by REST; without it they live in memory.
    #[config(name = "config.storage.file.filename", importance = medium)]
    pub config_file: Option<String>,
    /// Connectors that are there only where they are named: `exec`, which runs any command that its configuration names;
    /// `faults`, which fail on command.
    #[config(name = "unsafe.connectors", default = "", importance = low, validator = unsafe_connectors::check)]
    pub unsafe_connectors: Vec<String>,
    /// After how long a stage of a task that does work counts as stalled, in milliseconds.
    #[config(name = "health.stalled.after.ms", default = 30_000, range(1i64..), importance = low)]
    pub stalled_after_ms: i64,
    /// What all tasks of the worker may hold in memory together, in bytes: half of the machine's unless set; 0 for no
    /// bound.
    #[config(name = "memory.max.bytes", range(0i64..), importance = low)]
    pub memory_max_bytes: Option<i64>,
    /// What the tasks of one connector may hold in memory together, in bytes, where the connector does not say it by
    /// `memory.max.bytes`.
    #[config(name = "connector.memory.max.bytes", range(1i64..), importance = low)]
    pub connector_memory_max_bytes: Option<i64>,
    /// Which client settings a connector may override.
    #[config(name = "connector.client.config.override.policy", default = "All", importance = low, validator = policy::check)]
    pub override_policy: String,
    /// The client settings that a connector may override under the policy Allowlist.
    #[config(name = "connector.client.config.override.allowlist", default = "", importance = low)]
    pub override_allowlist: Vec<String>,
    /// Whether source tasks may create topics by `topic.creation.*`.
    #[config(default = true, importance = low)]
    pub topic_creation_enable: bool,
    /// Whether the topics that a connector uses are listed.
    #[config(default = true, importance = low)]
    pub topic_tracking_enable: bool,
    /// Whether that list may be reset.
    #[config(name = "topic.tracking.allow.reset", default = true, importance = low)]
    pub topic_tracking_reset: bool,
    /// The REST API.
    #[config(flatten)]
    pub rest: RestConfig,
}

/// Settings of the REST API.
#[derive(Debug, Clone, Config)]
pub struct RestConfig {
    /// Where the REST API listens; an empty host is loopback.
    #[config(default = "http://127.0.0.1:8083", importance = low, validator = listener::check)]
    pub listeners: Vec<String>,
    /// Where `/admin` is served: absent, with the rest; empty, nowhere; else only there.
    #[config(name = "admin.listeners", importance = low, validator = listener::check)]
    pub admin_listeners: Option<Vec<String>>,
    /// The host by which others reach this worker.
    #[config(name = "rest.advertised.host.name", importance = low)]
    pub advertised_host: Option<String>,
    /// The port by which others reach this worker.
    #[config(name = "rest.advertised.port", importance = low)]
    pub advertised_port: Option<i32>,
    /// Further host names by which a browser may reach the REST API when it listens on loopback.
    #[config(name = "rest.allowed.hosts", default = "", importance = low)]
    pub allowed_hosts: Vec<String>,
    /// The largest request body, in bytes.
    #[config(name = "rest.request.max.bytes", default = 33_554_432, range(1..), importance = low)]
    pub request_max_bytes: i32,
    /// The origin that a browser may call from, or `*`; empty for none but the worker's own.
    #[config(name = "access.control.allow.origin", default = "", importance = low)]
    pub allow_origin: String,
    /// The methods that such a browser may use; empty for GET, POST and HEAD.
    #[config(name = "access.control.allow.methods", default = "", importance = low)]
    pub allow_methods: String,
    /// The connectors that count where somebody asks whether the worker is ready: names, or beginnings of names with a
    /// star; without any, only the worker's start counts.
    #[config(name = "health.ready.connectors", default = "", importance = low)]
    pub ready_connectors: Vec<String>,
    /// What such a connector needs to count as ready: that it is `running`, or that nothing of it is stalled either
    /// (`flowing`).
    #[config(name = "health.ready.when", default = "flowing", importance = low, validator = readiness::check)]
    pub ready_when: String,
    /// Headers that every answer gets: a list of `[set|add|setDate|addDate] Name:value`.
    #[config(name = "response.http.headers.config", default = "", importance = low, validator = response_headers::check)]
    pub response_headers: String,
}

/// Prefixes of keys that belong to clients, converters, providers and the logs of others.
const OPEN_PREFIXES: [&str; 9] = [
    "producer.",
    "consumer.",
    "admin.",
    "broker.",
    "key.converter.",
    "value.converter.",
    "header.converter.",
    "metrics.context.",
    "config.providers",
];

/// Keys of Kafka Connect that are known but change nothing here.
const NOTED_KEYS: [&str; 8] = [
    "plugin.path",
    "plugin.discovery",
    "metric.reporters",
    "client.dns.lookup",
    "rest.advertised.listener",
    "metrics.sample.window.ms",
    "metrics.num.samples",
    "metrics.recording.level",
];

/// Why a noted key has no effect.
fn noted(key: &str) -> &'static str {
    match key {
        "plugin.path" | "plugin.discovery" => "plugins are built in, Java classes are not loaded",
        "metric.reporters" => "reporters are Java classes and are not loaded",
        _ => "the worker needs no such setting",
    }
}

/// How long a connector's call may take at most.
const CONNECTOR_CALL_MAX: Duration = Duration::from_secs(95);

impl WorkerConfig {
    /// Parses a worker's properties and refuses keys that ask for security or guarantees which are not there.
    ///
    /// # Errors
    /// Everything that is wrong, together.
    pub fn from_properties(properties: &Properties) -> Result<Self, ConfigErrors> {
        const FILE: &str = "offset.storage.file.filename";
        let mut errors = ConfigErrors::default();
        if properties
            .get(FILE)
            .is_none_or(|file| file.trim().is_empty())
        {
            errors.push(
                FILE,
                format!("Missing required configuration \"{FILE}\" which has no default value."),
            );
        }
        match Self::of_any_mode(properties) {
            Ok(config) => errors.into_result(config),
            Err(mut wrong) => {
                wrong.extend(errors);
                Err(wrong)
            }
        }
    }

    /// The same for a worker of a group, which needs no files.
    ///
    /// # Errors
    /// As [`WorkerConfig::from_properties`].
    pub fn of_any_mode(properties: &Properties) -> Result<Self, ConfigErrors> {
        let mut errors = refused::find(properties);
        errors.extend(clients::check(properties));
        match <Self as Config>::parse(properties) {
            Ok(config) => errors.into_result(config),
            Err(wrong) => {
                errors.extend(wrong);
                Err(errors)
            }
        }
    }

    /// Logs which keys have no effect, and which nobody knows.
    pub(crate) fn log_ineffective(properties: &Properties, further: ConfigDef) {
        for key in NOTED_KEYS {
            if properties.contains_key(key) {
                log::info!("worker configuration: {key} has no effect, {}", noted(key));
            }
        }
        let known = Self::full_definition().with(further);
        for unknown in known.unknown_keys(properties) {
            log::warn!("worker configuration: {unknown}");
        }
        for unknown in clients::unknown(properties) {
            log::warn!("worker configuration: {unknown}");
        }
    }

    /// All keys a worker file may have.
    pub fn full_definition() -> ConfigDef {
        OPEN_PREFIXES
            .into_iter()
            .chain(NOTED_KEYS)
            .chain(refused::KNOWN_PREFIXES)
            .fold(Self::definition(), ConfigDef::open_prefix)
    }

    /// Which client settings a connector may override.
    pub fn overrides(&self) -> OverridePolicy {
        // The name was checked when the configuration was parsed; what cannot be, allows nothing.
        OverridePolicy::new(&self.override_policy, &self.override_allowlist)
            .unwrap_or(OverridePolicy::None)
    }

    /// How long all tasks together may take to stop.
    pub fn shutdown_timeout(&self) -> Duration {
        milliseconds(self.shutdown_timeout_ms)
    }

    /// How long one call of a task's code may take.
    pub fn call_timeout(&self) -> Duration {
        milliseconds(self.call_timeout_ms)
    }

    /// How long one call of a connector's code may take: somewhat longer than a request of REST, which then still
    /// finds the call in progress and says which it is.
    pub fn connector_call_timeout(&self) -> Duration {
        self.call_timeout().min(CONNECTOR_CALL_MAX)
    }

    /// Pause between two commits of source offsets.
    pub fn flush_interval(&self) -> Duration {
        milliseconds(self.offset_flush_interval_ms)
    }

    /// What all tasks may hold in memory together, in bytes; none for no bound.
    pub fn memory_max(&self) -> Option<u64> {
        match self.memory_max_bytes {
            Some(bytes) => u64::try_from(bytes).ok().filter(|bytes| *bytes > 0),
            None => Some(machine::memory_bytes() / 2),
        }
    }

    /// What the tasks of a connector that does not say may hold together, in bytes; none for no bound of their own.
    pub fn connector_memory_max(&self) -> Option<u64> {
        u64::try_from(self.connector_memory_max_bytes?).ok()
    }

    /// How long a stage of a task that does work may take.
    pub fn stalled_after(&self) -> Duration {
        milliseconds(self.stalled_after_ms)
    }

    /// Longest wait for a commit of source offsets.
    pub fn flush_timeout(&self) -> Duration {
        milliseconds(self.offset_flush_timeout_ms)
    }
}

impl RestConfig {
    /// What `/ready` looks at unless a request asks for something else.
    pub fn readiness(&self) -> Readiness {
        Readiness {
            connectors: self.ready_connectors.clone(),
            needs_flow: self.ready_when.trim() != "running",
        }
    }
}

fn milliseconds(number: i64) -> Duration {
    Duration::from_millis(u64::try_from(number).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use millrace_config::Properties;

    use super::{OverridePolicy, WorkerConfig};

    fn properties(pairs: &[(&str, &str)]) -> Properties {
        let common = [
            ("key.converter", "K"),
            ("value.converter", "V"),
            ("offset.storage.file.filename", "/o"),
        ];
        millrace_testkit::properties(common.iter().chain(pairs))
    }

    #[test]
    fn a_minimal_file_gives_defaults() {
        let config = WorkerConfig::from_properties(&properties(&[])).unwrap();
        assert_eq!(config.rest.listeners, ["http://127.0.0.1:8083"]);
        assert_eq!(config.rest.admin_listeners, None);
        assert_eq!(config.flush_interval().as_millis(), 1000);
        assert_eq!(config.shutdown_timeout().as_millis(), 5000);
        assert_eq!(config.overrides(), OverridePolicy::All);
    }

    #[test]
    fn every_error_is_reported_together() {
        let given = properties(&[
            ("offset.flush.interval.ms", "0"),
            ("listeners", "https://:8443"),
            ("ssl.keystore.type", "JKS"),
            ("rest.extension.classes", "a.B"),
            ("consumer.security.protocol", "TLS"),
            ("producer.transactional.id", "t"),
            ("admin.sasl.mechanism", "GSSAPI"),
            ("producer.acks", "7"),
            ("security.providers", "a.B"),
            ("authorizer.class.name", "A"),
            ("exactly.once.source.support", "enabled"),
            ("response.http.headers.config", "X:1"),
            ("security.protocol", "PLAINTEXT"),
            ("plugin.path", "/plugins"),
        ]);
        let errors = WorkerConfig::from_properties(&given).unwrap_err();
        let keys: Vec<&str> = errors.iter().map(|error| error.key.as_str()).collect();
        assert_eq!(
            keys,
            [
                "authorizer.class.name",
                "exactly.once.source.support",
                "listeners",
                "producer.transactional.id",
                "rest.extension.classes",
                "ssl.keystore.type",
                "security.providers",
                "consumer.security.protocol",
                "admin.sasl.mechanism",
                "producer.acks",
                "offset.flush.interval.ms",
                "response.http.headers.config"
            ]
        );
    }
}
