//! The syslog source before senders by others: `logger` of util-linux, in both formats, by UDP, by TCP with both kinds of
//! frames; and rsyslog, which forwards the lines of a file, all of them and in order.

use std::{
    fmt::Write as _,
    process::{Child, Command},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use millrace_system::{
    apart,
    pipeline::{Pipeline, properties_file},
    sandbox::Sandbox,
    tool, topic, wait,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long something may take on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Lines that rsyslog forwards.
const LINES: usize = 5_000;

/// What each run of `logger` is told beside port and message.
const LOGGER: [(&str, &str); 4] = [
    ("udp-3164", "--udp --rfc3164"),
    ("udp-5424", "--udp --rfc5424"),
    ("tcp-lines", "--tcp --rfc3164"),
    ("tcp-counted", "--tcp --rfc5424 --octet-count"),
];

/// Runs all senders.
pub(crate) fn run() -> anyhow::Result<()> {
    let sandbox = Sandbox::new();
    let port = apart::free_port();
    let text = port.to_string();
    let keys = [
        ("name", "syslog"),
        ("connector.class", "Syslog"),
        ("udp.port", text.as_str()),
        ("tcp.port", text.as_str()),
        ("topic", "${facility}"),
        ("value.form", "struct"),
        (
            "value.converter",
            "org.apache.kafka.connect.json.JsonConverter",
        ),
        ("value.converter.schemas.enable", "false"),
    ];
    let source = properties_file(&sandbox, "syslog.properties", &keys);
    let mut pipeline = Pipeline::start(&sandbox, &[source]);
    pipeline.rest.await_state("syslog", "RUNNING");
    logger(&sandbox, port)?;
    rsyslog(&sandbox, port)?;
    ensure!(pipeline.millrace.stop().success(), "the worker fails");
    println!(
        "syslog: logger in {} ways, rsyslog with {LINES} lines",
        LOGGER.len()
    );
    Ok(())
}

/// The records of a topic, once there are so many.
fn records(sandbox: &Sandbox, name: &str, count: usize) -> anyhow::Result<Vec<Value>> {
    let partition = format!("{name}-0");
    let values = wait::until_some(&format!("{count} records of {name}"), PATIENCE, || {
        let values = topic::values(&sandbox.join("data/broker"), &partition);
        (values.len() >= count).then_some(values)
    });
    let records = values.iter().map(|value| serde_json::from_slice(value));
    Ok(records.collect::<Result<_, _>>()?)
}

fn logger(sandbox: &Sandbox, port: u16) -> anyhow::Result<()> {
    for (index, (name, how)) in LOGGER.into_iter().enumerate() {
        let mut command = Command::new("logger");
        let words = format!("--server 127.0.0.1 --port {port} {how} --priority local5.err");
        command.args(words.split(' '));
        command.args(["--tag", "shop", "--id=4711"]);
        let is_new = how.contains("5424");
        if is_new {
            command.args(["--msgid", "ID47", "--sd-id", "order@1"]);
            command.args(["--sd-param", "number=\"12\""]);
        }
        command.arg(format!("{name}: the door is \u{f6}ffen"));
        let outcome = tool::run_command(sandbox, command, "");
        ensure!(outcome.status.success(), "{name}: {outcome:?}");
        let record = &records(sandbox, "local5", index + 1)?[index];
        let field = |name: &str| record[name].as_str().unwrap_or_default();
        ensure!(
            field("message") == format!("{name}: the door is \u{f6}ffen")
                && field("severity") == "err"
                && field("app") == "shop"
                && field("procid") == "4711"
                && !field("host").is_empty()
                && record["malformed"].is_null(),
            "{name}: {record}"
        );
        let parameters = &record["structured_data"]["order@1"]["number"];
        ensure!(!is_new || parameters == "12", "{name}: {record}");
        let sent = record["timestamp"].as_i64().context("a time")?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
        let apart = (now.as_millis() as i64 - sent).abs();
        ensure!(apart < 60_000, "{name}: sent {apart} ms from now: {record}");
    }
    Ok(())
}

fn rsyslog(sandbox: &Sandbox, port: u16) -> anyhow::Result<()> {
    let mut lines = String::new();
    for number in 0..LINES {
        writeln!(lines, "order {number} paid")?;
    }
    let input = sandbox.write("in.log", lines);
    let folder = sandbox.path().display();
    let config = format!(
        "global(workDirectory=\"{folder}\")\n\
         module(load=\"imfile\")\n\
         input(type=\"imfile\" file=\"{}\" tag=\"shop:\" severity=\"info\" facility=\"local6\")\n\
         action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{port}\" protocol=\"tcp\" TCP_Framing=\"octet-counted\"\n\
                template=\"RSYSLOG_SyslogProtocol23Format\")\n",
        input.display()
    );
    let config = sandbox.write("rsyslog.conf", config);
    let sender = Command::new("rsyslogd")
        .arg("-n")
        .arg("-f")
        .arg(config)
        .arg("-i")
        .arg(sandbox.join("rsyslog.pid"))
        .spawn()
        .context("cannot run rsyslogd")?;
    let mut sender = Sender(sender);
    let records = records(sandbox, "local6", LINES)?;
    kill_process(Pid::from_child(&sender.0), Signal::TERM)?;
    sender.0.wait()?;
    for (number, record) in records.iter().enumerate() {
        let message = record["message"].as_str().unwrap_or_default();
        ensure!(
            message.trim_start() == format!("order {number} paid") && record["app"] == "shop",
            "{number}: {record}"
        );
    }
    Ok(())
}

/// rsyslog. It is killed when dropped, also where a check fails.
struct Sender(Child);

impl Drop for Sender {
    fn drop(&mut self) {
        // Already ended is what is wanted; there is nothing to do about anything else.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
