//! The commands with their options, as scripts and pages need them.

use clap::{Arg, builder::StyledStr};

/// Names of values that are files or folders.
const FILES: [&str; 6] = ["FILE", "FILES", "FOLDER", "WORKER", "SERVER", "CONNECTOR"];

/// A command.
#[derive(Debug)]
pub(super) struct Command {
    /// Its words after `millrace`.
    pub(super) path: Vec<String>,
    pub(super) about: String,
    pub(super) after_help: String,
    /// How it is called, by its words and its values.
    pub(super) usage: String,
    /// Names and descriptions of the commands below it.
    pub(super) commands: Vec<(String, String)>,
    pub(super) options: Vec<Flag>,
    /// What stands without a name.
    pub(super) positional: Vec<Flag>,
}

/// An option, or a value without a name.
#[derive(Debug)]
pub(super) struct Flag {
    /// Its name without dashes; that of the value where it has none.
    pub(super) long: String,
    pub(super) short: Option<char>,
    pub(super) help: String,
    pub(super) values: Values,
}

/// What an option takes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Values {
    Nothing,
    /// Anything, under this name.
    Any(String),
    File(String),
    OneOf(Vec<String>),
}

impl Command {
    /// A command and all below it.
    pub(super) fn all(root: &clap::Command) -> Vec<Self> {
        let mut root = root.clone();
        root.build();
        let mut commands = Vec::new();
        collect(&mut root, &[], &mut commands);
        commands
    }

    /// `millrace-perf-produce`.
    pub(super) fn dashed(&self) -> String {
        let words = self.path.iter().map(|word| format!("-{word}"));
        std::iter::once("millrace".to_owned())
            .chain(words)
            .collect()
    }

    /// Whether it takes files without an option.
    pub(super) fn takes_files(&self) -> bool {
        self.positional
            .iter()
            .any(|value| matches!(value.values, Values::File(_)))
    }

    /// What stands without a name and is one of a few words.
    pub(super) fn words(&self) -> Vec<&str> {
        let listed = self
            .positional
            .iter()
            .filter_map(|value| match &value.values {
                Values::OneOf(words) => Some(words.iter().map(String::as_str)),
                _ => None,
            });
        listed.flatten().collect()
    }
}

fn collect(command: &mut clap::Command, path: &[String], commands: &mut Vec<Command>) {
    let usage = command.render_usage().to_string();
    let shown: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set())
        .collect();
    let below = |below: &clap::Command| (below.get_name().to_owned(), text(below.get_about()));
    commands.push(Command {
        path: path.to_vec(),
        about: text(command.get_about()),
        after_help: text(command.get_after_help()),
        usage: usage.trim_start_matches("Usage:").trim().to_owned(),
        commands: command.get_subcommands().map(below).collect(),
        options: shown
            .iter()
            .filter(|arg| arg.get_long().is_some())
            .map(|arg| flag(arg))
            .collect(),
        positional: shown
            .iter()
            .filter(|arg| arg.is_positional())
            .map(|arg| flag(arg))
            .collect(),
    });
    for below in command.get_subcommands_mut() {
        let mut path = path.to_vec();
        path.push(below.get_name().to_owned());
        collect(below, &path, commands);
    }
}

fn flag(arg: &Arg) -> Flag {
    let name = arg
        .get_value_names()
        .and_then(|names| names.first())
        .map_or_else(|| arg.get_id().as_str().to_uppercase(), ToString::to_string);
    let listed: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| value.get_name().to_owned())
        .collect();
    let values = if !arg.get_action().takes_values() {
        Values::Nothing
    } else if !listed.is_empty() {
        Values::OneOf(listed)
    } else if FILES.contains(&name.as_str()) {
        Values::File(name.clone())
    } else {
        Values::Any(name.clone())
    };
    Flag {
        long: arg.get_long().map_or(name, str::to_owned),
        short: arg.get_short(),
        help: text(arg.get_help()),
        values,
    }
}

fn text(styled: Option<&StyledStr>) -> String {
    styled.map(ToString::to_string).unwrap_or_default()
}

/// Lines of a shell's `case` that follow the words typed so far to the command they name.
pub(super) fn steps(commands: &[Command], line: impl Fn(&str, &str) -> String) -> String {
    let step = |command: &Command| {
        let (last, before) = command.path.split_last()?;
        Some(line(
            &format!("{} {last}", before.join(" ")),
            &command.path.join(" "),
        ))
    };
    commands.iter().filter_map(step).collect()
}
