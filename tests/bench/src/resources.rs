//! What a process takes of the machine, as Linux counts it.

use std::fs;

use anyhow::Context;

/// Ticks of a second in which Linux tells processor time to programs.
const TICKS: f64 = 100.0;

/// A memory line of the process's status, such as `VmRSS:`, in megabytes (10^6).
pub(crate) fn resident_mb(process: u32, label: &str) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))
        .context("cannot read the process's status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(label))
        .context("the status has no memory line")?;
    let kib: f64 = line
        .trim()
        .trim_end_matches("kB")
        .trim()
        .parse()
        .context("the memory line is no number")?;
    Ok(kib * 1024.0 / 1e6)
}

/// Seconds of processor time that the process has used.
pub(crate) fn processor_seconds(process: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))
        .context("cannot read the process's times")?;
    // Behind the name, which may hold anything, the state is the first field; user and system time are the 12th and 13th.
    let (_, behind) = stat.rsplit_once(')').context("the times have no name")?;
    let fields: Vec<&str> = behind.split_whitespace().collect();
    let ticks = |at: usize| -> anyhow::Result<f64> {
        let field = fields.get(at).context("the times end early")?;
        field.parse().context("a time is no number")
    };
    Ok((ticks(11)? + ticks(12)?) / TICKS)
}
