//! The keys of an appender: its own, and all of the client's producer.

mod aliases;
mod choice;
mod given;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use log::LevelFilter;
use millrace_client::producer::ProducerConfig;
use millrace_config::{Config, ConfigDef, ConfigErrors, Properties, Refusals, Sound, nearest};

use crate::core::SenderSettings;
use crate::line::Topics;
use crate::queue::{Bounds, DropPolicy};

pub(crate) use aliases::{explain, resolve};
pub(crate) use choice::{HeaderChoice, KeyBy};
pub use given::AppenderConfig;
pub(crate) use given::shown;

/// What a thread may wait for room unless told otherwise.
const BUDGET: Duration = Duration::from_millis(1000);
/// What it may wait for the acknowledgement of a line.
const SYNC_BUDGET: Duration = Duration::from_secs(30);
/// Bytes that the client may hold, unless told otherwise.
const CLIENT_MEMORY: &str = "8388608";

/// Where lines go that cannot be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SpillSettings {
    pub(crate) folder: PathBuf,
    /// In bytes.
    pub(crate) limit: u64,
}

/// What becomes of the newline at the end of what an encoder writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, millrace_config::ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum Newline {
    /// Kept with a log4j layout, stripped otherwise.
    Auto,
    Keep,
    Strip,
}

/// An appender's own keys.
#[derive(Debug, Clone, Config)]
struct Keys {
    /// The topic that lines go to.
    #[config(name = "topic", importance = high, validator = choice::check_topic)]
    topic: String,
    /// Another topic for errors.
    #[config(name = "topic.error", validator = choice::check_topic)]
    topic_error: Option<String>,
    /// Another topic for warnings.
    #[config(name = "topic.warn", validator = choice::check_topic)]
    topic_warn: Option<String>,
    /// Another topic for lines of level info.
    #[config(name = "topic.info", validator = choice::check_topic)]
    topic_info: Option<String>,
    /// Another topic for lines of level debug.
    #[config(name = "topic.debug", validator = choice::check_topic)]
    topic_debug: Option<String>,
    /// Another topic for lines of level trace.
    #[config(name = "topic.trace", validator = choice::check_topic)]
    topic_trace: Option<String>,
    /// The key of the records: `none`, `host`, `logger` (the target) or `thread`. Lines of a key keep their order, as they go
    /// to one partition.
    #[config(name = "key", default = "host")]
    key: KeyBy,
    /// The name of this host in keys and headers; the system's if none is given.
    #[config(name = "host", validator = choice::check_host)]
    host: Option<String>,
    /// The headers of a record, separated by commas: `level`, `target`, `thread`, `host`, `pid`, `run` (another one for each
    /// appender that is started), `sequence` (rising by one, gaps are lines that were dropped), `context` (a header for each
    /// key-value and each entry of the MDC); or `none`.
    #[config(name = "headers", default = "level,target,thread,host,pid,run,sequence,context", validator = choice::check_headers)]
    headers: Vec<String>,
    /// Whether a line is waited for until it is acknowledged, no longer than `block.budget.ms`.
    #[config(name = "sync.send", default = false, importance = high)]
    sync_send: bool,
    /// Milliseconds that a thread may wait with a line: for room, and then the line is dropped; with `sync.send` for room
    /// and acknowledgement together, and then the line is still delivered later. 1000, or 30000 with `sync.send`.
    #[config(name = "block.budget.ms", range(0..=3_600_000))]
    block_budget_ms: Option<i64>,
    /// Whether the program is not told of a line that was dropped or not acknowledged in time; if false, log4rs writes an
    /// error to stderr.
    #[config(name = "ignore.exceptions", default = true, importance = low)]
    ignore_exceptions: bool,
    /// Bytes of memory for lines that wait; exempt ones may take a quarter more. Lines in flight take up to 4 MiB more, and
    /// the client up to `buffer.memory`.
    #[config(name = "memory.bytes", default = 16_777_216, range(262_144..=1_073_741_824))]
    memory_bytes: i64,
    /// A folder for lines that brokers do not take in time; each process needs one of its own. Without it lines wait in
    /// memory alone.
    #[config(name = "spill.dir", importance = high, validator = choice::check_folder)]
    spill_dir: Option<String>,
    /// Bytes of the spill at most.
    #[config(name = "spill.bytes", default = 1_073_741_824, range(1_048_576..))]
    spill_bytes: i64,
    /// Which lines are dropped when memory and spill are full: `newest` or `oldest`.
    #[config(name = "drop.policy", default = "newest")]
    drop_policy: DropPolicy,
    /// Lines of this level and above are dropped only when there are no others: `off`, `error`, `warn`, `info`, `debug` or
    /// `trace`.
    #[config(name = "drop.exempt", default = "error", validator = choice::check_level)]
    drop_exempt: String,
    /// Milliseconds between two lines that tell how many were dropped.
    #[config(name = "drop.report.ms", default = 10_000, range(100..), importance = low)]
    drop_report_ms: i64,
    /// Milliseconds that a flush, the end of the program, a panic or a signal may wait for delivery; what is left then goes
    /// to the spill.
    #[config(name = "flush.timeout.ms", default = 5_000, range(0..=600_000))]
    flush_timeout_ms: i64,
    /// What becomes of the newline at the end of what the encoder writes: `keep`, `strip`, or `auto`, which keeps it with a
    /// log4j layout.
    #[config(name = "newline", default = "auto", importance = low)]
    newline: Newline,
}

impl Keys {
    /// What keys have wrong together.
    fn check(&self, given: &Properties, refusals: &mut Refusals<'_, Self>) {
        if let (Some(bytes), None) = (given.get("spill.bytes"), given.get("spill.dir")) {
            let why = "there is no spill without spill.dir; give one, or leave this out";
            refusals.refuse(&["spill.bytes"], bytes, why);
        }
        if self.sync_send && self.block_budget_ms == Some(0) {
            let why = "no acknowledgement comes in no time; give milliseconds to wait, or leave sync.send out";
            refusals.refuse(&["block.budget.ms", "sync.send"], "0", why);
        }
    }
}

/// An appender's configuration, checked.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) sender: SenderSettings,
    pub(crate) key: KeyBy,
    pub(crate) host: Option<String>,
    pub(crate) headers: HeaderChoice,
    pub(crate) exempt: LevelFilter,
    pub(crate) newline: Newline,
    /// Whether to wait for acknowledgements.
    pub(crate) sync: bool,
    pub(crate) ignore_exceptions: bool,
    pub(crate) report_interval: Duration,
    pub(crate) flush_timeout: Duration,
}

impl Settings {
    /// Checks keys and values, which have the names of this appender and of the client.
    pub(crate) fn parse(given: &Properties) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::default();
        let keys = Keys::parse(given)
            .map_err(|wrong| errors.extend(wrong))
            .ok();
        let producer = ProducerConfig::parse(&with_defaults(given))
            .map_err(|wrong| errors.extend(wrong))
            .ok();
        unknown(given, &mut errors);
        if let Some(sound) = Sound::<Keys>::read(given, &[("topic", "-")]) {
            let contradictions = sound.contradictions(|keys, refusals| keys.check(given, refusals));
            for (key, message) in contradictions {
                errors.push(key, message);
            }
        }
        if let Some(producer) = &producer {
            errors.extend(producer.cluster.security.unusable());
        }
        let errors = errors.into_result(());
        match (keys, producer, errors) {
            (Some(keys), Some(producer), Ok(())) => Ok(Self::of(keys, producer)),
            (_, _, errors) => Err(errors.err().unwrap_or_default()),
        }
    }

    fn of(keys: Keys, producer: ProducerConfig) -> Self {
        let usual = if keys.sync_send { SYNC_BUDGET } else { BUDGET };
        let budget = keys.block_budget_ms.map_or(usual, millis);
        let topics = Topics::new(|level| {
            let own = match level {
                log::Level::Error => &keys.topic_error,
                log::Level::Warn => &keys.topic_warn,
                log::Level::Info => &keys.topic_info,
                log::Level::Debug => &keys.topic_debug,
                log::Level::Trace => &keys.topic_trace,
            };
            Arc::from(own.as_deref().unwrap_or(&keys.topic))
        });
        Self {
            sender: SenderSettings {
                producer,
                topics,
                spill: keys.spill_dir.map(|folder| SpillSettings {
                    folder: folder.into(),
                    limit: keys.spill_bytes.unsigned_abs(),
                }),
                bounds: Bounds {
                    memory: usize::try_from(keys.memory_bytes).unwrap_or(usize::MAX / 2),
                    budget,
                    policy: keys.drop_policy,
                },
            },
            key: keys.key,
            host: keys.host,
            headers: HeaderChoice::of(&keys.headers),
            exempt: keys.drop_exempt.parse().unwrap_or(LevelFilter::Error),
            newline: keys.newline,
            sync: keys.sync_send,
            ignore_exceptions: keys.ignore_exceptions,
            report_interval: millis(keys.drop_report_ms),
            flush_timeout: millis(keys.flush_timeout_ms),
        }
    }
}

/// The definition of all keys.
pub(crate) fn definition() -> ConfigDef {
    Keys::definition().with(ProducerConfig::definition())
}

/// What suits an appender better than the client's defaults: lines are given up by the spill's bounds, not by time.
fn with_defaults(given: &Properties) -> Properties {
    let is_sync = given
        .get("sync.send")
        .is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let compression = if cfg!(feature = "lz4") { "lz4" } else { "none" };
    let mut all = Properties::from(
        [
            ("buffer.memory", CLIENT_MEMORY),
            ("compression.type", compression),
            ("delivery.timeout.ms", "2147483647"),
            ("linger.ms", if is_sync { "0" } else { "5" }),
            ("batch.size", "262144"),
            ("client.id", "millrace-log4rs"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned())),
    );
    all.extend(
        given
            .iter()
            .map(|(key, value)| (key.clone(), value.clone())),
    );
    all
}

/// A key that nobody knows is an error: a setting that has no effect is found when it is missed.
fn unknown(given: &Properties, errors: &mut ConfigErrors) {
    let definition = definition();
    let mut known: Vec<&str> = definition.keys().map(|key| key.name.as_str()).collect();
    for name in aliases::names() {
        known.push(name);
    }
    for key in given.keys().filter(|key| definition.find(key).is_none()) {
        let remedy = match nearest(key, known.iter().copied()) {
            Some(nearest) => format!("did you mean {nearest}?"),
            None => "leave it out".to_owned(),
        };
        errors.push(key, format!("Unknown configuration {key}: neither the appender nor the client has such a key; {remedy}"));
    }
}

fn millis(number: i64) -> Duration {
    Duration::from_millis(number.unsigned_abs())
}

#[cfg(test)]
mod tests;
