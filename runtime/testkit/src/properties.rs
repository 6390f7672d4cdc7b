//! Properties that are written in a test.

use millrace_api::Properties;

/// Properties of keys with their values; of a key given twice the last value counts.
pub fn properties<'a>(pairs: impl IntoIterator<Item = &'a (&'a str, &'a str)>) -> Properties {
    let pairs = pairs.into_iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}
