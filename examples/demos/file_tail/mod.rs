//! Many files whose names are not known beforehand, one of them rotated.

use anyhow::{Result, ensure};

use crate::Demo;
use crate::stage::Stage;

pub(crate) const DEMO: Demo = Demo {
    name: "file-tail",
    about: "FileTail ships the lines of all files that a pattern matches, each line once, over rotation.",
    files: &[
        ("tail.properties", include_str!("tail.properties")),
        ("print.properties", include_str!("print.properties")),
    ],
    folders: &[],
    worker: &[],
    run,
};

fn run(stage: &mut Stage) -> Result<()> {
    stage.append("web.log", "GET /")?;
    stage.append("mail.log", "message 1 sent")?;
    let mut lines = stage.show_output(2)?;
    stage.say("A file is rotated: renamed, and begun anew.");
    println!("$ mv web.log web.log.1");
    std::fs::rename(stage.path("web.log"), stage.path("web.log.1"))?;
    stage.append("web.log", "GET /basket")?;
    lines.extend(stage.show_output(1)?);
    for text in ["GET /", "message 1 sent", "GET /basket"] {
        let is_there = lines
            .iter()
            .filter(|line| line.ends_with(&format!("\t{text}")));
        ensure!(is_there.count() == 1, "{text} in {lines:?}");
    }
    Ok(())
}
