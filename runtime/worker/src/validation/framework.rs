//! The keys that every connector has, beside those of its own: names, order and layout as Kafka Connect lays them
//! out (contract connect-rest, sections 3 and 6).

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_config::{
    ConfigDef, ConfigKey, Importance, Recommender, Type, Validator, Value, Width,
};

use crate::registry::{PluginKind, Registry};

const COMMON: &str = "Common";
const ERRORS: &str = "Error Handling";
const TOPIC_CREATION: &str = "Topic Creation";
const EXACTLY_ONCE: &str = "Exactly Once Support";

/// The three converter keys with their kind of plugin.
pub(crate) const CONVERTER_KEYS: [(&str, PluginKind); 3] = [
    ("header.converter", PluginKind::HeaderConverter),
    ("key.converter", PluginKind::Converter),
    ("value.converter", PluginKind::Converter),
];

/// Keys of all connectors.
pub(crate) fn common() -> ConfigDef {
    identity(ConfigDef::new())
        .key(
            key("tasks.max", Type::Int, "The most tasks this connector may have.", "Tasks max")
                .default(1)
                .validator(Validator::at_least(1))
                .importance(Importance::High)
                .group(COMMON, 4)
                .width(Width::Short),
        )
        .key(
            key("tasks.max.enforce", Type::Boolean, "Whether more tasks than tasks.max are a failure.", "Enforce tasks max")
                .default(true)
                .group(COMMON, 5)
                .width(Width::Short),
        )
        .with(converters())
        .key(aliases("transforms", "Transforms", "Aliases of the transformations of each record, in order.", 12))
        .key(aliases("predicates", "Predicates", "Aliases of the predicates that transformations use.", 13))
        .key(
            key(
                "config.action.reload",
                Type::String,
                "What happens when a value from a config provider expires: restart the connector, or nothing.",
                "Reload Action",
            )
            .default("restart")
            .validator(Validator::one_of(["none", "restart"]))
            .group(COMMON, 14)
            .width(Width::Medium),
        )
        .with(error_handling())
}

fn identity(definition: ConfigDef) -> ConfigDef {
    definition
        .key(
            key("name", Type::String, "The connector's name, unique in the cluster.", "Connector name")
                .validator(Validator::Name)
                .importance(Importance::High)
                .group(COMMON, 1)
                .width(Width::Medium),
        )
        .key(
            key(
                "connector.class",
                Type::String,
                "The connector's class: its full name, or its simple name with or without Connector at the end.",
                "Connector class",
            )
            .importance(Importance::High)
            .group(COMMON, 2)
            .width(Width::Long),
        )
        .key(
            version_key("connector.plugin.version", "Connector version", 3)
                .width(Width::Medium)
                .importance(Importance::Medium),
        )
}

fn converters() -> ConfigDef {
    let class = |name: &str, display: &str, order: i32| {
        key(
            name,
            Type::Class,
            "The converter between Connect's data and the bytes in topics; else the worker's.",
            display,
        )
        .optional()
        .group(COMMON, order)
        .width(Width::Short)
    };
    ConfigDef::new()
        .key(class("key.converter", "Key converter class", 6))
        .key(version_key(
            "key.converter.plugin.version",
            "Key converter version",
            7,
        ))
        .key(class("value.converter", "Value converter class", 8))
        .key(version_key(
            "value.converter.plugin.version",
            "Value converter version",
            9,
        ))
        .key(class("header.converter", "Header converter class", 10))
        .key(version_key(
            "header.converter.plugin.version",
            "Header converter version",
            11,
        ))
}

fn error_handling() -> ConfigDef {
    ConfigDef::new()
        .key(
            key(
                "errors.retry.timeout",
                Type::Long,
                "How long a failed operation is tried again, in milliseconds; -1 for ever.",
                "Retry Timeout for Errors",
            )
            .default(0)
            .importance(Importance::Medium)
            .group(ERRORS, 1)
            .width(Width::Medium),
        )
        .key(
            key(
                "errors.retry.delay.max.ms",
                Type::Long,
                "The longest pause between two tries, in milliseconds.",
                "Maximum Delay Between Retries for Errors",
            )
            .default(60_000)
            .importance(Importance::Medium)
            .group(ERRORS, 2)
            .width(Width::Medium),
        )
        .key(
            key(
                "errors.tolerance",
                Type::String,
                "Which failed records are skipped.",
                "Error Tolerance",
            )
            .default("none")
            .validator(Validator::one_of(["none", "all"]))
            .importance(Importance::Medium)
            .group(ERRORS, 3)
            .width(Width::Short),
        )
        .key(
            key(
                "errors.log.enable",
                Type::Boolean,
                "Whether each failed record is logged.",
                "Log Errors",
            )
            .default(false)
            .importance(Importance::Medium)
            .group(ERRORS, 4)
            .width(Width::Short),
        )
        .key(
            key(
                "errors.log.include.messages",
                Type::Boolean,
                "Whether the log shows the record's contents.",
                "Log Error Details",
            )
            .default(false)
            .importance(Importance::Medium)
            .group(ERRORS, 5)
            .width(Width::Short),
        )
}

/// Keys of source connectors.
pub(crate) fn source() -> ConfigDef {
    common()
        .key(
            aliases("topic.creation.groups", "Topic Creation Groups", "Groups of topics to create with equal settings.", 1)
                .group(TOPIC_CREATION, 1),
        )
        .key(
            key(
                "exactly.once.support",
                Type::String,
                "Whether exactly-once delivery is requested, or required for the connector to run.",
                "Exactly once support",
            )
            .default("requested")
            .validator(Validator::one_of_ignore_case(["REQUIRED", "REQUESTED"]))
            .importance(Importance::Medium)
            .group(EXACTLY_ONCE, 2)
            .width(Width::Short),
        )
        .key(
            key("transaction.boundary", Type::String, "What ends a transaction.", "Transaction Boundary")
                .default("poll")
                .validator(Validator::one_of_ignore_case(["INTERVAL", "POLL", "CONNECTOR"]))
                .importance(Importance::Medium)
                .group(EXACTLY_ONCE, 3)
                .width(Width::Short),
        )
        .key(
            key(
                "transaction.boundary.interval.ms",
                Type::Long,
                "The length of a transaction that ends by time, in milliseconds; else the worker's commit interval.",
                "Transaction boundary interval",
            )
            .optional()
            .validator(Validator::at_least(0i64).or_null())
            .group(EXACTLY_ONCE, 4)
            .width(Width::Short),
        )
        .key(
            key(
                "offsets.storage.topic",
                Type::String,
                "A topic of the connector's own for its offsets; distributed workers only.",
                "Offsets topic",
            )
            .optional()
            .validator(Validator::NonEmpty)
            .group("offsets.topic", 1)
            .width(Width::Long),
        )
}

/// Keys of sink connectors.
pub(crate) fn sink() -> ConfigDef {
    common()
        .key(
            key("topics", Type::List, "The topics to read.", "Topics")
                .default("")
                .importance(Importance::High)
                .group(COMMON, 4)
                .width(Width::Long),
        )
        .key(
            key(
                "topics.regex",
                Type::String,
                "A regular expression of the topics to read.",
                "Topics regex",
            )
            .default("")
            .validator(Validator::custom(check_regex))
            .importance(Importance::High)
            .group(COMMON, 4)
            .width(Width::Long),
        )
        .key(
            key(
                "errors.deadletterqueue.topic.name",
                Type::String,
                "The topic for records that failed; none if empty.",
                "Dead Letter Queue Topic Name",
            )
            .default("")
            .importance(Importance::Medium)
            .group(ERRORS, 6)
            .width(Width::Medium),
        )
        .key(
            key(
                "errors.deadletterqueue.topic.replication.factor",
                Type::Short,
                "The replication factor of that topic when it is created.",
                "Dead Letter Queue Topic Replication Factor",
            )
            .default(3)
            .importance(Importance::Medium)
            .group(ERRORS, 7)
            .width(Width::Medium),
        )
        .key(
            key(
                "errors.deadletterqueue.context.headers.enable",
                Type::Boolean,
                "Whether headers tell why and where the record failed.",
                "Enable Error Context Headers",
            )
            .default(false)
            .importance(Importance::Medium)
            .group(ERRORS, 8)
            .width(Width::Medium),
        )
}

fn key(name: &str, kind: Type, documentation: &str, display: &str) -> ConfigKey {
    ConfigKey::new(name, kind)
        .doc(documentation)
        .display_name(display)
        .importance(Importance::Low)
}

fn version_key(name: &str, display: &str, order: i32) -> ConfigKey {
    key(
        name,
        Type::String,
        "The version of the plugin, or a range of versions; else the newest.",
        display,
    )
    .optional()
    .group(COMMON, order)
    .width(Width::Short)
}

/// A list of aliases; its group is its display name.
fn aliases(name: &str, display: &str, documentation: &str, order: i32) -> ConfigKey {
    key(name, Type::List, documentation, display)
        .default("")
        .validator(Validator::UniqueAliases)
        .group(display, order)
        .width(Width::Long)
}

fn check_regex(_key: &str, value: &Value) -> Result<(), String> {
    let pattern = value.as_str().unwrap_or_default();
    regex::Regex::new(pattern)
        .map(drop)
        .map_err(|error| format!("Invalid regex: {error}"))
}

/// Recommends a fixed list.
struct Fixed(Vec<String>);

impl Recommender for Fixed {
    fn valid_values(&self, _key: &str, _parsed: &BTreeMap<String, Value>) -> Vec<String> {
        self.0.clone()
    }
}

/// Adds what only a worker knows: the converters it has, and its own as defaults.
pub(crate) fn enrich(
    mut definition: ConfigDef,
    registry: &Registry,
    worker_default: impl Fn(&str) -> Option<String>,
) -> ConfigDef {
    for (name, kind) in CONVERTER_KEYS {
        let Some(known) = definition.find_mut(name) else {
            continue;
        };
        known.recommender = Some(Arc::new(Fixed(registry.classes(|other| other == kind))));
        let worker_class = worker_default(name);
        let found = worker_class
            .as_deref()
            .and_then(|class| registry.find(class, |other| other == kind));
        let class = found
            .map(|plugin| plugin.class().to_owned())
            .or_else(|| worker_class.clone());
        known.default = Some(class.map_or(Value::Null, Value::Class));
        let version = found.map_or(Value::Null, |plugin| Value::from(plugin.version()));
        if let Some(known) = definition.find_mut(&format!("{name}.plugin.version")) {
            known.default = Some(version);
        }
    }
    definition
}
