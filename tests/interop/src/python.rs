//! confluent-kafka: the checks are written in its own language, in `clients/confluent_kafka_checks.py`.

use std::{path::Path, process::Command};

use anyhow::{Context as _, ensure};
use millrace_system::sandbox::Sandbox;

const CHECKS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/clients/confluent_kafka_checks.py"
);

pub(crate) fn run(python: &Path) -> anyhow::Result<()> {
    let sandbox = Sandbox::new();
    let (mut millrace, address) = crate::broker(&sandbox);
    let status = Command::new(python)
        .args([CHECKS, &address])
        .status()
        .with_context(|| format!("cannot run {}", python.display()))?;
    ensure!(
        status.success(),
        "confluent-kafka: checks failed\n{}",
        millrace.stderr()
    );
    ensure!(
        millrace.stop().success(),
        "the broker did not stop cleanly\n{}",
        millrace.stderr()
    );
    Ok(())
}
