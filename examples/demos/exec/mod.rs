//! A command that fails, is started again, and fails for good.

use anyhow::{Context, Result, ensure};

use crate::Demo;
use crate::stage::Stage;

pub(crate) const DEMO: Demo = Demo {
    name: "exec",
    about: "Exec writes the lines that a command prints into a topic, where the worker file has unsafe.connectors=exec.",
    files: &[
        ("exec.properties", include_str!("exec.properties")),
        ("print.properties", include_str!("print.properties")),
    ],
    folders: &[],
    worker: &[("unsafe.connectors", "exec")],
    run,
};

fn run(stage: &mut Stage) -> Result<()> {
    stage.say("It fails, and is started again once.");
    let lines = stage.show_output(6)?;
    ensure!(
        lines[2] == "Offset:2\tbeat 3" && lines[3] == "Offset:3\tbeat 1",
        "{lines:?}"
    );
    stage.say("When it fails for the second time the task does, and says how.");
    let status = stage.await_task("beat", "FAILED")?;
    let trace = status["tasks"][0]["trace"].as_str().context("a trace")?;
    ensure!(
        trace.contains("exit status: 3") && trace.contains("out of breath"),
        "{trace}"
    );
    Ok(())
}
