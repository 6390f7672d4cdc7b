//! Older spellings meet help, from tables: Kafka's [scripts](commands), the [flags] of its tools, and the
//! [keys](table) of its past.
//!
//! What has an exact successor works, with a note. What would mean something else today is refused with the name that
//! does it now, so that nobody hunts for it.

mod commands;
mod flags;
mod listener;
mod table;

use std::ffi::OsString;

use millrace_config::Properties;

use commands::Today;
use flags::{FLAGS, Flag};
use table::{Remedy, TABLE};

/// Where a key is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A Connect worker's file.
    Worker,
    /// Kafka's `server.properties`.
    Broker,
    /// A producer's properties.
    Producer,
    /// A consumer's properties.
    Consumer,
    /// The properties of an administrative client.
    Client,
}

/// A command line in today's spelling, with a note for each flag that was replaced.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) arguments: Vec<OsString>,
    pub(crate) notes: Vec<String>,
}

/// Replaces the names of Kafka's scripts and older flags.
///
/// # Errors
/// For what has no successor: what to type today.
pub(crate) fn arguments(typed: impl IntoIterator<Item = OsString>) -> Result<Arguments, String> {
    let mut typed = typed.into_iter();
    let mut today = Arguments::default();
    today.arguments.extend(typed.next());
    let first = typed.next();
    if let Some(first) = first {
        today.command(first)?;
    }
    let command = today
        .arguments
        .get(1)
        .and_then(|command| command.to_str())
        .map(str::to_owned);
    while let Some(argument) = typed.next() {
        let Some(flag) = flag(&argument, command.as_deref()) else {
            today.arguments.push(argument);
            continue;
        };
        let value = flag.value.map(str::to_owned);
        if flag.row.valued && value.is_none() {
            typed.next();
        }
        today.flag(flag.row, value)?;
    }
    Ok(today)
}

impl Arguments {
    /// The command, or what Kafka's script of this name is here.
    fn command(&mut self, typed: OsString) -> Result<(), String> {
        match typed.to_str().and_then(commands::find) {
            None => self.arguments.push(typed),
            Some(Today::Is(words)) => {
                let today = words.join(" ");
                self.notes.push(format!(
                    "{} is called millrace {today} here",
                    typed.display()
                ));
                self.arguments.extend(words.iter().map(Into::into));
            }
            Some(Today::Not(text)) => {
                return Err(format!("{} is not there: {text}", typed.display()));
            }
        }
        Ok(())
    }

    fn flag(&mut self, row: &Flag, value: Option<String>) -> Result<(), String> {
        let name = row.old;
        match row.remedy {
            Remedy::Same(new) => {
                self.notes.push(format!("--{name} is called --{new} today"));
                self.arguments.push(match value {
                    Some(value) => format!("--{new}={value}").into(),
                    None => format!("--{new}").into(),
                });
            }
            Remedy::NoEffect(why) => self.notes.push(format!("--{name} has no effect: {why}")),
            remedy => return Err(refusal(&format!("--{name}"), remedy)),
        }
        Ok(())
    }
}

/// An older flag, and the value that is attached to it.
struct Found<'a> {
    row: &'static Flag,
    value: Option<&'a str>,
}

/// The row of `--name` or `--name=value`; Kafka's scripts took `-daemon` with one dash.
fn flag<'a>(argument: &'a OsString, command: Option<&str>) -> Option<Found<'a>> {
    let text = argument.to_str()?;
    let typed = match text {
        "-daemon" => "daemon",
        _ => text.strip_prefix("--")?,
    };
    let (name, value) = match typed.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (typed, None),
    };
    let row = FLAGS
        .iter()
        .find(|row| row.old == name && row.scope.covers(command))?;
    Some(Found { row, value })
}

/// Replaces older keys where they have a successor, with a note in the log; says of the others what to write today.
pub(crate) fn properties(place: Place, properties: &mut Properties) -> Vec<String> {
    let mut problems = Vec::new();
    let given: Vec<(String, String)> = properties
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    for (key, value) in given {
        let (inner, name) = scope(place, &key);
        match find(inner, name, &value) {
            None | Some(Remedy::Listener(_)) => {}
            Some(Remedy::Same(new)) => {
                log::warn!("{key} is called {new} today");
                let prefix = &key[..key.len() - name.len()];
                properties.remove(&key);
                properties.entry(format!("{prefix}{new}")).or_insert(value);
            }
            Some(Remedy::NoEffect(why)) => {
                log::warn!("{key} has no effect: {why}");
                properties.remove(&key);
            }
            Some(Remedy::OtherValue(today)) => {
                problems.push(format!("{key}={value} is written {key}={today} today"));
            }
            Some(remedy) => problems.push(refusal(&key, remedy)),
        }
    }
    problems.extend(listener::join(place, properties));
    problems
}

/// Whether a key is an older one, so that [`properties`] says what became of it.
pub(crate) fn is_known(place: Place, key: &str) -> bool {
    TABLE.iter().any(|row| row.place == place && row.old == key)
}

/// A worker's file holds keys of its clients after a prefix.
fn scope(place: Place, key: &str) -> (Place, &str) {
    const PREFIXES: [(&str, Place); 4] = [
        ("producer.override.", Place::Producer),
        ("consumer.override.", Place::Consumer),
        ("producer.", Place::Producer),
        ("consumer.", Place::Consumer),
    ];
    let inside =
        |(prefix, inner): &(&'static str, Place)| Some((*inner, key.strip_prefix(prefix)?));
    match place {
        Place::Worker => PREFIXES.iter().find_map(inside).unwrap_or((place, key)),
        _ => (place, key),
    }
}

fn find(place: Place, name: &str, value: &str) -> Option<Remedy> {
    TABLE
        .iter()
        .find(|row| {
            row.place == place
                && row.old == name
                && row.value.is_none_or(|only| value.trim() == only)
        })
        .map(|row| row.remedy)
}

fn refusal(name: &str, remedy: Remedy) -> String {
    match remedy {
        Remedy::Renamed(new) => format!("{name} is called {new} today"),
        Remedy::Gone(text) => format!("{name} is gone: {text}"),
        Remedy::OtherValue(value) => format!("{name} is written {value} today"),
        Remedy::Same(new) | Remedy::NoEffect(new) => format!("{name}: {new}"),
        Remedy::Listener(_) => format!("{name} is part of listeners today"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory as _;
    use millrace_testkit::properties as given;

    use super::{
        FLAGS, Place, Remedy, TABLE, Today, arguments, commands::SCRIPTS, flags::Scope, properties,
    };

    fn words(text: &str) -> Vec<std::ffi::OsString> {
        text.split(' ').map(Into::into).collect()
    }

    #[test]
    fn nothing_is_in_a_table_twice() {
        let mut seen = BTreeSet::new();
        for script in SCRIPTS {
            assert!(seen.insert((String::new(), script.old, None)), "{script:?}");
        }
        for row in FLAGS {
            assert!(
                seen.insert((format!("{:?}", row.scope), row.old, None)),
                "{row:?}"
            );
        }
        for row in TABLE {
            assert!(
                seen.insert((format!("{:?}", row.place), row.old, row.value)),
                "{row:?}"
            );
        }
    }

    /// Every flag, with a command that has it: answered, noted or replaced as its row says.
    #[test]
    fn every_flag_is_answered() {
        for row in FLAGS {
            let command = match row.scope {
                Scope::Only(command) => command,
                Scope::All | Scope::AllBut(_) => "topics",
            };
            let value = if row.valued { " v" } else { "" };
            let typed = format!("millrace {command} --{}{value} --list", row.old);
            let outcome = arguments(words(&typed));
            match row.remedy {
                Remedy::Same(new) => {
                    let today = outcome.unwrap();
                    let expected = format!("millrace {command} --{new}{value} --list");
                    assert_eq!(today.arguments, words(&expected));
                    assert_eq!(
                        today.notes,
                        [format!("--{} is called --{new} today", row.old)]
                    );
                }
                Remedy::NoEffect(why) => {
                    let today = outcome.unwrap();
                    assert_eq!(
                        today.arguments,
                        words(&format!("millrace {command} --list"))
                    );
                    assert_eq!(today.notes, [format!("--{} has no effect: {why}", row.old)]);
                }
                Remedy::Gone(text) | Remedy::Renamed(text) => {
                    let answer = outcome.unwrap_err();
                    assert!(answer.contains(text), "{answer}");
                    assert!(answer.starts_with(&format!("--{}", row.old)), "{answer}");
                }
                remedy => panic!("a flag cannot be {remedy:?}"),
            }
        }
    }

    #[test]
    fn a_flag_may_hold_its_value_and_belong_to_one_command() {
        let today = arguments(words("x y --broker-list=a:1")).unwrap();
        assert_eq!(today.arguments, words("x y --bootstrap-server=a:1"));
        let typed = words("millrace log-dirs --broker-list 1");
        assert_eq!(arguments(typed.clone()).unwrap().arguments, typed);
        let answer = arguments(words("millrace broker -daemon s.properties")).unwrap_err();
        assert!(answer.contains("config/systemd"), "{answer}");
    }

    #[test]
    fn every_script_is_answered() {
        for script in SCRIPTS {
            let typed = format!("millrace bin/{}.sh --topic t", script.old);
            let outcome = arguments(words(&typed));
            match script.today {
                Today::Is(command) => {
                    let expected = format!("millrace {} --topic t", command.join(" "));
                    assert_eq!(outcome.unwrap().arguments, words(&expected));
                }
                Today::Not(text) => assert!(outcome.unwrap_err().contains(text)),
            }
        }
    }

    /// What is said to have today's name is there under that name.
    #[test]
    fn todays_names_are_there() {
        let all = crate::args::Arguments::command();
        for script in SCRIPTS {
            if let Today::Is(path) = script.today {
                let mut command = &all;
                for word in path {
                    command = command.find_subcommand(word).unwrap();
                }
            }
            assert!(all.find_subcommand(script.old).is_none(), "{script:?}");
        }
        for row in FLAGS {
            let Scope::Only(command) = row.scope else {
                continue;
            };
            let command = all.find_subcommand(command).unwrap();
            let known = |command: &clap::Command| {
                command
                    .get_arguments()
                    .any(|argument| argument.get_long() == Some(row.old))
            };
            assert!(!known(command), "{row:?}");
            assert!(!command.get_subcommands().any(known), "{row:?}");
        }
    }

    /// Every key: answered, noted or replaced as its row says. Parts of listeners have tests of their own.
    #[test]
    fn every_key_is_answered() {
        for row in TABLE {
            let value = row.value.unwrap_or("v");
            let mut keys = given(&[(row.old, value)]);
            let problems = properties(row.place, &mut keys);
            match row.remedy {
                Remedy::Same(new) => assert_eq!(keys, given(&[(new, value)])),
                Remedy::NoEffect(_) => assert!(keys.is_empty() && problems.is_empty()),
                Remedy::Renamed(text) | Remedy::Gone(text) | Remedy::OtherValue(text) => {
                    assert!(problems[0].starts_with(row.old), "{problems:?}");
                    assert!(problems[0].contains(text), "{problems:?}");
                }
                Remedy::Listener(_) => {}
            }
        }
    }

    #[test]
    fn keys_are_answered_with_todays_name() {
        let cases = [
            (
                Place::Producer,
                "metadata.broker.list",
                "x:1",
                "bootstrap.servers",
            ),
            (Place::Producer, "request.required.acks", "1", "acks"),
            (
                Place::Producer,
                "compression.codec",
                "snappy",
                "compression.type",
            ),
            (
                Place::Consumer,
                "auto.offset.reset",
                "largest",
                "auto.offset.reset=latest",
            ),
            (
                Place::Consumer,
                "zookeeper.connect",
                "x",
                "bootstrap.servers",
            ),
            (Place::Worker, "producer.producer.type", "sync", "flush"),
            (
                Place::Worker,
                "consumer.auto.offset.reset",
                "smallest",
                "earliest",
            ),
        ];
        for (place, key, value, today) in cases {
            let problems = properties(place, &mut given(&[(key, value)]));
            assert!(
                problems.len() == 1 && problems[0].contains(today),
                "{key}: {problems:?}"
            );
        }
        let mut today = given(&[("auto.offset.reset", "latest"), ("acks", "1")]);
        assert!(properties(Place::Consumer, &mut today).is_empty());
        assert_eq!(today.len(), 2);
    }
}
