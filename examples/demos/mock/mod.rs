//! What a failure looks like.

use anyhow::{Result, ensure};

use crate::Demo;
use crate::stage::Stage;

pub(crate) const DEMO: Demo = Demo {
    name: "mock",
    about: "MockSource and MockSink carry nothing, and fail after a while, to see what a failure looks like.",
    files: &[
        ("source.properties", include_str!("source.properties")),
        ("sink.properties", include_str!("sink.properties")),
    ],
    folders: &[],
    worker: &[],
    run,
};

fn run(stage: &mut Stage) -> Result<()> {
    for connector in ["mock-source", "mock-sink"] {
        let status = stage.await_task(connector, "FAILED")?;
        ensure!(status["connector"]["state"] == "RUNNING");
    }
    stage.say("A restart gives it another half second.");
    stage.ask("POST", "/connectors/mock-sink/tasks/0/restart", "")?;
    stage.await_task("mock-sink", "RUNNING")?;
    stage.await_task("mock-sink", "FAILED")?;
    Ok(())
}
