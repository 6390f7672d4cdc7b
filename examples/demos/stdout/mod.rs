//! The same records as columns, as JSON and in Flume's form.

use anyhow::{Result, ensure};

use crate::Demo;
use crate::stage::Stage;

pub(crate) const DEMO: Demo = Demo {
    name: "stdout",
    about: "Stdout prints a topic as Kafka's console consumer does, as JSON lines, or as Flume logs events.",
    files: &[
        ("source.properties", include_str!("source.properties")),
        ("text.properties", include_str!("text.properties")),
    ],
    folders: &[],
    worker: &[],
    run,
};

fn run(stage: &mut Stage) -> Result<()> {
    stage.append("greetings.txt", "Hello world!")?;
    let lines = stage.show_output(1)?;
    ensure!(
        lines[0] == "Partition:0 | Offset:0 | Hello world!",
        "{lines:?}"
    );
    for format in ["json", "flume"] {
        stage.say(&format!("Another sink prints the same topic as {format}."));
        let config = format!(
            r#"{{"name": "{format}", "config": {{"connector.class": "Stdout", "topics": "greetings", "format": "{format}", "print.offset": "true"}}}}"#
        );
        stage.ask("POST", "/connectors", &config)?;
        let lines = stage.show_output(1)?;
        let expected = match format {
            "json" => r#"{"offset":0,"value":"Hello world!"}"#,
            _ => "body: 48 65 6C 6C 6F 20 77 6F 72 6C 64 21",
        };
        ensure!(lines[0].contains(expected), "{lines:?}");
    }
    Ok(())
}
