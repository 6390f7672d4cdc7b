//! Which topics a sink reads: exactly one of `topics` and `topics.regex`, and never its own dead letters.

use millrace_config::Value;
use regex::Regex;

use super::verdicts::Part;

const NEITHER: &str = "Must configure one of topics or topics.regex";
const BOTH: &str = "topics and topics.regex are mutually exclusive options, but both are set.";
const DEAD_LETTERS: &str = "errors.deadletterqueue.topic.name";

/// Adds what is wrong with a sink's topics.
pub(super) fn check(part: &mut Part) {
    let listed = part
        .value("topics")
        .and_then(Value::as_list)
        .unwrap_or_default();
    let topics: Vec<String> = listed
        .iter()
        .filter(|topic| !topic.is_empty())
        .cloned()
        .collect();
    let text = |key| {
        part.value(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let (regex, dead_letters) = (text("topics.regex"), text(DEAD_LETTERS));
    let has_regex = !regex.is_empty()
        || part
            .find("topics.regex")
            .is_some_and(|verdict| !verdict.errors.is_empty());
    match (topics.is_empty(), has_regex) {
        (true, false) => add_to_both(part, NEITHER),
        (false, true) => add_to_both(part, BOTH),
        _ if !dead_letters.is_empty() => check_dead_letters(part, &dead_letters, &topics, &regex),
        _ => {}
    }
}

fn add_to_both(part: &mut Part, problem: &str) {
    for key in ["topics", "topics.regex"] {
        part.add_error(key, problem);
    }
}

fn check_dead_letters(part: &mut Part, dead_letters: &str, topics: &[String], regex: &str) {
    let matches = !regex.is_empty()
        && Regex::new(&format!("^(?:{regex})$")).is_ok_and(|regex| regex.is_match(dead_letters));
    if topics.iter().any(|topic| topic == dead_letters) {
        let topics = topics.join(", ");
        let problem = format!(
            "The DLQ topic '{dead_letters}' may not be included in the list of topics ('topics=[{topics}]') consumed by the connector"
        );
        part.add_error("topics", problem);
    } else if matches {
        let problem = format!(
            "The DLQ topic '{dead_letters}' may not be matched by the regex for the topics ('topics.regex={regex}') consumed by the connector"
        );
        part.add_error("topics.regex", problem);
    }
}
