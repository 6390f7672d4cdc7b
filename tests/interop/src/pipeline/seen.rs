//! What was seen of a connector, line by line.

use millrace_system::rest::Answer;
use serde_json::Value as Json;

use super::case::{Case, Record};

/// The answers to a connector's creation and to its validation.
pub(super) type Answers = (Answer, Answer);

/// Everything that there is to see.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) lines: Vec<String>,
}

/// A difference between two workers.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) java: Option<String>,
    pub(super) ours: Option<String>,
}

impl Seen {
    /// What the creation was answered with.
    pub(super) fn of_creation(created: &Answer, judged: &Answer) -> Self {
        let mut seen = Self::default();
        // What is wrong with each key follows from the validation.
        let message = created.body["message"].as_str().unwrap_or_default();
        let first = message.lines().next().unwrap_or_default();
        seen.add(format!("created {} {first}", created.status));
        let configs = judged.body["configs"].as_array();
        for config in configs.into_iter().flatten() {
            let value = &config["value"];
            for error in value["errors"].as_array().into_iter().flatten() {
                seen.add(format!("invalid {} {}", value["name"], error));
            }
        }
        seen
    }

    /// The states, and why a task failed: classes and messages of its causes.
    pub(super) fn add_status(&mut self, status: &Json) {
        self.add(format!("connector {}", status["connector"]["state"]));
        for task in status["tasks"].as_array().into_iter().flatten() {
            self.add(format!("task {} {}", task["id"], task["state"]));
            let trace = task["trace"].as_str().unwrap_or_default();
            let told = trace.lines().filter(|line| !line.starts_with('\t'));
            for line in told.filter(|line| !line.trim().is_empty()) {
                self.add(format!("trace {line}"));
            }
        }
    }

    /// The records of a topic. Traces and times of their writing say nothing.
    pub(super) fn add_records(&mut self, topic: &str, records: &[Record]) {
        for record in records {
            let part = |bytes: &Option<Vec<u8>>| match bytes {
                Some(bytes) => format!("\"{}\"", bytes.escape_ascii()),
                None => "null".to_owned(),
            };
            let mut line = format!(
                "record {topic}-{} key {} value {}",
                record.partition,
                shown(&record.key),
                shown(&record.value)
            );
            for (name, value) in &record.headers {
                let value = match name.ends_with("exception.stacktrace") {
                    true => "…".to_owned(),
                    false => part(value),
                };
                line += &format!(" {name}={value}");
            }
            self.add(line);
        }
    }

    /// What a file sink wrote.
    pub(super) fn add_file(&mut self, bytes: &[u8]) {
        for line in String::from_utf8_lossy(bytes).lines() {
            self.add(format!("wrote {line}"));
        }
    }

    /// What a connector of this name printed, of all that was printed: topic by topic, between which there is no order.
    pub(super) fn add_printed(&mut self, name: &str, printed: &str) {
        let lines = printed
            .lines()
            .filter_map(|line| serde_json::from_str::<Json>(line).ok());
        let mut own: Vec<_> = lines
            .filter(|line| line["name"] == name && line["flushed"] != true)
            .collect();
        own.sort_by_key(|line| line["topic"].to_string());
        for line in own {
            self.add(format!(
                "printed key {} value {} of {} at {}",
                line["task"], line["seqno"], line["topic"], line["offset"]
            ));
        }
    }

    fn add(&mut self, line: String) {
        self.lines.push(line);
    }
}

/// Bytes as text, where they are one.
fn shown(bytes: &Option<Vec<u8>>) -> String {
    match bytes.as_deref().map(std::str::from_utf8) {
        None => "null".to_owned(),
        Some(Ok(text)) => format!("{text:?}"),
        Some(Err(_)) => format!("x{:02x?}", bytes.as_deref().unwrap_or_default()),
    }
}

/// Where Java and Millrace differ.
pub(super) fn compare(case: &Case, java: &Seen, ours: &Seen) -> Vec<Difference> {
    // Java's further causes are about what happens inside its own libraries.
    let (theirs, own) = (java.without_causes(), ours.without_causes());
    let count = theirs.len().max(own.len());
    let pairs = (0..count).map(|index| (theirs.get(index), own.get(index)));
    let mut all: Vec<_> = pairs
        .filter(|(java, ours)| match (java, ours) {
            (Some(java), Some(ours)) => !agree(case, java, ours),
            _ => true,
        })
        .map(|(java, ours)| Difference {
            java: java.map(|line| (*line).to_owned()),
            ours: ours.map(|line| (*line).to_owned()),
        })
        .collect();
    all.extend(compare_causes(java, ours));
    all
}

/// The failure of a task has to say all that Java's says of it, under one of its classes.
fn compare_causes(java: &Seen, ours: &Seen) -> Option<Difference> {
    let (theirs, own) = (java.causes(), ours.causes());
    let said = own.join("\n");
    let class = |line: &str| line.split_once(": ").map(|(class, _)| class.to_owned());
    let is_known = own
        .first()
        .and_then(|line| class(line))
        .is_none_or(|class| theirs.iter().any(|line| line.contains(&class)));
    let is_said = |line: &&str| said.contains(without_classes(line).trim_end_matches([':', ' ']));
    // What a cause of a library says ends the list.
    let needed = theirs
        .iter()
        .take_while(|line| line.starts_with("org.apache.kafka.") || line.starts_with("java.lang."));
    let first_two = needed.take(2).copied();
    let all_said = first_two.collect::<Vec<_>>().iter().all(is_said);
    let agree = theirs.is_empty() == own.is_empty() && is_known && all_said;
    (!agree).then(|| Difference {
        java: Some(format!("trace {}", theirs.join(" | "))),
        ours: Some(format!("trace {}", own.join(" | "))),
    })
}

/// A text without the names of classes that it begins with.
fn without_classes(text: &str) -> &str {
    match text.split_once(": ") {
        Some((class, rest)) if class.contains('.') && !class.contains(' ') => without_classes(rest),
        _ => text,
    }
}

fn agree(case: &Case, java: &str, ours: &str) -> bool {
    let sorted = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.sort_unstable();
        bytes
    };
    java == ours
        || (case.maps && sorted(java) == sorted(ours))
        || (java.starts_with("invalid ") && says_as_much(java, ours))
        || (java.starts_with("record ") && is_same_letter(java, ours))
}

/// Whether two dead letters differ only in what follows Java's words for the failure, which often end in the middle of a
/// sentence.
fn is_same_letter(java: &str, ours: &str) -> bool {
    const MESSAGE: &str = " __connect.errors.exception.message=\"";
    let parts = |line: &str| -> Option<(String, String, String)> {
        let (before, rest) = line.split_once(MESSAGE)?;
        let (message, behind) = rest.split_once("\" __connect.")?;
        Some((before.to_owned(), message.to_owned(), behind.to_owned()))
    };
    match (parts(java), parts(ours)) {
        (Some(java), Some(ours)) => {
            java.0 == ours.0 && java.2 == ours.2 && ours.1.starts_with(java.1.trim_end())
        }
        _ => false,
    }
}

/// Whether a refusal is of the same key and says at least what Java's says. Ours name the whole key, where Java leaves
/// out what it begins with, and say what there is instead.
fn says_as_much(java: &str, ours: &str) -> bool {
    let parts = |line: &str| {
        let line = line.strip_prefix("invalid ").unwrap_or(line);
        let (key, text) = line.split_once(' ').unwrap_or((line, ""));
        let text = text.trim_matches('"').to_owned();
        (key.to_owned(), text)
    };
    let ((their_key, said), (own_key, own)) = (parts(java), parts(ours));
    let short = |text: &str| {
        text.replace("transforms.t.", "")
            .replace("predicates.p.", "")
    };
    let (said, own) = (short(&said), short(&own));
    their_key == own_key && own.contains(&said)
}

impl Seen {
    fn without_causes(&self) -> Vec<&str> {
        let lines = self.lines.iter().map(String::as_str);
        lines.filter(|line| !line.starts_with("trace ")).collect()
    }

    fn causes(&self) -> Vec<&str> {
        let lines = self
            .lines
            .iter()
            .filter_map(|line| line.strip_prefix("trace "));
        lines
            .map(|line| line.strip_prefix("Caused by: ").unwrap_or(line))
            .collect()
    }
}

impl Difference {
    /// Whether one of the two lines has this part.
    pub(super) fn has(&self, part: &str) -> bool {
        let lines = [&self.java, &self.ours];
        lines
            .iter()
            .any(|line| line.as_ref().is_some_and(|line| line.contains(part)))
    }
}
