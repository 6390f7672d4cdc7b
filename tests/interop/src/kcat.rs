//! kcat: produce and consume with every codec, keys and headers, a group that commits, offsets by time, metadata;
//! and the lines of a file source as kcat reads them.

use std::{
    io::Write as _,
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

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

type Check = fn(&Kcat) -> anyhow::Result<()>;

pub(crate) fn run() -> anyhow::Result<()> {
    let checks: [(&str, Check); 5] = [
        ("codecs", codecs),
        ("keys and headers", keys_and_headers),
        ("group and commit", group),
        ("offsets and metadata", offsets),
        ("acks", acks),
    ];
    let sandbox = Sandbox::new();
    let (mut millrace, address) = crate::broker(&sandbox);
    let kcat = Kcat { address };
    for (name, check) in checks {
        check(&kcat).with_context(|| format!("kcat: {name}\n{}", millrace.stderr()))?;
        println!("kcat: {name}: ok");
    }
    ensure!(
        millrace.stop().success(),
        "the broker did not stop cleanly\n{}",
        millrace.stderr()
    );
    for system in input::SYSTEMS {
        pipeline(system).with_context(|| format!("kcat: lines of {system}"))?;
    }
    println!("kcat: lines of {} logs: ok", input::SYSTEMS.len());
    Ok(())
}

/// kcat, pointed at a broker.
struct Kcat {
    address: String,
}

impl Kcat {
    /// Runs it with these arguments and this input; what it printed.
    fn run(&self, arguments: &[&str], input: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut child = Command::new("kcat")
            .args(["-b", &self.address, "-q"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run kcat")?;
        let mut stdin = child.stdin.take().context("kcat has a standard input")?;
        let written = input.to_vec();
        let writer = std::thread::spawn(move || stdin.write_all(&written));
        let output = child.wait_with_output()?;
        // A consumer closes its input unread.
        drop(writer.join());
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "kcat {arguments:?} ended with {}: {said}",
            output.status
        );
        Ok(output.stdout)
    }

    fn produce(&self, topic: &str, more: &[&str], input: &[u8]) -> anyhow::Result<()> {
        self.run(&[&["-P", "-t", topic], more].concat(), input)
            .map(drop)
    }

    fn consume(&self, topic: &str, more: &[&str]) -> anyhow::Result<Vec<u8>> {
        self.run(
            &[&["-C", "-t", topic, "-o", "beginning", "-e"], more].concat(),
            b"",
        )
    }
}

fn codecs(kcat: &Kcat) -> anyhow::Result<()> {
    let lines = input::numbered(20_000, 120);
    for codec in CODECS {
        let topic = format!("codec-{codec}");
        kcat.produce(&topic, &["-z", codec], &lines)?;
        ensure!(
            kcat.consume(&topic, &[])? == lines,
            "{codec}: other lines came back"
        );
    }
    Ok(())
}

fn acks(kcat: &Kcat) -> anyhow::Result<()> {
    for acks in ["0", "1", "all"] {
        let topic = format!("acks-{acks}");
        let lines = input::numbered(1000, 50);
        kcat.produce(&topic, &["-X", &format!("acks={acks}")], &lines)?;
        wait::until("the records", Duration::from_secs(20), || {
            kcat.consume(&topic, &[]).is_ok_and(|read| read == lines)
        });
    }
    let lines = input::numbered(5000, 50);
    kcat.produce("idempotent", &["-X", "enable.idempotence=true"], &lines)?;
    ensure!(
        kcat.consume("idempotent", &[])? == lines,
        "idempotent: other lines came back"
    );
    Ok(())
}

fn keys_and_headers(kcat: &Kcat) -> anyhow::Result<()> {
    kcat.produce(
        "keys",
        &["-K", ":", "-H", "h=1", "-H", "h=2"],
        b"a:one\nb:two\n",
    )?;
    let read = kcat.consume("keys", &["-f", "%o %k %s %h\n"])?;
    ensure!(
        read == b"0 a one h=1,h=2\n1 b two h=1,h=2\n",
        "{}",
        String::from_utf8_lossy(&read)
    );
    Ok(())
}

fn group(kcat: &Kcat) -> anyhow::Result<()> {
    let member = [
        "-G",
        "readers",
        "-X",
        "auto.offset.reset=earliest",
        "-e",
        "grouped",
    ];
    kcat.produce("grouped", &[], b"one\ntwo\n")?;
    ensure!(
        kcat.run(&member, b"")? == b"one\ntwo\n",
        "the group's first member read something else"
    );
    kcat.produce("grouped", &[], b"three\n")?;
    ensure!(
        kcat.run(&member, b"")? == b"three\n",
        "the commit of the first member did not hold"
    );
    Ok(())
}

fn offsets(kcat: &Kcat) -> anyhow::Result<()> {
    kcat.produce("counted", &["-p", "0"], b"one\ntwo\nthree\n")?;
    let end = kcat.run(&["-Q", "-t", "counted:0:-1"], b"")?;
    ensure!(
        String::from_utf8_lossy(&end).contains("offset 3"),
        "{}",
        String::from_utf8_lossy(&end)
    );
    let by_time = kcat.run(&["-Q", "-t", "counted:0:1000"], b"")?;
    ensure!(
        String::from_utf8_lossy(&by_time).contains("offset 0"),
        "{}",
        String::from_utf8_lossy(&by_time)
    );
    let tail = kcat.run(&["-C", "-t", "counted", "-o", "-1", "-e"], b"")?;
    ensure!(tail == b"three\n", "{}", String::from_utf8_lossy(&tail));
    let metadata = kcat.run(&["-L", "-J"], b"")?;
    let text = String::from_utf8_lossy(&metadata);
    ensure!(
        text.contains("counted") && text.contains(&kcat.address),
        "{text}"
    );
    Ok(())
}

/// A file source ships a log; kcat reads the same lines.
fn pipeline(system: &str) -> anyhow::Result<()> {
    let sandbox = Sandbox::new();
    let mut log = input::log(system);
    log.push(b'\n');
    sandbox.write("in.log", &log);
    let mut pipeline = Pipeline::file_to_file(&sandbox);
    let expected = input::lines(&log);
    wait::until("the lines of the file", Duration::from_secs(60), || {
        input::lines(&sandbox.read("out.log")).len() >= expected.len()
    });
    let read = Kcat {
        address: pipeline.broker.clone(),
    }
    .consume(TOPIC, &[])?;
    // kcat ends each record with a newline; carriage returns are the source's to strip.
    ensure!(
        read.split(|byte| *byte == b'\n')
            .take(expected.len())
            .eq(expected.iter().copied()),
        "other lines came back"
    );
    ensure!(
        pipeline.millrace.stop().success(),
        "not a clean stop\n{}",
        pipeline.millrace.stderr()
    );
    Ok(())
}
