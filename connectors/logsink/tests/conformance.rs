//! The suite that every connector passes, and what an event is made of. The `log` facade has one logger a process, so that
//! all of it is one program whose tests have targets of their own.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::sync::{Mutex, Once, PoisonError};

use async_trait::async_trait;
use log::{Level, LevelFilter, Log, Metadata, Record};
use millrace_api::{
    Column, EncodedHeaders, Header, Properties, Row, Schema, SinkBatch, Span, TopicPartition, Value,
};
use millrace_logsink::LogSink;
use millrace_testkit::conformance::{self, Refused, SinkFixture};
use millrace_testkit::{SinkRun, properties};

/// What was logged: target, level, message and key-values.
static LOGGED: Mutex<Vec<(String, Level, String, String)>> = Mutex::new(Vec::new());

struct Memory;

impl Log for Memory {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        !metadata.target().starts_with("records::quiet") || metadata.level() <= Level::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        struct Pairs(String);
        impl<'kvs> log::kv::VisitSource<'kvs> for Pairs {
            fn visit_pair(
                &mut self,
                key: log::kv::Key<'kvs>,
                value: log::kv::Value<'kvs>,
            ) -> Result<(), log::kv::Error> {
                self.0.push_str(&format!("{key}={value} "));
                Ok(())
            }
        }
        let mut pairs = Pairs(String::new());
        record.key_values().visit(&mut pairs).unwrap();
        let event = (
            record.target().to_owned(),
            record.level(),
            record.args().to_string(),
            pairs.0,
        );
        LOGGED
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(event);
    }

    fn flush(&self) {}
}

fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Memory).unwrap();
        log::set_max_level(LevelFilter::Debug);
    });
}

/// Level, message and key-values of what was logged on a target.
fn logged(target: &str) -> Vec<(Level, String, String)> {
    let logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
    let own = logged.iter().filter(|(known, ..)| known == target);
    own.map(|(_, level, message, pairs)| (*level, message.clone(), pairs.clone()))
        .collect()
}

#[derive(Default)]
struct Fixture {
    runs: usize,
}

#[async_trait]
impl SinkFixture for Fixture {
    type Connector = LogSink;

    fn connector(&self) -> LogSink {
        LogSink::default()
    }

    async fn reset(&mut self) -> Properties {
        self.runs += 1;
        let target = format!("conform{}::${{topic}}", self.runs);
        properties(&[("target", target.as_str())])
    }

    async fn delivered(&mut self) -> Option<Vec<String>> {
        let logged = logged(&format!("conform{}::topic", self.runs));
        Some(logged.into_iter().map(|(_, message, _)| message).collect())
    }

    async fn refused(&mut self) -> Vec<Refused> {
        [
            ("target", "millrace::x"),
            ("level", "LOUD"),
            ("max.bytes", "0"),
        ]
        .map(|(key, value)| (properties(&[(key, value)]), key.to_owned()))
        .to_vec()
    }
}

#[tokio::test]
async fn conforms() {
    install();
    conformance::sink(&mut Fixture::default()).await;
}

/// A batch of one record of `topic`, with a text and headers.
fn record(topic: &str, text: &str, headers: &[(&str, &str)]) -> SinkBatch {
    let mut batch = SinkBatch::new();
    let block = batch.push_block(bytes::Bytes::from(text.to_owned()));
    let headers = headers.iter().map(|(name, value)| Header {
        name: (*name).to_owned(),
        schema: None,
        value: Value::String((*value).to_owned()),
    });
    batch.begin_run(millrace_api::SinkRun {
        end: 0,
        topic: topic.into(),
        original_topic: None,
        partition: 2,
        log_append_time: false,
        key: Column::Null,
        value: Column::Text(Some(Schema::string())),
        headers: Some(vec![headers.collect()]),
    });
    batch.push(Row {
        key: Span::NULL,
        value: Span {
            block,
            start: 0,
            len: text.len() as u32,
        },
        headers: Span::EMPTY,
        timestamp: -1,
        mark: 9,
    });
    batch
}

async fn log_all(topic: &str, pairs: &[(&str, &str)], batches: &[SinkBatch]) {
    install();
    let partition = TopicPartition {
        topic: topic.into(),
        partition: 2,
    };
    let partitions = std::slice::from_ref(&partition);
    let run = SinkRun::start(LogSink::default(), &properties(pairs), partitions).await;
    let mut run = run.unwrap();
    for batch in batches {
        run.put(batch).await.unwrap();
    }
    run.stop(partitions).await.unwrap();
}

#[tokio::test]
async fn levels_come_from_a_header() {
    let batches = [
        record("levels", "a", &[]),
        record("levels", "b", &[("level", "info"), ("level", "fatal")]),
        record("levels", "c", &[("level", "loud")]),
        record("levels", "d", &[("level", "DEBUG")]),
        record("levels", "left out", &[("level", "TRACE")]),
    ];
    log_all("levels", &[("level", "WARN")], &batches).await;
    let seen: Vec<(Level, String)> = logged("records::levels")
        .into_iter()
        .map(|(level, message, pairs)| {
            assert_eq!(pairs, "topic=levels partition=2 offset=9 ");
            (level, message)
        })
        .collect();
    let expected = [
        (Level::Warn, "a"),
        (Level::Error, "b"),
        (Level::Warn, "c"),
        (Level::Debug, "d"),
    ];
    assert_eq!(
        seen,
        expected.map(|(level, message)| (level, message.to_owned()))
    );
}

#[tokio::test]
async fn encoded_headers_are_looked_at_too() {
    let mut batch = SinkBatch::new();
    let mut section = Vec::new();
    EncodedHeaders::begin(&mut section, 1);
    millrace_api::encode_header(&mut section, b"level", Some(b"ERROR"));
    let len = section.len() as u32;
    let block = batch.push_block(section.into());
    batch.begin_run(millrace_api::SinkRun {
        end: 0,
        topic: "encoded".into(),
        original_topic: None,
        partition: 2,
        log_append_time: false,
        key: Column::Null,
        value: Column::Null,
        headers: None,
    });
    batch.push(Row {
        key: Span::NULL,
        value: Span::NULL,
        headers: Span {
            block,
            start: 0,
            len,
        },
        timestamp: -1,
        mark: 0,
    });
    log_all("encoded", &[], &[batch]).await;
    let seen = logged("records::encoded");
    assert_eq!((seen[0].0, seen[0].1.as_str()), (Level::Error, "null"));
}

#[tokio::test]
async fn a_record_cannot_look_like_several_events() {
    let batches = [record("lines", "one\r\n2026 ERROR forged\u{1b}[2J", &[])];
    log_all("lines", &[], &batches).await;
    log_all(
        "lines",
        &[("line.ends", "keep"), ("max.bytes", "4")],
        &batches,
    )
    .await;
    let messages: Vec<String> = logged("records::lines")
        .into_iter()
        .map(|(_, message, _)| message)
        .collect();
    assert_eq!(
        messages,
        [
            "one\\r\\n2026 ERROR forged\\e[2J".to_owned(),
            "one\r (22 more bytes)".to_owned()
        ]
    );
}

#[tokio::test]
async fn an_event_that_comes_back_is_not_logged_again() {
    let batches = [
        record("loop", "own", &[("target", "records::loop")]),
        record("loop", "of another", &[("target", "shop::orders")]),
    ];
    log_all("loop", &[], &batches).await;
    let seen = logged("records::loop");
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].1, "of another");
}

#[tokio::test]
async fn what_the_logging_leaves_out_is_delivered_all_the_same() {
    let batches = [
        record("quiet", "info", &[]),
        record("quiet", "warn", &[("level", "warn")]),
    ];
    log_all("quiet", &[], &batches).await;
    assert_eq!(logged("records::quiet").len(), 1);
}
