//! Records whose schema changes from one to the next.

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::Demo;
use crate::stage::Stage;

pub(crate) const DEMO: Demo = Demo {
    name: "schema",
    about: "SchemaSource gives structs, every second one of a second version of the schema, here as JSON with schemas.",
    files: &[
        ("source.properties", include_str!("source.properties")),
        ("copy.properties", include_str!("copy.properties")),
    ],
    folders: &[],
    worker: &[],
    run,
};

fn run(stage: &mut Stage) -> Result<()> {
    let lines = stage.show_file("records.jsonl", 2)?;
    for (line, version) in lines.iter().zip([1, 2]) {
        let record: Value = serde_json::from_str(line)?;
        ensure!(record["schema"]["version"] == version, "{line}");
        ensure!(
            record["payload"]["string"].is_null() == (version == 1),
            "{line}"
        );
    }
    Ok(())
}
