//! The keys of connectors that are Millrace's own and neither a plugin's nor Kafka Connect's. No definition lists them,
//! for clients of Connect compare the lists; what is wrong with their values is told with the rest all the same.

use millrace_api::Properties;

/// How often a failed task is restarted, one time after the other; 0 for not at all.
pub(crate) const RESTART_ATTEMPTS: &str = "restart.max.attempts";
/// The pause before the first restart, in milliseconds; it doubles with each.
pub(crate) const RESTART_BACKOFF: &str = "restart.backoff.ms";
/// The longest pause, in milliseconds.
pub(crate) const RESTART_BACKOFF_MAX: &str = "restart.backoff.max.ms";
/// A task that has run for so long, in milliseconds, has all its restarts again.
pub(crate) const RESTART_RESET_AFTER: &str = "restart.reset.after.ms";
/// A task that has moved no record for longer is stalled, in milliseconds.
pub(crate) const SILENCE_MAX: &str = "health.silence.max.ms";

/// What the tasks of the connector on one worker may hold in memory together, in bytes.
pub(crate) const MEMORY_MAX: &str = "memory.max.bytes";

/// Each key with the least that it may be.
const NUMBERS: [(&str, u64); 6] = [
    (RESTART_ATTEMPTS, 0),
    (RESTART_BACKOFF, 1),
    (RESTART_BACKOFF_MAX, 1),
    (RESTART_RESET_AFTER, 1),
    (SILENCE_MAX, 1),
    (MEMORY_MAX, 1),
];

/// The number that a key gives, if it gives one.
pub(crate) fn number(connector: &Properties, key: &str) -> Option<u64> {
    connector.get(key)?.trim().parse().ok()
}

/// What is wrong with the keys: each with a text that has its value and says what it may be.
pub(crate) fn refusals(connector: &Properties) -> Vec<(&'static str, String)> {
    let wrong = NUMBERS.into_iter().filter_map(|(key, least)| {
        let text = connector.get(key)?.trim();
        let is_right = number(connector, key)
            .is_some_and(|number| number >= least && number <= i64::MAX.unsigned_abs());
        (!is_right).then(|| {
            let why = format!(
                "Invalid value {text} for configuration {key}: it must be a whole number, {least} or more"
            );
            (key, why)
        })
    });
    wrong.collect()
}

#[cfg(test)]
mod tests {
    use millrace_api::Properties;

    use super::refusals;

    #[test]
    fn numbers_have_a_least_value() {
        for (key, value, is_right) in [
            ("restart.max.attempts", " 0 ", true),
            ("restart.max.attempts", "-1", false),
            ("restart.backoff.ms", "0", false),
            ("restart.backoff.ms", "250", true),
            ("health.silence.max.ms", "long", false),
            ("health.silence.max.ms", "99999999999999999999", false),
            ("memory.max.bytes", "64mb", false),
            ("memory.max.bytes", "67108864", true),
            ("health.other", "x", true),
        ] {
            let given = Properties::from([(key.to_owned(), value.to_owned())]);
            let found = refusals(&given);
            assert_eq!(found.is_empty(), is_right, "{key}={value}: {found:?}");
        }
    }
}
