//! Values that are words.

use log::LevelFilter;
use millrace_config::{ConfigEnum, Value};

/// What records have as key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum KeyBy {
    None,
    Host,
    Logger,
    Thread,
}

/// Which headers a record has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct HeaderChoice {
    pub(crate) level: bool,
    pub(crate) target: bool,
    pub(crate) thread: bool,
    pub(crate) host: bool,
    pub(crate) pid: bool,
    pub(crate) run: bool,
    pub(crate) sequence: bool,
    pub(crate) context: bool,
}

impl HeaderChoice {
    pub(crate) fn of(names: &[String]) -> Self {
        let mut choice = Self::default();
        for name in names {
            if let Some(chosen) = choice.find(name) {
                *chosen = true;
            }
        }
        choice
    }

    fn find(&mut self, name: &str) -> Option<&mut bool> {
        Some(match name {
            "level" => &mut self.level,
            "target" => &mut self.target,
            "thread" => &mut self.thread,
            "host" => &mut self.host,
            "pid" => &mut self.pid,
            "run" => &mut self.run,
            "sequence" => &mut self.sequence,
            "context" => &mut self.context,
            _ => return None,
        })
    }
}

pub(super) fn check_headers(_: &str, value: &Value) -> Result<(), String> {
    let Value::List(names) = value else {
        return Ok(());
    };
    if names.len() == 1 && names[0] == "none" {
        return Ok(());
    }
    match names
        .iter()
        .find(|name| HeaderChoice::default().find(name).is_none())
    {
        Some(_) => Err(
            "known are level, target, thread, host, pid, run, sequence and context; or none alone"
                .to_owned(),
        ),
        None => Ok(()),
    }
}

pub(super) fn check_level(_: &str, value: &Value) -> Result<(), String> {
    match value.as_str() {
        Some(text) if text.parse::<LevelFilter>().is_err() => {
            Err("String must be one of: off, error, warn, info, debug, trace".to_owned())
        }
        _ => Ok(()),
    }
}
