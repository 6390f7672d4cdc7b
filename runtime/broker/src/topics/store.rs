//! The file that remembers topics: `millrace-topics` in the data directory.
//!
//! A partition's directory says its topic and id; what it cannot say is how many partitions the topic has and how
//! it is configured. The first line is the format's version, `0`; every other line is a topic, its parts separated
//! by tabs: name, id, number of partitions, and `key=value` for each configuration of its own. A backslash, tab or
//! line end in a value is written as `\\`, `\t`, `\n`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use millrace_config::Properties;
use millrace_wire::uuid::Uuid;

use crate::durable_file;

const FILE_NAME: &str = "millrace-topics";
const VERSION: &str = "0";

/// What the file says of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredTopic {
    pub(super) id: Uuid,
    pub(super) partitions: i32,
    pub(super) overrides: Properties,
}

#[derive(Debug)]
pub(super) struct TopicStore {
    path: PathBuf,
}

impl TopicStore {
    pub(super) fn new(data_dir: &Path) -> Self {
        Self {
            path: data_dir.join(FILE_NAME),
        }
    }

    /// Reads all topics; none where there is no file.
    pub(super) fn load(&self) -> io::Result<BTreeMap<String, StoredTopic>> {
        match durable_file::read(&self.path)? {
            None => Ok(BTreeMap::new()),
            Some(text) => parse(&text).ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("{} is not a list of topics", self.path.display()),
                )
            }),
        }
    }

    /// Replaces the file; waits for the disk.
    pub(super) fn save(&self, topics: &BTreeMap<String, StoredTopic>) -> io::Result<()> {
        durable_file::replace(&self.path, &format(topics))
    }
}

fn format(topics: &BTreeMap<String, StoredTopic>) -> String {
    let mut text = format!("{VERSION}\n");
    for (name, topic) in topics {
        text.push_str(&format!("{name}\t{}\t{}", topic.id, topic.partitions));
        for (key, value) in &topic.overrides {
            let value = value
                .replace('\\', "\\\\")
                .replace('\t', "\\t")
                .replace('\n', "\\n");
            text.push_str(&format!("\t{key}={value}"));
        }
        text.push('\n');
    }
    text
}

fn parse(text: &str) -> Option<BTreeMap<String, StoredTopic>> {
    let mut lines = text.lines();
    if lines.next() != Some(VERSION) {
        return None;
    }
    lines.map(parse_topic).collect()
}

fn parse_topic(line: &str) -> Option<(String, StoredTopic)> {
    let mut parts = line.split('\t');
    let name = parts.next()?.to_owned();
    let id = parts.next()?.parse().ok()?;
    let partitions = parts.next()?.parse().ok()?;
    let overrides = parts
        .map(|part| {
            part.split_once('=')
                .map(|(key, value)| (key.to_owned(), unescape(value)))
        })
        .collect::<Option<Properties>>()?;
    Some((
        name,
        StoredTopic {
            id,
            partitions,
            overrides,
        },
    ))
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(match (character, character == '\\') {
            (_, true) => match characters.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                _ => '\\',
            },
            (character, false) => character,
        });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_read_back() {
        let overrides = Properties::from([
            ("cleanup.policy".to_owned(), "compact,delete".to_owned()),
            ("x".to_owned(), "a=b\t\\n\n".to_owned()),
        ]);
        let topic = StoredTopic {
            id: Uuid([7; 16]),
            partitions: 3,
            overrides,
        };
        let plain = StoredTopic {
            id: Uuid([9; 16]),
            partitions: 1,
            overrides: Properties::new(),
        };
        let topics = BTreeMap::from([("a.b".to_owned(), topic), ("c".to_owned(), plain)]);
        assert_eq!(parse(&format(&topics)), Some(topics));
    }

    #[test]
    fn another_format_is_not_taken_for_topics() {
        for text in ["", "1\n", "0\nname\n", "0\nname\tid\t1\n"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
