//! Orders into folders by shop, as files of two records each.

use anyhow::{Result, ensure};

use crate::Demo;
use crate::stage::Stage;

pub(crate) const DEMO: Demo = Demo {
    name: "file-sink",
    about: "FileSink writes records into files that are complete when they appear, in folders by what a record says.",
    files: &[
        ("source.properties", include_str!("source.properties")),
        ("archive.properties", include_str!("archive.properties")),
    ],
    folders: &[],
    worker: &[],
    run,
};

fn run(stage: &mut Stage) -> Result<()> {
    for (shop, item) in [("north", "tea"), ("south", "cup, blue"), ("north", "milk")] {
        let order = format!(r#"{{"shop":"{shop}","item":"{item}"}}"#);
        stage.append("orders.txt", &order)?;
    }
    stage
        .say("The north has two orders, which make a file; its name says which offsets are in it.");
    let north = "archive/orders/shop=north/orders+0+00000000000000000000+00000000000000000002.csv";
    let lines = stage.show_file(north, 3)?;
    ensure!(
        lines
            == [
                "offset,value.shop,value.item",
                "0,north,tea",
                "2,north,milk"
            ],
        "{lines:?}"
    );
    let south = "archive/orders/shop=south";
    ensure!(!stage.path(south).exists() || stage.path(south).read_dir()?.next().is_none());
    stage.say(
        "The south has one, which waits under a temporary name for another, or for roll.age.ms.",
    );
    stage.append("orders.txt", r#"{"shop":"south","item":"pot"}"#)?;
    let south = format!("{south}/orders+0+00000000000000000001+00000000000000000003.csv");
    let lines = stage.show_file(&south, 3)?;
    ensure!(
        lines[1..] == ["1,south,\"cup, blue\"", "3,south,pot"],
        "{lines:?}"
    );
    Ok(())
}
