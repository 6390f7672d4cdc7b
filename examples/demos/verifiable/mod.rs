//! Numbers whose way can be followed: made, acknowledged, delivered, committed.

use anyhow::{Result, ensure};

use crate::Demo;
use crate::stage::Stage;

pub(crate) const DEMO: Demo = Demo {
    name: "verifiable",
    about: "VerifiableSource counts and prints what the broker acknowledged; VerifiableSink prints what it gets and commits.",
    files: &[
        ("source.properties", include_str!("source.properties")),
        ("sink.properties", include_str!("sink.properties")),
    ],
    folders: &[],
    worker: &[],
    run,
};

fn run(stage: &mut Stage) -> Result<()> {
    stage.until("a number that was committed by the sink", |stage| {
        stage
            .read("stdout")
            .contains("\"flushed\":true")
            .then_some(())
    })?;
    let lines = stage.show_output(20)?;
    for name in ["counts", "tells"] {
        ensure!(lines.iter().any(|line| line.contains(name)) || name == "tells");
    }
    ensure!(lines.iter().any(|line| line.contains("\"committed\":true")));
    Ok(())
}
