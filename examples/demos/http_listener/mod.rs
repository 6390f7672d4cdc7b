//! A web hook: whoever calls hears whether the records are stored.

use anyhow::{Result, ensure};

use crate::Demo;
use crate::stage::Stage;

pub(crate) const DEMO: Demo = Demo {
    name: "http-listener",
    about: "HttpListener takes requests, writes what they bring into a topic, and answers once it is stored.",
    files: &[
        ("hooks.properties", include_str!("hooks.properties")),
        ("print.properties", include_str!("print.properties")),
    ],
    folders: &[],
    worker: &[],
    run,
};

fn run(stage: &mut Stage) -> Result<()> {
    let address = stage.until("the listener's address", |stage| {
        let said = stage.read("stderr");
        let (_, address) = said.split_once("listens on http://")?;
        let (address, _) = address.split_once('\n')?;
        Some(address.trim().to_owned())
    })?;
    stage.say("The elements of an array are a record each.");
    let orders = r#"[{"order": "4711", "paid": true}, {"order": "4712", "paid": false}]"#;
    let (status, text) = stage.call(&address, "POST", "/shop", orders)?;
    ensure!(status == 200, "{status}: {text}");
    println!("{text}");
    let lines = stage.show_output(2)?;
    ensure!(
        lines[0].starts_with("Offset:0\t4711\t") && lines[1].starts_with("Offset:1\t4712\t"),
        "{lines:?}"
    );
    stage.say("What is no JSON is refused, and nothing of it is stored.");
    let (status, text) = stage.call(&address, "POST", "/shop", r#"{"order": "#)?;
    println!("{status}: {text}");
    ensure!(status == 400, "{status}: {text}");
    let (status, _) = stage.call(&address, "POST", "/shop", r#"{"order": "4713"}"#)?;
    ensure!(status == 200, "{status}");
    let lines = stage.show_output(1)?;
    ensure!(lines[0].starts_with("Offset:2\t4713\t"), "{lines:?}");
    Ok(())
}
