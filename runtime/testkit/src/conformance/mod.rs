//! What every connector must stand: run it from the connector's own tests.
//!
//! ```ignore
//! #[tokio::test]
//! async fn conforms() {
//!     millrace_testkit::conformance::source(&mut Fixture::new()).await;
//! }
//! ```

mod generated;
mod sink;
mod source;

pub use generated::{GeneratedFixture, generated_source, silent_source};
pub use sink::{SinkFixture, sink};
pub use source::{PushFixture, SourceFixture, forgetful_source, pushed_source, source};

use std::collections::BTreeMap;
use std::time::Duration;

use millrace_api::config::ConfigDef;
use millrace_api::{ConnectError, ErrorKind, Properties};

/// The longest an `Async` plugin may keep its thread; a build without optimization takes its time.
const HOLD_MAX: Duration = Duration::from_millis(if cfg!(debug_assertions) { 30 } else { 10 });
/// A loaded machine may take a thread away in the middle of a step, but not each time: one short step is enough.
const HOLD_TRIES: usize = 100;

/// Configuration that cannot work: the properties, and what the message must mention.
pub type Refused = (Properties, String);

/// Every key has a documentation, and the definition accepts `good`, as does the connector, which has said what is wrong
/// `together`.
fn check_definition(definition: &ConfigDef, together: &[(String, String)], good: &Properties) {
    assert!(together.is_empty(), "{good:?} is right: {together:?}");
    for key in definition.keys() {
        assert!(
            !key.documentation.is_empty(),
            "the key {} has no documentation",
            key.name
        );
    }
    let given: BTreeMap<String, Option<String>> = good
        .iter()
        .map(|(key, value)| (key.clone(), Some(value.clone())))
        .collect();
    for verdict in definition.validate(&given) {
        assert!(
            verdict.errors.is_empty(),
            "{}: {:?}",
            verdict.name,
            verdict.errors
        );
    }
}

/// What keeps a connector from starting by its configuration, validating it tells before: with a key's definition, or
/// among what the connector says of keys `together`.
fn check_told(
    definition: &ConfigDef,
    together: &[(String, String)],
    refused: &Properties,
    error: &ConnectError,
) {
    if error.kind() != ErrorKind::Config {
        return;
    }
    let is_told = !together.is_empty() || definition.parse(refused).is_err();
    assert!(
        is_told,
        "validating {refused:?} does not tell what starting does: {}",
        error.trace()
    );
    for (key, message) in together {
        assert!(
            definition.find(key).is_some() && message.contains(key.as_str()),
            "what is told of {key} has no such key, or does not name it: {message}"
        );
    }
}
