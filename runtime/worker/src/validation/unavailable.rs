//! Keys that ask for a guarantee which this worker does not have. Ignoring them would leave a user believing in it.

use millrace_config::NullableProperties;

use super::given;
use super::verdicts::Part;
use crate::registry::PluginKind;

const DEAD_LETTERS: &str = "errors.deadletterqueue.topic.name";

/// Refuses what is not there, and logs what is there in another form.
pub(super) fn check(kind: PluginKind, properties: &NullableProperties, part: &mut Part) {
    let value = |key| {
        given(properties, key)
            .map(str::trim)
            .unwrap_or_default()
            .to_owned()
    };
    if kind == PluginKind::Source && value("exactly.once.support").eq_ignore_ascii_case("required")
    {
        refuse(
            part,
            "exactly.once.support",
            "this worker does not have exactly-once source support",
        );
    }
    let topics_are_wrong = ["topics", "topics.regex"].iter().any(|key| {
        part.find(key)
            .is_some_and(|verdict| !verdict.errors.is_empty())
    });
    if kind == PluginKind::Sink && !topics_are_wrong && !value(DEAD_LETTERS).is_empty() {
        refuse(
            part,
            DEAD_LETTERS,
            "this worker does not have dead letter queues",
        );
    }
    let name = value("name");
    if properties
        .keys()
        .any(|key| key.starts_with("topic.creation."))
    {
        log::warn!(
            "connector {name}: topic.creation.* has no effect, the broker creates topics with its defaults"
        );
    }
    if !matches!(value("errors.retry.timeout").as_str(), "" | "0") {
        log::warn!(
            "connector {name}: errors.retry.timeout has no effect, failed operations are not tried again"
        );
    }
}

fn refuse(part: &mut Part, key: &str, why: &str) {
    let Some(verdict) = part.find(key) else {
        return;
    };
    if verdict.errors.is_empty() {
        let value = verdict.value.to_string();
        verdict.refuse(value, why);
    }
}
