//! TopicNameMatches: records of topics that a regular expression matches.

use millrace_api::config::{Config, Value};
use millrace_api::{ConnectError, Predicate, Properties, Records};

use crate::converters::parse;
use crate::transforms::{JavaRegex, valid_regex};

/// What TopicNameMatches needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct TopicNameMatchesConfig {
    /// The regular expression, in Java's syntax, that the whole topic has to match.
    #[config(name = "pattern", validator = is_pattern)]
    pub(crate) pattern: String,
}

fn is_pattern(key: &str, value: &Value) -> Result<(), String> {
    match value.as_str() {
        Some("") => Err("String must be non-empty".to_owned()),
        _ => valid_regex(key, value),
    }
}

/// True for records of some topics.
#[derive(Debug, Default)]
pub(crate) struct TopicNameMatches {
    pattern: Option<JavaRegex>,
}

impl Predicate for TopicNameMatches {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        let config: TopicNameMatchesConfig = parse(settings)?;
        let pattern = JavaRegex::new(&config.pattern).map_err(ConnectError::config)?;
        self.pattern = Some(pattern);
        Ok(())
    }

    fn choose(&self, records: &Records, chosen: &mut [bool]) {
        let Some(pattern) = &self.pattern else {
            return;
        };
        for (topic, rows) in records.topics() {
            if pattern.matches(topic) {
                chosen[rows].fill(true);
            }
        }
    }
}
