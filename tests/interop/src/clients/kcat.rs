//! kcat, with the librdkafka that the system has: one call for each thing it can do.

use std::{
    ops::Range,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use millrace_system::{
    input,
    pipeline::{Pipeline, TOPIC},
    sandbox::Sandbox,
    wait,
};
use serde_json::{Value, json};

use super::{Client, Report, tools};
use crate::{
    broker::Broker,
    member::Leave,
    output,
    standard::{self, CODECS},
};

type Check = fn(&str) -> anyhow::Result<()>;

const CHECKS: [(&str, Check); 6] = [
    ("codecs", codecs),
    ("keys and headers", keys_and_headers),
    ("group and commit", group),
    ("offsets and metadata", offsets),
    ("acks", acks),
    ("lines of logs that a worker shipped", logs),
];

pub(crate) struct Kcat;

impl Client for Kcat {
    fn name(&self) -> &'static str {
        "kcat"
    }

    fn install(&self) -> anyhow::Result<String> {
        let version = output::of(Command::new("kcat").arg("-V"))
            .context("kcat is a package of the system")?;
        let line = version.lines().find(|line| line.starts_with("Version"));
        Ok(line.unwrap_or_default().to_owned())
    }

    fn scenarios(&self) -> Vec<&'static str> {
        CHECKS.map(|(name, _)| name).to_vec()
    }

    fn checks(&self, broker: &Broker) -> anyhow::Result<Report> {
        super::report(&CHECKS, |check| check(broker.address()))
    }

    /// One header set and one spelling of "nothing" a call: the standard records need more.
    fn produce(&self, _: &str, _: &str, _: &[&str]) -> anyhow::Result<bool> {
        Ok(false)
    }

    fn consume(&self, server: &str, topics: &[&str]) -> anyhow::Result<()> {
        topics
            .iter()
            .try_for_each(|topic| standard_records(server, topic))
    }

    fn fill(&self, server: &str, topic: &str, numbers: Range<usize>) -> anyhow::Result<()> {
        tools::create_for(server, topic, &numbers)?;
        let lines: String = numbers.map(|number| format!("{number}\n")).collect();
        produce(server, topic, &[], lines.as_bytes())
    }

    fn member(&self, server: &str, group: &str, topic: &str) -> anyhow::Result<Command> {
        let mut kcat = Command::new("kcat");
        kcat.args(["-b", server, "-u", "-f", "%s\n", "-G", group]);
        for setting in [
            "auto.offset.reset=earliest",
            "session.timeout.ms=6000",
            "heartbeat.interval.ms=500",
        ] {
            kcat.args(["-X", setting]);
        }
        kcat.arg(topic);
        Ok(kcat)
    }

    fn leave(&self) -> Leave {
        Leave::Terminate
    }
}

/// Runs kcat with these arguments and this input; what it printed.
fn run(server: &str, arguments: &[&str], input: &[u8]) -> anyhow::Result<String> {
    let mut kcat = Command::new("kcat");
    kcat.args(["-b", server, "-q"]).args(arguments);
    output::with_input(&mut kcat, input)
}

fn produce(server: &str, topic: &str, more: &[&str], input: &[u8]) -> anyhow::Result<()> {
    run(server, &[&["-P", "-t", topic], more].concat(), input).map(drop)
}

fn consume(server: &str, topic: &str, more: &[&str]) -> anyhow::Result<String> {
    let arguments = ["-C", "-t", topic, "-o", "beginning", "-e"];
    run(server, &[&arguments, more].concat(), b"")
}

/// Compares a topic with the standard records. kcat prints headers as one list of keys and values.
fn standard_records(server: &str, topic: &str) -> anyhow::Result<()> {
    let read = consume(server, topic, &["-J"])?;
    ensure!(
        read.lines().count() == standard::COUNT,
        "{topic}: {} records",
        read.lines().count()
    );
    for (number, line) in read.lines().enumerate() {
        let record: Value = serde_json::from_str(line)?;
        let headers: Vec<Value> = standard::headers(number)
            .into_iter()
            .flat_map(|(key, value)| [json!(key), json!(value)])
            .collect();
        let read = record.get("headers").cloned().unwrap_or_else(|| json!([]));
        let same = record["offset"] == json!(number)
            && record["key"] == json!(standard::key(number))
            && record["payload"] == json!(standard::value(number))
            && read == json!(headers);
        ensure!(same, "{topic}: record {number} is {line}");
    }
    Ok(())
}

fn codecs(server: &str) -> anyhow::Result<()> {
    let lines = input::numbered(20_000, 120);
    for codec in CODECS {
        let topic = format!("kcat-codec-{codec}");
        produce(server, &topic, &["-z", codec], &lines)?;
        let read = consume(server, &topic, &[])?;
        ensure!(read.as_bytes() == lines, "{codec}: other lines came back");
    }
    Ok(())
}

fn acks(server: &str) -> anyhow::Result<()> {
    for acks in ["0", "1", "all"] {
        let topic = format!("kcat-acks-{acks}");
        let lines = input::numbered(1000, 50);
        produce(server, &topic, &["-X", &format!("acks={acks}")], &lines)?;
        wait::until("the records", Duration::from_secs(20), || {
            consume(server, &topic, &[]).is_ok_and(|read| read.as_bytes() == lines)
        });
    }
    let lines = input::numbered(5000, 50);
    produce(
        server,
        "kcat-idempotent",
        &["-X", "enable.idempotence=true"],
        &lines,
    )?;
    let read = consume(server, "kcat-idempotent", &[])?;
    ensure!(
        read.as_bytes() == lines,
        "idempotent: other lines came back"
    );
    Ok(())
}

fn keys_and_headers(server: &str) -> anyhow::Result<()> {
    let arguments = ["-K", ":", "-H", "h=1", "-H", "h=2"];
    produce(server, "kcat-keys", &arguments, b"a:one\nb:two\n")?;
    let read = consume(server, "kcat-keys", &["-f", "%o %k %s %h\n"])?;
    ensure!(read == "0 a one h=1,h=2\n1 b two h=1,h=2\n", "{read}");
    Ok(())
}

fn group(server: &str) -> anyhow::Result<()> {
    let topic = "kcat-grouped";
    let earliest = "auto.offset.reset=earliest";
    let member = ["-G", "kcat-readers", "-X", earliest, "-e", topic];
    produce(server, topic, &[], b"one\ntwo\n")?;
    let first = run(server, &member, b"")?;
    ensure!(first == "one\ntwo\n", "the first member read {first}");
    produce(server, topic, &[], b"three\n")?;
    let second = run(server, &member, b"")?;
    ensure!(
        second == "three\n",
        "the commit of the first member did not hold: {second}"
    );
    Ok(())
}

fn offsets(server: &str) -> anyhow::Result<()> {
    let topic = "kcat-counted";
    produce(server, topic, &["-p", "0"], b"one\ntwo\nthree\n")?;
    for (time, offset) in [("-1", "offset 3"), ("-2", "offset 0"), ("1000", "offset 0")] {
        let found = run(server, &["-Q", "-t", &format!("{topic}:0:{time}")], b"")?;
        ensure!(found.contains(offset), "{time}: {found}");
    }
    let tail = run(server, &["-C", "-t", topic, "-o", "-1", "-e"], b"")?;
    ensure!(tail == "three\n", "{tail}");
    let metadata = run(server, &["-L", "-J"], b"")?;
    ensure!(
        metadata.contains(topic) && metadata.contains(server),
        "{metadata}"
    );
    Ok(())
}

/// A file source ships logs; kcat reads the same lines.
fn logs(_: &str) -> anyhow::Result<()> {
    input::SYSTEMS
        .iter()
        .try_for_each(|system| log(system).with_context(|| format!("lines of {system}")))
}

fn log(system: &str) -> anyhow::Result<()> {
    let sandbox = Sandbox::new();
    let mut log = input::log(system);
    log.push(b'\n');
    sandbox.write("in.log", &log);
    let mut pipeline = Pipeline::file_to_file(&sandbox);
    let expected = input::lines(&log);
    wait::until("the lines of the file", Duration::from_secs(60), || {
        input::lines(&sandbox.read("out.log")).len() >= expected.len()
    });
    let kcat = Command::new("kcat")
        .args([
            "-b",
            &pipeline.broker,
            "-q",
            "-C",
            "-t",
            TOPIC,
            "-o",
            "beginning",
            "-e",
        ])
        .stdin(Stdio::null())
        .output()
        .context("cannot run kcat")?;
    // kcat ends each record with a newline; carriage returns are the source's to strip.
    let lines = kcat
        .stdout
        .split(|byte| *byte == b'\n')
        .take(expected.len());
    ensure!(lines.eq(expected.iter().copied()), "other lines came back");
    let status = pipeline.millrace.stop();
    ensure!(
        status.success(),
        "not a clean stop\n{}",
        pipeline.millrace.stderr()
    );
    Ok(())
}
