//! Elasticsearch: documents under their keys, deletions, versions, and a document that does not fit the index.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, ensure};
use millrace_system::{rest::Rest, sandbox::Sandbox};
use serde_json::json;

use super::{
    Sink, await_some,
    process::{Server, free_ports},
};
use crate::install;

/// The third record replaces the first, the fifth is no number where the index has learnt numbers, the last deletes.
const RECORDS: &str = "a\t{\"n\":1}\n\
    b\t{\"n\":2}\n\
    a\t{\"n\":3}\n\
    c\tplain text\n\
    d\t{\"n\":\"no number\"}\n\
    b\tNULL\n";

pub(super) fn check() -> anyhow::Result<String> {
    let jars = install::jars("elasticsearch", "elasticsearch", None)?;
    let folder = Sandbox::new();
    fs::create_dir(folder.join("config"))?;
    let [port] = free_ports()?;
    let mut java = Command::new("java");
    java.args(["-Xmx512m", "-cp"])
        .arg(format!("{}/*", jars.display()))
        .arg(Path::new(install::SOURCES).join("elasticsearch/Server.java"))
        .arg(folder.path())
        .arg(port.to_string());
    let _server = Server::start(java, &folder.join("out"), port)?;
    let rest = Rest::new(&format!("127.0.0.1:{port}"));
    let version = rest.get("/").body["version"]["number"].clone();
    let url = format!("http://127.0.0.1:{port}");
    let keys = [
        ("preset", "elasticsearch"),
        ("http.api.url", url.as_str()),
        ("behavior.on.null.values", "delete"),
    ];
    let sink = Sink::start("orders", &keys);
    sink.produce("orders", RECORDS);
    let (value, why) = sink.dead_letter()?;
    ensure!(
        value.contains("no number"),
        "another record is dead: {value}"
    );
    ensure!(
        why.contains("400") && why.contains("mapper_parsing_exception"),
        "the reason is not the server's: {why}"
    );
    let document = |id: &str| rest.get(&format!("/orders/_doc/{id}")).body;
    await_some("the deletion", || {
        (document("b")["found"] == json!(false)).then_some(())
    });
    let (replaced, plain) = (document("a"), document("c"));
    ensure!(
        replaced["_source"] == json!({"n": 3}) && replaced["_version"] == json!(2),
        "not replaced: {replaced}"
    );
    ensure!(
        plain["_source"] == json!({"message": "plain text"}),
        "not wrapped: {plain}"
    );
    ensure!(
        document("d")["found"] == json!(false),
        "a refused document is there"
    );
    sink.stop()?;
    let version = version.as_str().context("a version")?;
    Ok(format!(
        "{version} has 2 of 3 documents, 1 is deleted, 1 record dead as it said"
    ))
}
