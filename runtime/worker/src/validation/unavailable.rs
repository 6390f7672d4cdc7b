//! Keys that ask for what this worker does not have. A configuration with them is accepted, as Kafka Connect accepts
//! it; but tasks that would break a promise do not start, for ignoring it would leave a user believing in it.

use millrace_api::Properties;

use crate::registry::PluginKind;

/// Why the tasks of a connector cannot run as its configuration asks for; none if they can.
pub(crate) fn refusal(kind: PluginKind, connector: &Properties) -> Option<&'static str> {
    let value = |key: &str| connector.get(key).map_or("", |value| value.trim());
    match kind {
        PluginKind::Source if value("exactly.once.support").eq_ignore_ascii_case("required") => {
            Some(
                "exactly.once.support is required, and this worker has no exactly-once source support; \
                 with exactly.once.support=requested records are delivered at least once",
            )
        }
        _ => None,
    }
}
