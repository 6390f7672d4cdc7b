//! The error settings that are Millrace's own. No definition lists them, for clients of Connect compare the lists; what
//! is wrong with their values is told with the rest all the same.

use millrace_api::Properties;

use super::policy::BISECTION_MAX;
use super::retry_topics;

/// What is wrong with a sink's own error settings: the key, and a text with its value and what to change.
pub(crate) fn refusals(connector: &Properties) -> Vec<(&'static str, String)> {
    let delays = retry_topics::refusal(connector);
    bisection(connector).into_iter().chain(delays).collect()
}

fn bisection(connector: &Properties) -> Option<(&'static str, String)> {
    let text = connector.get(BISECTION_MAX)?.trim();
    let is_number = text.parse::<i64>().is_ok_and(|number| number >= 0);
    (!is_number).then(|| {
        let why = format!(
            "Invalid value {text} for configuration {BISECTION_MAX}: it must be a number of records, 0 or more"
        );
        (BISECTION_MAX, why)
    })
}

#[cfg(test)]
mod tests {
    use millrace_testkit::properties;

    use super::refusals;

    #[test]
    fn the_key_the_value_and_the_remedy_are_told() {
        for (given, expected) in [
            (&[("errors.bisection.max.records", " 7 ")][..], &[][..]),
            (
                &[("errors.bisection.max.records", "-1")],
                &["errors.bisection.max.records", "value -1 ", "0 or more"],
            ),
            (
                &[("errors.bisection.max.records", "many")],
                &["errors.bisection.max.records", "value many "],
            ),
            (
                &[("errors.deadletterqueue.retry.delays.ms", "5,x")],
                &[
                    "errors.deadletterqueue.retry.delays.ms",
                    "value 5,x ",
                    "numbers of ms",
                ],
            ),
            (
                &[("errors.deadletterqueue.retry.delays.ms", "5")],
                &[
                    "value 5 ",
                    "errors.tolerance=all",
                    "errors.deadletterqueue.topic.name",
                ],
            ),
        ] {
            let found = refusals(&properties(given));
            assert_eq!(found.is_empty(), expected.is_empty(), "{found:?}");
            for part in expected {
                assert!(found[0].1.contains(part), "{found:?}");
            }
        }
    }
}
