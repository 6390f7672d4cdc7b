//! A batch is refused because of one record: the record goes to the dead letter queue, the others arrive.

use anyhow::{Result, ensure};

use crate::Demo;
use crate::stage::Stage;

pub(crate) const DEMO: Demo = Demo {
    name: "picky",
    about: "PickySink refuses a batch as a whole because of one record; that one goes to the dead letter queue.",
    files: &[
        ("source.properties", include_str!("source.properties")),
        ("sink.properties", include_str!("sink.properties")),
        ("dead.properties", include_str!("dead.properties")),
    ],
    folders: &[],
    worker: &[],
    run,
};

fn run(stage: &mut Stage) -> Result<()> {
    for line in ["kettle", "poison", "lamp"] {
        stage.append("items.txt", line)?;
    }
    let written = stage.show_file("written.txt", 2)?;
    ensure!(
        written.iter().all(|line| !line.contains("poison")),
        "{written:?}"
    );
    let dead = stage.show_output(1)?;
    ensure!(dead[0].contains("poison"), "{dead:?}");
    Ok(())
}
