//! Lines of a file to a topic, and a topic to lines of a file.

use anyhow::{Result, ensure};

use crate::Demo;
use crate::stage::Stage;

pub(crate) const DEMO: Demo = Demo {
    name: "file-stream",
    about: "FileStreamSource ships the lines of shop.log to a topic, FileStreamSink writes the topic to copy.log.",
    files: &[
        ("source.properties", include_str!("source.properties")),
        ("sink.properties", include_str!("sink.properties")),
    ],
    folders: &[],
    worker: &[],
    run,
};

fn run(stage: &mut Stage) -> Result<()> {
    stage.say("Lines that come while it runs are shipped at once.");
    stage.append("shop.log", "order 4711 paid")?;
    stage.append("shop.log", "order 4712 paid")?;
    let lines = stage.show_file("copy.log", 2)?;
    ensure!(lines == ["order 4711 paid", "order 4712 paid"]);
    stage.say("A connector that stands still ships nothing, and goes on where it was.");
    stage.ask("PUT", "/connectors/shop-log/pause", "")?;
    stage.await_task("shop-log", "PAUSED")?;
    stage.append("shop.log", "order 4713 paid")?;
    stage.ask("PUT", "/connectors/shop-log/resume", "")?;
    let lines = stage.show_file("copy.log", 3)?;
    ensure!(lines[2] == "order 4713 paid");
    stage.ask("GET", "/connectors/shop-log/offsets", "")?;
    Ok(())
}
