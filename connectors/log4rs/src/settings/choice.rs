//! Values that are words.

use std::path::Path;

use log::LevelFilter;
use millrace_config::{ConfigEnum, Value, path};

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
    for (index, name) in names.iter().enumerate() {
        if HeaderChoice::default().find(name).is_none() {
            return Err(
                "known are level, target, thread, host, pid, run, sequence and context; or none alone"
                    .to_owned(),
            );
        }
        if names[..index].contains(name) {
            return Err(format!("{name} is there twice; name it once"));
        }
    }
    Ok(())
}

/// The longest name of a topic.
const TOPIC_LETTERS: usize = 249;

pub(super) fn check_topic(_: &str, value: &Value) -> Result<(), String> {
    let Some(name) = value.as_str() else {
        return Ok(());
    };
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_name = (1..=TOPIC_LETTERS).contains(&name.len()) && name.bytes().all(is_legal);
    match is_name && name != "." && name != ".." {
        true => Ok(()),
        false => Err("a topic's name has 1 to 249 ASCII letters, digits, '.', '_' and '-', and is neither '.' nor '..'".to_owned()),
    }
}

/// A folder, or a place for one.
pub(super) fn check_folder(key: &str, value: &Value) -> Result<(), String> {
    path::check(key, value)?;
    let path = value.as_str().map(Path::new);
    let mut places = path.into_iter().flat_map(Path::ancestors);
    match places.find(|place| place.exists()) {
        Some(place) if !place.is_dir() => {
            Err(format!("{} is a file; name a folder", place.display()))
        }
        _ => Ok(()),
    }
}

pub(super) fn check_host(_: &str, value: &Value) -> Result<(), String> {
    match value.as_str() {
        Some("") => Err("it is empty; write the host's name, or leave the key out".to_owned()),
        _ => Ok(()),
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
