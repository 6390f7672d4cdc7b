//! What is wrong with keys together, of which each by itself is right.

use millrace_api::ConnectError;

/// Keys and what is wrong with their values, for a connector's `validate`.
#[derive(Debug, Default)]
pub(crate) struct Refused(Vec<(String, String)>);

impl Refused {
    /// Notes that `value` of `key` is wrong; `why` says what to do instead.
    pub(crate) fn add(&mut self, key: &str, value: &str, why: &str) {
        let message = format!("Invalid value {value} for configuration {key}: {why}");
        self.0.push((key.to_owned(), message));
    }

    /// Notes that `key` must be given; `why` says for what.
    pub(crate) fn missing(&mut self, key: &str, why: &str) {
        self.add(key, "null", why);
    }

    /// Keys and messages.
    pub(crate) fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }

    /// All messages as one error, if there are any.
    ///
    /// # Errors
    /// When something was noted.
    pub(crate) fn into_result(self) -> Result<(), ConnectError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let messages: Vec<_> = self.0.into_iter().map(|(_, message)| message).collect();
        Err(ConnectError::config(messages.join("\n")))
    }
}
