//! Kafka's own log4j appender beside ours: one log4j file configures both, and both make the same lines in the topic.
//!
//! Each case is such a file. The Java program logs the lines of `clients/log4j/lines.txt` with it; then the settings of its
//! appender, key by key as they are there, become an appender of a log4rs file, and the same lines are logged here.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context as _, ensure};
use log::{Level, Log as _, Record};
use log4rs::config::Deserializers;
use millrace_log4rs::KafkaAppenderDeserializer;
use millrace_system::{sandbox::Sandbox, topic};

use crate::{
    broker::{Broker, Kind},
    install::{self, SOURCES},
    output,
};

/// What all files have: Kafka's own lines stay out, which its appender would ship as well.
const FILE: &str = "\
log4j.rootLogger=INFO, KAFKA
log4j.logger.org.apache.kafka=OFF
log4j.appender.KAFKA=org.apache.kafka.log4jappender.KafkaLog4jAppender
log4j.appender.KAFKA.syncSend=true
log4j.appender.KAFKA.layout=org.apache.log4j.PatternLayout
";
const PREFIX: &str = "log4j.appender.KAFKA.";

/// Topic, codec, acknowledgements, pattern.
const CASES: [(&str, &str, &str, &str); 5] = [
    ("usual", "gzip", "-1", "%d{ISO8601} %-5p [%t] %c - %m%n"),
    ("widths", "snappy", "1", "%5p|%-7p|%.4c|%-10.20c|%20.30c|%m"),
    (
        "times",
        "lz4",
        "-1",
        "%d{ABSOLUTE} %d{DATE} %d{yyyy-MM-dd'T'HH:mm:ss.SSSZ} %m",
    ),
    ("signs", "zstd", "1", "100%% {of} (it) \\ %p%%: %m%n%n"),
    ("message", "none", "0", "%m"),
];

/// Runs all cases.
pub(crate) fn run() -> anyhow::Result<()> {
    let started = Instant::now();
    let folder = program()?;
    let sandbox = Sandbox::new();
    let mut broker = Broker::start(Kind::Millrace)?;
    let mut files = Vec::new();
    for (topic, codec, acks, pattern) in CASES {
        let settings = [
            ("brokerList", broker.address()),
            ("topic", topic),
            ("compressionType", codec),
            ("requiredNumAcks", acks),
            // A properties file takes a backslash for an escape.
            ("layout.ConversionPattern", &pattern.replace('\\', "\\\\")),
        ];
        let mut text = FILE.to_owned();
        for (key, value) in settings {
            writeln!(text, "{PREFIX}{key}={value}")?;
        }
        files.push(sandbox.write(&format!("{topic}.properties"), text));
    }
    let lines = Path::new(SOURCES).join("log4j/lines.txt");
    let mut java = Command::new("java");
    java.args(["-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8"])
        .args(["-Duser.language=en", "-Duser.country=US", "-cp"])
        .arg(class_path(&folder))
        .arg("Main")
        .arg(&lines)
        .args(&files);
    output::of(&mut java)?;
    for file in &files {
        log_with_ours(&sandbox, file, &fs::read_to_string(&lines)?)?;
    }
    broker.stop()?;
    for (topic, _, _, pattern) in CASES {
        compare(&broker, topic).with_context(|| format!("{topic}: {pattern}"))?;
    }
    println!(
        "log4j: {} files make the same lines with both appenders, {} s",
        CASES.len(),
        started.elapsed().as_secs()
    );
    Ok(())
}

/// Logs the lines by an appender with the settings of a log4j file.
fn log_with_ours(sandbox: &Sandbox, file: &Path, lines: &str) -> anyhow::Result<()> {
    let text = fs::read_to_string(file)?;
    let mut yaml =
        "root:\n  level: info\n  appenders: [KAFKA]\nappenders:\n  KAFKA:\n    kind: kafka\n"
            .to_owned();
    for setting in text.lines().filter_map(|line| line.strip_prefix(PREFIX)) {
        let (key, value) = setting.split_once('=').context("a key without a value")?;
        let value = value.replace("\\\\", "\\").replace('\'', "''");
        writeln!(yaml, "    {key}: '{value}'")?;
    }
    let path = sandbox.write("log4rs.yaml", &yaml);
    let mut deserializers = Deserializers::default();
    deserializers.insert("kafka", KafkaAppenderDeserializer);
    let config = log4rs::config::load_config_file(path, deserializers)?;
    ensure!(
        config.appenders().len() == 1,
        "the appender refuses the settings\n{yaml}"
    );
    let logger = log4rs::Logger::new(config);
    for line in lines.lines() {
        let mut parts = line.splitn(3, ' ');
        let mut part = || parts.next().context("a line has three parts");
        let (level, target, message): (Level, _, _) =
            (part()?.parse()?, part()?, part()?.replace("\\n", "\n"));
        logger.log(
            &Record::builder()
                .level(level)
                .target(target)
                .args(format_args!("{message}"))
                .build(),
        );
    }
    logger.flush();
    Ok(())
}

/// The first half of a topic is theirs, the second ours.
fn compare(broker: &Broker, name: &str) -> anyhow::Result<()> {
    let values = topic::values(&broker.logs(), &format!("{name}-0"));
    let lines: Vec<String> = values
        .into_iter()
        .map(|value| String::from_utf8(value).map(|line| shape(name, &line)))
        .collect::<Result<_, _>>()?;
    ensure!(lines.len() == 10, "10 lines should be there: {lines:#?}");
    let (theirs, ours) = lines.split_at(5);
    let differing = theirs
        .iter()
        .zip(ours)
        .find(|(theirs, ours)| theirs != ours);
    if let Some((theirs, ours)) = differing {
        anyhow::bail!("Kafka's appender makes\n{theirs:?}\nours\n{ours:?}");
    }
    Ok(())
}

/// A line whose times are made equal: each of their digits is a zero.
fn shape(name: &str, line: &str) -> String {
    let until = match name {
        "usual" => "2026-11-22 03:04:05,678".len(),
        "times" => "03:04:05,678 22 Nov 2026 03:04:05,678 2026-11-22T03:04:05.678+0000".len(),
        _ => 0,
    };
    let masked = |(at, character): (usize, char)| match character {
        '0'..='9' if at < until => '0',
        other => other,
    };
    line.chars().enumerate().map(masked).collect()
}

/// The program and the jars it needs, in one folder.
fn program() -> anyhow::Result<PathBuf> {
    install::jars("log4j", "log4j", None)?;
    let folder = install::folder("log4j")?;
    let mut javac = Command::new("javac");
    javac
        .args(["-nowarn", "-encoding", "UTF-8", "-d"])
        .arg(folder.join("classes"))
        .arg("-cp")
        .arg(folder.join("libs/*"))
        .arg(Path::new(SOURCES).join("log4j/Main.java"));
    output::build(&mut javac)?;
    Ok(folder)
}

fn class_path(folder: &Path) -> String {
    let (classes, jars) = (folder.join("classes"), folder.join("libs/*"));
    format!("{}:{}", classes.display(), jars.display())
}
