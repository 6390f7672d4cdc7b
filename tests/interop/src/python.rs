//! Python clients: the checks are written in their own language, in `clients/*_checks.py`.

use std::{path::Path, process::Command};

use anyhow::{Context as _, ensure};
use millrace_system::sandbox::Sandbox;

const CLIENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients");
const CHECKS: [&str; 3] = [
    "confluent_kafka_checks.py",
    "group_checks.py",
    "kafka_python_checks.py",
];

pub(crate) fn run(python: &Path) -> anyhow::Result<()> {
    CHECKS
        .iter()
        .try_for_each(|checks| run_checks(python, checks))
}

/// Runs one script against a broker of its own.
fn run_checks(python: &Path, checks: &str) -> anyhow::Result<()> {
    let sandbox = Sandbox::new();
    let (mut millrace, address) = crate::broker(&sandbox);
    let status = Command::new(python)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(Path::new(CLIENTS).join(checks))
        .arg(&address)
        .status()
        .with_context(|| format!("cannot run {}", python.display()))?;
    ensure!(status.success(), "{checks} failed\n{}", millrace.stderr());
    ensure!(
        millrace.stop().success(),
        "the broker did not stop cleanly\n{}",
        millrace.stderr()
    );
    Ok(())
}
