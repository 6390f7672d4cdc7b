//! Appenders from log4rs files.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod common;

use common::TestBroker;
use log::{Level, Log, Record};
use log4rs::config::Deserializers;
use millrace_log4rs::KafkaAppenderDeserializer;
use tempfile::TempDir;

fn deserializers() -> Deserializers {
    let mut deserializers = Deserializers::default();
    deserializers.insert("kafka", KafkaAppenderDeserializer);
    deserializers
}

/// The logger of a file with this appender.
fn logger(appender: &str) -> log4rs::Logger {
    let indented: String = appender
        .lines()
        .map(|line| format!("    {line}\n"))
        .collect();
    let text = format!(
        "appenders:\n  it:\n    kind: kafka\n{indented}root:\n  level: info\n  appenders: [it]\n"
    );
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log4rs.yaml");
    std::fs::write(&path, text).unwrap();
    log4rs::Logger::new(log4rs::config::load_config_file(path, deserializers()).unwrap())
}

fn log(logger: &log4rs::Logger, text: &str) {
    let message = format_args!("{text}");
    let record = Record::builder()
        .level(Level::Warn)
        .target("shop")
        .args(message)
        .build();
    logger.log(&record);
}

/// What is wrong with an appender, as log4rs would print it.
fn refused(appender: &[(&str, &str)]) -> String {
    use serde_value::Value;
    let map = appender
        .iter()
        .map(|(key, value)| {
            (
                Value::String((*key).to_owned()),
                Value::String((*value).to_owned()),
            )
        })
        .collect();
    let made = deserializers().deserialize::<dyn log4rs::append::Append>("kafka", Value::Map(map));
    format!("{:#}", made.err().unwrap())
}

#[test]
fn an_encoder_of_log4rs_writes_the_value_without_its_newline() {
    let broker = TestBroker::start();
    let logger = logger(&format!(
        "bootstrap.servers: {}\ntopic: logs\nlinger.ms: 0\nheaders: none\nkey: none\nencoder:\n  pattern: \"{{l}} {{t}}: {{m}}{{n}}\"",
        broker.address()
    ));
    log(&logger, "hot");
    logger.flush();
    let read = broker.read_count("logs", 1);
    assert_eq!(
        (read[0].value.as_str(), &read[0].key, read[0].headers.len()),
        ("WARN shop: hot", &None, 0)
    );
}

#[test]
fn the_settings_of_kafkas_log4j_appender_are_taken_as_they_are() {
    let broker = TestBroker::start();
    let logger = logger(&format!(
        "brokerList: {}\ntopic: logs\ncompressionType: lz4\nrequiredNumAcks: -1\nsyncSend: true\nlayout: org.apache.log4j.PatternLayout\nlayout.ConversionPattern: \"%-6p [%c] %m%n\"",
        broker.address()
    ));
    log(&logger, "one");
    log(&logger, "two");
    let values: Vec<_> = broker
        .read_count("logs", 2)
        .into_iter()
        .map(|read| read.value)
        .collect();
    assert_eq!(values, ["WARN   [shop] one\n", "WARN   [shop] two\n"]);
}

#[test]
fn the_files_of_the_readme_run_as_they_are() {
    let broker = TestBroker::start();
    let folder = TempDir::new().unwrap();
    let page = include_str!("../README.md");
    let files = page.split("```yaml\n").skip(1);
    let files: Vec<_> = files
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert_eq!(files.len(), 2);
    for (number, file) in (1..).zip(files) {
        let file = file.replace("127.0.0.1:9092", &broker.address()).replace(
            "./log-spill",
            &folder.path().join("log-spill").display().to_string(),
        );
        let path = folder.path().join("log4rs.yaml");
        std::fs::write(&path, file).unwrap();
        let config = log4rs::config::load_config_file(path, deserializers()).unwrap();
        let logger = log4rs::Logger::new(config);
        log(&logger, "hot");
        logger.flush();
        let read = broker.read_count("logs", number);
        assert!(read[number - 1].value.contains("hot"), "{read:?}");
    }
}

#[test]
fn a_reload_of_the_file_loses_no_line_and_keeps_their_order() {
    let broker = TestBroker::start();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log4rs.yaml");
    let text = format!(
        "appenders:\n  it:\n    kind: kafka\n    brokerList: {}\n    topic: logs\n    spill.dir: {}\n    flush.timeout.ms: 60000\nroot:\n  level: info\n  appenders: [it]\n",
        broker.address(),
        folder.path().join("spill").display()
    );
    std::fs::write(&path, text).unwrap();
    let load = || log4rs::config::load_config_file(&path, deserializers()).unwrap();
    let mut logger = log4rs::Logger::new(load());
    for number in 0..50 {
        log(&logger, &number.to_string());
        if number % 10 == 9 {
            // As a reload does: the new one is there before the old one goes.
            let fresh = log4rs::Logger::new(load());
            drop(std::mem::replace(&mut logger, fresh));
        }
    }
    logger.flush();
    let read = broker.read_count("logs", 50);
    let values: Vec<_> = read.iter().map(|read| read.value.clone()).collect();
    let expected: Vec<_> = (0..50).map(|number| number.to_string()).collect();
    assert_eq!(values, expected);
}

#[test]
fn an_encoder_that_could_write_no_line_is_refused_with_the_rest() {
    use serde_value::Value;
    let text = |text: &str| Value::String(text.to_owned());
    let map = |pairs: &[(&str, Value)]| {
        let pairs = pairs.iter();
        Value::Map(
            pairs
                .map(|(key, value)| (text(key), value.clone()))
                .collect(),
        )
    };
    for (encoder, mention) in [
        (
            map(&[("pattern", text("{l} {x} {m}"))]),
            "unknown formatter",
        ),
        (map(&[("pattern", text("{l"))]), "{l"),
        (
            map(&[("pattern", text("{d(%Q)} {m}"))]),
            "or its date, cannot be formatted",
        ),
        (map(&[("pattern", text("{d(%Q):<9}"))]), "date's format"),
        (map(&[("kind", text("xml"))]), "kind `xml`"),
        (text("{m}{n}"), "{m}{n} for configuration encoder"),
    ] {
        let config = map(&[("encoder", encoder.clone()), ("key", text("none"))]);
        let made = deserializers().deserialize::<dyn log4rs::append::Append>("kafka", config);
        let told = format!("{:#}", made.err().unwrap());
        let expected = [
            "Invalid value",
            "for configuration encoder: ",
            "pattern: ",
            mention,
            "topic",
            "bootstrap.servers",
        ];
        for part in expected {
            assert!(
                told.contains(part),
                "{encoder:?}: {part} is missing in: {told}"
            );
        }
    }
}

/// A value of which its program cannot say what it is.
struct Unspeakable;

impl std::fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Err(std::fmt::Error)
    }
}

#[test]
fn a_value_that_cannot_be_formatted_costs_its_line_and_no_thread() {
    let broker = TestBroker::start();
    for encoder in ["", "\nencoder:\n  pattern: \"{m}{n}\""] {
        let topic = format!("logs{}", encoder.len());
        let logger = logger(&format!(
            "bootstrap.servers: {}\ntopic: {topic}{encoder}",
            broker.address()
        ));
        let mut record = Record::builder();
        record.level(Level::Warn).target("shop");
        logger.log(&record.args(format_args!("it is {Unspeakable}")).build());
        log(&logger, "hot");
        logger.flush();
        assert_eq!(broker.read_count(&topic, 1)[0].value, "hot");
    }
}

#[test]
fn everything_wrong_with_a_file_is_said_together() {
    let text = refused(&[
        ("brokerList", "nowhere"),
        ("compressionType", "brotli"),
        ("layout", "org.apache.log4j.HTMLLayout"),
        ("layout.ConversionPattern", "%r %x %m"),
        ("clientJaasConfPath", "/etc/jaas"),
        ("spill.dri", "/var/spool"),
        ("Threshold", "WARN"),
    ]);
    for part in [
        "brokerList",
        "compressionType",
        "HTMLLayout",
        "%r is",
        "%x is",
        "clientJaasConfPath",
        "did you mean spill.dir?",
        "kind: threshold",
        "topic",
    ] {
        assert!(text.contains(part), "{part} is missing in: {text}");
    }
}
