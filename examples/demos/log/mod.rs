//! Lines of a file as events of the worker's logging, at the level that a header says.

use anyhow::{Result, ensure};

use crate::Demo;
use crate::stage::Stage;

pub(crate) const DEMO: Demo = Demo {
    name: "log",
    about: "Log makes each record an event of the worker's logging, so that any log4rs appender is a sink.",
    files: &[
        ("source.properties", include_str!("source.properties")),
        ("log.properties", include_str!("log.properties")),
    ],
    folders: &[],
    worker: &[],
    run,
};

fn run(stage: &mut Stage) -> Result<()> {
    stage.append("events.txt", "the cellar is flooded")?;
    let line = stage.until("the event in the worker's log", |stage| {
        let said = stage.read("stderr");
        let event = said
            .lines()
            .find(|line| line.contains("the cellar is flooded"));
        event.map(str::to_owned)
    })?;
    stage.show(
        "The worker's log says, on standard error unless log4rs is told otherwise",
        std::slice::from_ref(&line),
    );
    ensure!(
        line.contains("WARN") && line.contains("records::events"),
        "{line}"
    );
    Ok(())
}
