//! Files that are put into a folder whole: read, then moved; and one that cannot be read, set aside.

use anyhow::{Result, ensure};

use crate::Demo;
use crate::stage::Stage;

pub(crate) const DEMO: Demo = Demo {
    name: "spool-dir",
    about: "SpoolDir reads whole files of a folder, one after the other, and moves those that are in the topic.",
    files: &[
        ("orders.properties", include_str!("orders.properties")),
        ("print.properties", include_str!("print.properties")),
    ],
    folders: &["inbox"],
    worker: &[],
    run,
};

fn run(stage: &mut Stage) -> Result<()> {
    stage.write(
        "inbox/monday.csv",
        "order,item\n4711,tea\n4712,\"cup, blue\"\n",
    )?;
    let lines = stage.show_output(2)?;
    ensure!(
        lines
            == [
                "monday.csv\t{\"order\":\"4711\",\"item\":\"tea\"}",
                "monday.csv\t{\"order\":\"4712\",\"item\":\"cup, blue\"}"
            ],
        "{lines:?}"
    );
    stage.say("A row without an item cannot be read: the rows before it count, and the file is set aside.");
    stage.write("inbox/tuesday.csv", "order,item\n4713,milk\n4714\n")?;
    let lines = stage.show_output(1)?;
    ensure!(lines[0].contains("4713"), "{lines:?}");
    for file in ["inbox/done/monday.csv", "inbox/failed/tuesday.csv"] {
        stage.until(&format!("{file} to be there"), |stage| {
            stage.path(file).exists().then_some(())
        })?;
        println!("$ ls {file}\n{file}");
    }
    Ok(())
}
