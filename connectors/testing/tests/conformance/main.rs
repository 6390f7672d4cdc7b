//! The suite that every connector passes, for the connectors that test others.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

mod sinks;
mod sources;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use millrace_api::Properties;
use millrace_testing::Output;
use millrace_testkit::conformance::Refused;
use millrace_testkit::properties;
use serde_json::Value;

/// `good`, with each of these keys spoiled in turn; the message is to name the key.
fn spoiled(good: &Properties, keys: &[(&str, Option<&str>)]) -> Vec<Refused> {
    let spoil = |(key, value): &(&str, Option<&str>)| {
        let mut bad = good.clone();
        match value {
            Some(value) => bad.insert((*key).to_owned(), (*value).to_owned()),
            None => bad.remove(*key),
        };
        (bad, (*key).to_owned())
    };
    keys.iter().map(spoil).collect()
}

/// Keeps what a connector prints.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    fn output(&self) -> Output {
        Output::new(self.clone())
    }

    fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
