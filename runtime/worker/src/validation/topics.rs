//! Which topics a sink reads: exactly one of `topics` and `topics.regex`, and never its own dead letters.

use millrace_config::Value;
use regex::Regex;

use super::verdicts::Part;

const NEITHER: &str = "Must configure one of topics or topics.regex";
const BOTH: &str = "topics and topics.regex are mutually exclusive options, but both are set.";
const DEAD_LETTERS: &str = "errors.deadletterqueue.topic.name";

/// Adds what is wrong with a sink's topics.
pub(super) fn check(part: &mut Part) {
    let topics: Vec<String> = part
        .value("topics")
        .and_then(Value::as_list)
        .unwrap_or_default()
        .to_vec();
    let regex = part
        .value("topics.regex")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .trim()
        .to_owned();
    let problem = match (topics.is_empty(), regex.is_empty()) {
        (true, true) => Some(NEITHER),
        (false, false) => Some(BOTH),
        _ => None,
    };
    if let Some(problem) = problem {
        for (key, value) in [
            ("topics", Value::List(topics)),
            ("topics.regex", Value::String(regex)),
        ] {
            if let Some(verdict) = part.find(key) {
                verdict.refuse(value, problem);
            }
        }
        return;
    }
    let dead_letters = part
        .value(DEAD_LETTERS)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    if !dead_letters.is_empty() {
        check_dead_letters(part, &dead_letters, &topics, &regex);
    }
}

fn check_dead_letters(part: &mut Part, dead_letters: &str, topics: &[String], regex: &str) {
    let matches = !regex.is_empty()
        && Regex::new(&format!("^(?:{regex})$")).is_ok_and(|regex| regex.is_match(dead_letters));
    let why = if topics.iter().any(|topic| topic == dead_letters) {
        format!(
            "The DLQ topic '{dead_letters}' may not be included in the list of topics ('topics') consumed by the connector"
        )
    } else if matches {
        format!(
            "The DLQ topic '{dead_letters}' may not be matched by the regex for the topics ('topics.regex') consumed by the connector"
        )
    } else {
        return;
    };
    if let Some(verdict) = part.find(DEAD_LETTERS) {
        verdict.refuse(dead_letters, &why);
    }
}
