//! Older spellings meet help: flags and keys of Kafka's past, from one [table](table).
//!
//! What has an exact successor works, with a note. What would mean something else today is refused with the name that
//! does it now, so that nobody hunts for it.

mod listener;
mod table;

use std::ffi::OsString;

use millrace_config::Properties;

use table::{Remedy, TABLE};

/// Where a key or a flag is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// On the command line, without its two dashes.
    Flag,
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

/// Replaces older flags.
///
/// # Errors
/// For a flag that has no successor: what to type today.
pub(crate) fn arguments(typed: impl IntoIterator<Item = OsString>) -> Result<Arguments, String> {
    let typed: Vec<OsString> = typed.into_iter().collect();
    let command = typed.get(1).and_then(|command| command.to_str());
    let mut today = Arguments::default();
    for argument in typed.iter().cloned() {
        let Some((name, value)) = flag(&argument) else {
            today.arguments.push(argument);
            continue;
        };
        match find(Place::Flag, name, None, command) {
            None => today.arguments.push(argument),
            Some(Remedy::Same(new)) => {
                today
                    .notes
                    .push(format!("--{name} is called --{new} today"));
                today.arguments.push(match value {
                    Some(value) => format!("--{new}={value}").into(),
                    None => format!("--{new}").into(),
                });
            }
            Some(Remedy::NoEffect(why)) => {
                today.notes.push(format!("--{name} has no effect: {why}"))
            }
            Some(remedy) => return Err(refusal(&format!("--{name}"), remedy)),
        }
    }
    Ok(today)
}

/// The name and the attached value of `--name` or `--name=value`.
fn flag(argument: &OsString) -> Option<(&str, Option<&str>)> {
    let name = argument.to_str()?.strip_prefix("--")?;
    Some(match name.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (name, None),
    })
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
        match find(inner, name, Some(&value), None) {
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

fn find(place: Place, name: &str, value: Option<&str>, command: Option<&str>) -> Option<Remedy> {
    TABLE
        .iter()
        .find(|row| {
            row.place == place
                && row.old == name
                && (row.except.is_none() || row.except != command)
                && row
                    .value
                    .is_none_or(|only| value.is_some_and(|value| value.trim() == only))
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

    use millrace_config::Properties;

    use super::{Place, TABLE, arguments, properties};

    fn words(text: &str) -> Vec<std::ffi::OsString> {
        text.split(' ').map(Into::into).collect()
    }

    fn given(pairs: &[(&str, &str)]) -> Properties {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn nothing_is_in_the_table_twice() {
        let mut seen = BTreeSet::new();
        for row in TABLE {
            assert!(
                seen.insert((format!("{:?}", row.place), row.old, row.value)),
                "{row:?}"
            );
        }
    }

    #[test]
    fn flags_with_a_successor_work_with_a_note() {
        let today = arguments(words("millrace produce --broker-list a:1 --topic t")).unwrap();
        assert_eq!(
            today.arguments,
            words("millrace produce --bootstrap-server a:1 --topic t")
        );
        assert_eq!(
            today.notes,
            ["--broker-list is called --bootstrap-server today"]
        );
        let today = arguments(words("x --broker-list=a:1")).unwrap();
        assert_eq!(today.arguments, words("x --bootstrap-server=a:1"));
    }

    #[test]
    fn zookeeper_is_answered_with_what_to_type() {
        let text =
            arguments(words("millrace topics --zookeeper localhost:2181 --list")).unwrap_err();
        assert!(text.contains("--bootstrap-server"), "{text}");
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
