//! The groups of `topic.creation.*`: which settings a new topic gets.

use std::collections::BTreeMap;

use millrace_api::{ConnectError, Properties};
use millrace_client::admin::NewTopic;
use millrace_config::{ConfigDef, ConfigKey, NullableProperties, Type, Validator, Value};
use regex::Regex;

/// What all keys begin with.
pub(crate) const PREFIX: &str = "topic.creation.";
const GROUPS: &str = "topic.creation.groups";
const DEFAULT: &str = "default";
const INCLUDE: &str = "include";
const EXCLUDE: &str = "exclude";
const REPLICATION_FACTOR: &str = "replication.factor";
const PARTITIONS: &str = "partitions";

/// The groups, in the order in which topics look for theirs; the default one is last and takes any topic.
#[derive(Debug)]
pub(crate) struct TopicGroups(Vec<Group>);

#[derive(Debug)]
struct Group {
    name: String,
    include: Regex,
    exclude: Regex,
    template: NewTopic,
}

/// What is wrong with a configuration's groups; none if it has none, or they can be used.
pub(crate) fn refusal(properties: &NullableProperties) -> Option<String> {
    let is_used = properties.keys().any(|key| key.starts_with(PREFIX));
    let verdicts = is_used.then(|| definition(properties).validate(properties))?;
    let mut errors = verdicts.into_iter().flat_map(|verdict| verdict.errors);
    errors.next()
}

/// The settings of the default group, and those that other groups have of their own.
fn definition(properties: &NullableProperties) -> ConfigDef {
    let listed = properties.get(GROUPS).and_then(Option::as_deref);
    let own = names(listed.unwrap_or_default())
        .flat_map(|group| settings(group).map(ConfigKey::optional));
    own.chain(settings(DEFAULT))
        .fold(ConfigDef::new(), ConfigDef::key)
}

fn settings(group: &str) -> [ConfigKey; 4] {
    let key = |name: &str, kind| ConfigKey::new(format!("{PREFIX}{group}.{name}"), kind);
    let number = |name: &str, kind| {
        key(name, kind).validator(Validator::custom(minus_one_or_positive).or_null())
    };
    let pattern = |name: &str| {
        key(name, Type::List)
            .default("")
            .validator(Validator::custom(patterns).or_null())
    };
    [
        number(REPLICATION_FACTOR, Type::Short),
        number(PARTITIONS, Type::Int),
        pattern(INCLUDE),
        pattern(EXCLUDE),
    ]
}

fn minus_one_or_positive(_key: &str, value: &Value) -> Result<(), String> {
    match value.as_integer() {
        Some(-1 | 1..) => Ok(()),
        _ => Err("Value must be -1 or at least 1".to_owned()),
    }
}

fn patterns(_key: &str, value: &Value) -> Result<(), String> {
    for pattern in value.as_list().unwrap_or_default() {
        Regex::new(pattern).map_err(|error| format!("Invalid regex: {error}"))?;
    }
    Ok(())
}

fn names(list: &str) -> impl Iterator<Item = &str> {
    let names = list.split(',').map(str::trim);
    names.filter(|name| !name.is_empty() && *name != DEFAULT)
}

impl TopicGroups {
    /// The groups of a connector's configuration.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn parse(connector: &Properties) -> Result<Self, ConnectError> {
        let nullable: NullableProperties = connector
            .iter()
            .map(|(key, value)| (key.clone(), Some(value.clone())))
            .collect();
        if let Some(why) = refusal(&nullable) {
            return Err(ConnectError::config(why));
        }
        let default = Group::parse(connector, DEFAULT, None)?;
        let listed = connector.get(GROUPS).map_or("", String::as_str);
        let mut groups = names(listed)
            .map(|name| Group::parse(connector, name, Some(&default.template)))
            .collect::<Result<Vec<_>, _>>()?;
        groups.push(default);
        Ok(Self(groups))
    }

    /// The first group that a topic belongs to, by its name, and the topic to create.
    pub(super) fn topic(&self, name: &str) -> (&str, NewTopic) {
        let last = self.0.last();
        let found = self.0.iter().find(|group| group.takes(name)).or(last);
        found.map_or_else(
            || (DEFAULT, NewTopic::new(name)),
            |group| {
                let topic = NewTopic {
                    name: name.to_owned(),
                    ..group.template.clone()
                };
                (group.name.as_str(), topic)
            },
        )
    }
}

impl Group {
    fn parse(
        connector: &Properties,
        name: &str,
        default: Option<&NewTopic>,
    ) -> Result<Self, ConnectError> {
        let prefix = format!("{PREFIX}{name}.");
        let mut settings: BTreeMap<&str, &str> = connector
            .iter()
            .filter_map(|(key, value)| Some((key.strip_prefix(&prefix)?, value.as_str())))
            .collect();
        let include = full_match(settings.remove(INCLUDE).unwrap_or_default())?;
        let exclude = full_match(settings.remove(EXCLUDE).unwrap_or_default())?;
        let mut template = default.cloned().unwrap_or_else(|| NewTopic::new(""));
        // -1 asks for the broker's default, also where the default group has a number.
        if let Some(number) = number(settings.remove(PARTITIONS)) {
            template.partitions = Some(number).filter(|number| *number > 0);
        }
        if let Some(number) = number(settings.remove(REPLICATION_FACTOR)) {
            template.replication_factor = Some(number).filter(|number| *number > 0);
        }
        template.configs = settings
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        Ok(Self {
            name: name.to_owned(),
            include,
            exclude,
            template,
        })
    }

    fn takes(&self, topic: &str) -> bool {
        self.include.is_match(topic) && !self.exclude.is_match(topic)
    }
}

fn number<T: std::str::FromStr>(text: Option<&str>) -> Option<T> {
    text?.trim().parse().ok()
}

/// A list of patterns as one that matches whole names.
fn full_match(list: &str) -> Result<Regex, ConnectError> {
    let patterns: Vec<&str> = list.split(',').map(str::trim).collect();
    Regex::new(&format!("^(?:{})$", patterns.join("|")))
        .map_err(|error| ConnectError::config(format!("Invalid regex: {error}")))
}

#[cfg(test)]
mod tests {
    use millrace_testkit::properties;

    use super::*;

    #[test]
    fn topics_find_the_first_group_that_takes_them() {
        let groups = TopicGroups::parse(&properties(&[
            ("topic.creation.groups", "big, default,none ,compact"),
            ("topic.creation.default.partitions", "3"),
            ("topic.creation.default.replication.factor", "-1"),
            ("topic.creation.default.retention.ms", "9"),
            ("topic.creation.big.include", "big.*, huge"),
            ("topic.creation.big.exclude", "bigger"),
            ("topic.creation.big.partitions", "12"),
            ("topic.creation.big.replication.factor", "2"),
            ("topic.creation.compact.include", ".*-table"),
            ("topic.creation.compact.partitions", "-1"),
            ("topic.creation.compact.cleanup.policy", "compact"),
        ]))
        .unwrap();
        for (topic, group, partitions, replicas, configs) in [
            ("big-table", "big", Some(12), Some(2), vec![]),
            ("huge", "big", Some(12), Some(2), vec![]),
            (
                "huger",
                "default",
                Some(3),
                None,
                vec![("retention.ms", "9")],
            ),
            (
                "bigger",
                "default",
                Some(3),
                None,
                vec![("retention.ms", "9")],
            ),
            (
                "a-table",
                "compact",
                None,
                None,
                vec![("cleanup.policy", "compact")],
            ),
        ] {
            let (name, made) = groups.topic(topic);
            assert_eq!((name, made.partitions), (group, partitions), "{topic}");
            assert_eq!(made.replication_factor, replicas, "{topic}");
            assert_eq!(made.configs, properties(&configs), "{topic}");
        }
    }

    #[test]
    fn settings_that_cannot_be_used_are_found() {
        let (factor, partitions) = (
            "topic.creation.default.replication.factor",
            "topic.creation.default.partitions",
        );
        for (given, expected) in [
            (vec![("file", "f")], None),
            (
                vec![(partitions, "1")],
                Some(
                    "Missing required configuration \"topic.creation.default.replication.factor\" which has no default value.",
                ),
            ),
            (
                vec![(partitions, "x"), (factor, "1")],
                Some(
                    "Invalid value x for configuration topic.creation.default.partitions: Not a number of type INT",
                ),
            ),
            (
                vec![(partitions, "-1"), (factor, "0")],
                Some(
                    "Invalid value 0 for configuration topic.creation.default.replication.factor: Value must be -1 or at least 1",
                ),
            ),
            (vec![(partitions, "-1"), (factor, "3")], None),
            (
                vec![
                    (partitions, "1"),
                    (factor, "1"),
                    ("topic.creation.groups", "a, b"),
                    ("topic.creation.b.partitions", "many"),
                ],
                Some(
                    "Invalid value many for configuration topic.creation.b.partitions: Not a number of type INT",
                ),
            ),
        ] {
            let nullable = properties(&given)
                .into_iter()
                .map(|(key, value)| (key, Some(value)))
                .collect();
            assert_eq!(refusal(&nullable).as_deref(), expected, "{given:?}");
        }
        let error = TopicGroups::parse(&properties(&[
            (partitions, "1"),
            (factor, "1"),
            ("topic.creation.groups", "g"),
            ("topic.creation.g.include", "("),
        ]));
        let text = error.unwrap_err().to_string();
        assert!(
            text.contains("configuration topic.creation.g.include: Invalid regex: "),
            "{text}"
        );
    }
}
