//! A source and a sink that fail, by their configuration and on command, and recover.

use anyhow::{Result, ensure};

use crate::Demo;
use crate::stage::Stage;

pub(crate) const DEMO: Demo = Demo {
    name: "faults",
    about: "FaultSource and FaultSink fail on command: panic, hang, give errors; the rest of the worker goes on.",
    files: &[
        ("source.properties", include_str!("source.properties")),
        ("sink.properties", include_str!("sink.properties")),
    ],
    folders: &[],
    worker: &[
        ("unsafe.connectors", "faults"),
        ("connector.call.timeout.ms", "1000"),
    ],
    run,
};

fn run(stage: &mut Stage) -> Result<()> {
    stage.say("The source's configuration asks for a panic in the third poll.");
    let status = stage.await_task("unlucky-source", "FAILED")?;
    let trace = status["tasks"][0]["trace"].as_str().unwrap_or_default();
    ensure!(trace.contains("panicked in poll"), "{trace}");
    stage.ask("POST", "/connectors/unlucky-source/tasks/0/restart", "")?;
    stage.await_task("unlucky-source", "RUNNING")?;
    let before = stage.show_file("numbers.txt", 20)?.len();
    stage.say("The sink is told to hold its thread in put; a call may take a second here.");
    let faults = r#"{"faults": [{"call": "put", "fault": "block"}]}"#;
    stage.ask("PUT", "/connectors/unlucky-sink/faults", faults)?;
    let status = stage.await_task("unlucky-sink", "FAILED")?;
    let trace = status["tasks"][0]["trace"].as_str().unwrap_or_default();
    ensure!(trace.contains("did not return from put"), "{trace}");
    stage.ask("GET", "/connectors/unlucky-sink/faults", "")?;
    stage.say("A restart recovers, and nothing is lost.");
    stage.ask("DELETE", "/connectors/unlucky-sink/faults", "")?;
    stage.ask("POST", "/connectors/unlucky-sink/tasks/0/restart", "")?;
    let numbers = stage.show_file("numbers.txt", before + 50)?;
    for number in 0..50 {
        ensure!(numbers.contains(&number.to_string()), "{number} is lost");
    }
    Ok(())
}
