//! The keys.

use millrace_api::config::{self, Config, ConfigEnum};
use millrace_api::{ConnectError, Properties};

use crate::level;

/// What becomes of line ends inside a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum LineEnds {
    /// They are written as `\n`, so that no record can look like several events.
    #[default]
    Escape,
    Keep,
}

/// What Log needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct LogConfig {
    /// The target of the events, by which the logging's configuration tells them from others. `${topic}` and
    /// `${connector}` stand for the names of both.
    #[config(name = "target", default = "records::${topic}", importance = high, validator = check_target)]
    pub(crate) target: String,
    /// The level of records that say none of their own: ERROR, WARN, INFO, DEBUG or TRACE.
    #[config(name = "level", default = "INFO", importance = high, validator = check_level)]
    level: String,
    /// The header that says a record's level; empty to look at none. Names of log4j, of syslog and of java.util.logging
    /// are known, in any case.
    #[config(name = "level.header", default = "level")]
    pub(crate) level_header: String,
    /// Whether line ends inside a record are written as `\n` (`escape`), so that no record looks like several events, or
    /// as they are (`keep`).
    #[config(name = "line.ends", default = "escape")]
    pub(crate) line_ends: LineEnds,
    /// Bytes of a record that are logged; the rest is left out, with a note.
    #[config(name = "max.bytes", default = 65_536, range(1..=16_777_216))]
    pub(crate) max_bytes: i32,
}

impl LogConfig {
    /// The typed configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn read(properties: &Properties) -> Result<Self, ConnectError> {
        Self::parse(properties).map_err(|errors| ConnectError::config(errors.to_string()))
    }

    /// The level of records that say none.
    pub(crate) fn level(&self) -> log::Level {
        level::read(&self.level).unwrap_or(log::Level::Info)
    }
}

fn check_level(_key: &str, value: &config::Value) -> Result<(), String> {
    match value.as_str().and_then(level::read) {
        Some(_) => Ok(()),
        None => Err("it is no level; choose of ERROR, WARN, INFO, DEBUG and TRACE".to_owned()),
    }
}

/// The worker's own targets are not for records: levels and appenders of both could not be told apart, and what the
/// worker says of this very task would be fed back to it.
fn check_target(_key: &str, value: &config::Value) -> Result<(), String> {
    let target = value.as_str().unwrap_or_default();
    let mut rest = target;
    while let Some((_, behind)) = rest.split_once("${") {
        match behind.split_once('}') {
            Some(("topic" | "connector", after)) => rest = after,
            Some((name, _)) => {
                return Err(format!(
                    "there is no '${{{name}}}'; choose of ${{topic}} and ${{connector}}"
                ));
            }
            None => return Err(format!("'${{{behind}' has no closing brace")),
        }
    }
    let first = target.split(['.', ':']).next().unwrap_or_default();
    let is_own = first.starts_with("millrace")
        || matches!(first, "connector" | "org" | "root")
        || first.contains("${");
    match is_own {
        _ if target.contains(char::is_control) => Err(
            "line ends and other control characters would tear the log's lines; leave them out".to_owned(),
        ),
        _ if target.is_empty() => Err("name a target, such as records::${topic}".to_owned()),
        true => Err(
            "the worker logs under such a target itself; put another name before it, such as records::".to_owned(),
        ),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use millrace_testkit::properties;

    use super::*;

    #[test]
    fn everything_wrong_is_told_together_with_key_value_and_remedy() {
        let properties = properties(&[
            ("target", "millrace_worker::task"),
            ("level", "LOUD"),
            ("line.ends", "cut"),
            ("max.bytes", "0"),
        ]);
        let told = LogConfig::read(&properties).unwrap_err().to_string();
        for mention in [
            "millrace_worker::task for configuration target: the worker",
            "LOUD for configuration level: it is no level; choose",
            "cut for configuration line.ends",
            "0 for configuration max.bytes",
        ] {
            assert!(told.contains(mention), "{mention}: {told}");
        }
    }

    #[test]
    fn targets() {
        let check = |target: &str| check_target("target", &config::Value::from(target));
        for good in ["records::${topic}", "a", "x.${connector}.${topic}"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "${topic}",
            "connector.x",
            "root",
            "a${host}",
            "a${topic",
            "a\nb",
            "a\u{1b}[2J",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
