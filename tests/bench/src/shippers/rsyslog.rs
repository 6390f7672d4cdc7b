//! rsyslog: `imfile` into `omkafka`, the packages `rsyslog` and `rsyslog-kafka`.

use std::fs;
use std::process::Command;

use super::{Job, process::Shipper};

pub(super) fn start(job: &Job<'_>) -> anyhow::Result<Shipper> {
    let positions = job.sandbox.join("positions");
    fs::create_dir(&positions)?;
    let config = job.sandbox.write("rsyslog.conf", config(job));
    let mut command = Command::new("rsyslogd");
    command.arg("-n").arg("-f").arg(config);
    command.arg("-i").arg(job.sandbox.join("rsyslog.pid"));
    Shipper::start(
        job.sandbox,
        &mut command,
        "install the packages rsyslog and rsyslog-kafka",
    )
}

/// Reads each file on after the position that it stores each 100,000 lines; lines wait in a queue of their own.
fn config(job: &Job<'_>) -> String {
    format!(
        r#"global(workDirectory="{positions}")
module(load="imfile")
module(load="omkafka")
template(name="line" type="string" string="%msg%")
input(type="imfile" file="{folder}/*.log" tag="log:" ruleset="ship" persistStateInterval="100000")
ruleset(name="ship" queue.type="FixedArray" queue.size="500000" queue.dequeueBatchSize="10000") {{
    action(type="omkafka" broker=["{broker}"] topic="{topic}" template="line" partitions.useFixed="0"
           resubmitOnFailure="on"
           confParam=["queue.buffering.max.messages=1000000", "batch.num.messages=10000", "linger.ms=5"])
}}
"#,
        positions = job.sandbox.join("positions").display(),
        folder = job.files.folder.display(),
        broker = job.broker,
        topic = job.topic,
    )
}
