//! Data from nowhere, for demonstrations and load.

use anyhow::{Result, ensure};

use crate::Demo;
use crate::stage::Stage;

pub(crate) const DEMO: Demo = Demo {
    name: "data-generator",
    about: "DataGenerator makes orders, readings of sensors and lines of a web server.",
    files: &[
        ("orders.properties", include_str!("orders.properties")),
        ("sensors.properties", include_str!("sensors.properties")),
        (
            "access-log.properties",
            include_str!("access-log.properties"),
        ),
        ("print.properties", include_str!("print.properties")),
    ],
    folders: &[],
    worker: &[],
    run,
};

fn run(stage: &mut Stage) -> Result<()> {
    let lines = stage.show_output(12)?;
    for mark in ["\"order\":", "\"temperature\":", "HTTP/1.1"] {
        ensure!(
            lines.iter().filter(|line| line.contains(mark)).count() == 4,
            "{mark}"
        );
    }
    Ok(())
}
