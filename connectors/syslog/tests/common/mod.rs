//! What the tests of this crate share.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::net::TcpListener;

use millrace_api::Properties;

/// A port that somebody has.
pub(crate) fn take_port() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

/// Properties with a topic; of a key given twice the last value counts.
pub(crate) fn properties(pairs: &[(&str, &str)]) -> Properties {
    millrace_testkit::properties([("topic", "syslog")].iter().chain(pairs))
}
