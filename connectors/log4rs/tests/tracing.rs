//! Events of `tracing` as lines.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod common;

use common::TestBroker;
use millrace_log4rs::KafkaAppender;
use tracing::{Level, subscriber::with_default};
use tracing_subscriber::layer::SubscriberExt as _;

#[test]
fn an_event_is_a_line_with_its_fields_and_those_of_the_spans_around_it() {
    let broker = TestBroker::start();
    let layer = KafkaAppender::new(broker.settings(&[("key", "logger")]))
        .unwrap()
        .into_layer();
    with_default(tracing_subscriber::registry().with(layer), || {
        let request = tracing::info_span!("request", id = 7, user = tracing::field::Empty);
        let _inside = request.enter();
        request.record("user", "ann");
        let _payment = tracing::info_span!("payment", id = 8).entered();
        tracing::event!(target: "shop::orders", Level::WARN, order = 4711, state = %"late", "order {} is late", 4711);
        tracing::error!(failed = true);
        tracing::warn!(target: "millrace_client::producer", "of the client's own");
    });
    // The layer has gone with its subscriber, which flushes.
    let read = broker.read_count("logs", 2);
    assert_eq!(
        (read[0].value.as_str(), read[0].key.as_deref()),
        ("order 4711 is late", Some("shop::orders"))
    );
    for (key, value) in [
        ("level", "WARN"),
        ("target", "shop::orders"),
        ("id", "8"),
        ("user", "ann"),
        ("order", "4711"),
        ("state", "late"),
    ] {
        assert_eq!(read[0].header(key), Some(value), "{key}");
    }
    assert_eq!(read[0].header("message"), None);
    assert_eq!(
        (read[1].value.as_str(), read[1].header("failed")),
        ("", Some("true"))
    );
    assert_eq!(read.len(), 2, "the client's own lines stay out");
}

#[test]
fn what_the_bridge_made_of_a_log_record_keeps_its_target() {
    let broker = TestBroker::start();
    let layer = KafkaAppender::new(broker.settings(&[]))
        .unwrap()
        .into_layer();
    with_default(tracing_subscriber::registry().with(layer), || {
        tracing::event!(
            target: "log",
            Level::INFO,
            { log.target = "shop::till", log.line = 12u64, log.module_path = "shop", log.file = "till.rs" },
            "opened"
        );
    });
    let read = broker.read_count("logs", 1);
    assert_eq!(read[0].value, "opened");
    assert_eq!(read[0].header("target"), Some("shop::till"));
    assert!(
        read[0]
            .headers
            .iter()
            .all(|(name, _)| !name.starts_with("log.")),
        "{:?}",
        read[0].headers
    );
}
