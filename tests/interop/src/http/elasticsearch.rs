//! Elasticsearch and OpenSearch: documents under their keys, deletions, versions, documents that do not fit the index, and
//! many at once.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, ensure};
use millrace_system::{rest::Rest, sandbox::Sandbox};
use serde_json::{Value, json};

use super::{Sink, await_some, process::Server};
use crate::{install, kafka::free_ports};

/// The third record replaces the first, the fifth is no number where the index has learnt numbers, the last deletes.
const RECORDS: &str = "a\t{\"n\":1}\n\
    b\t{\"n\":2}\n\
    a\t{\"n\":3}\n\
    c\tplain text\n\
    d\t{\"n\":\"no number\"}\n\
    b\tNULL\n";

/// How many documents are sent at once, every how many of them does not fit, and how many share a request.
const MANY: usize = 5000;
const WRONG_EVERY: usize = 1000;
const BATCH: &str = "300";

pub(super) fn elasticsearch() -> anyhow::Result<String> {
    check("elasticsearch")
}

pub(super) fn opensearch() -> anyhow::Result<String> {
    check("opensearch")
}

/// `product` names the preset as well as the program.
fn check(product: &str) -> anyhow::Result<String> {
    let jars = install::jars(product, product, None)?;
    let folder = Sandbox::new();
    fs::create_dir(folder.join("config"))?;
    let [port] = free_ports();
    let mut java = Command::new("java");
    java.args(["-Xmx512m", "-cp"])
        .arg(format!("{}/*", jars.display()))
        .arg(
            Path::new(install::SOURCES)
                .join(product)
                .join("Server.java"),
        )
        .arg(folder.path())
        .arg(port.to_string());
    let _server = Server::start(java, &folder.join("out"), port)?;
    let rest = Rest::new(&format!("127.0.0.1:{port}"));
    let version = rest.get("/").body["version"]["number"].clone();
    let version = version.as_str().context("a version")?;
    let url = format!("http://127.0.0.1:{port}");
    let keys = [
        ("preset", product),
        ("http.api.url", url.as_str()),
        ("behavior.on.null.values", "delete"),
    ];
    let sink = Sink::start("orders", &keys);
    some(&rest, &sink)?;
    many(&rest, &sink, &keys)?;
    sink.stop()?;
    Ok(format!(
        "{version} has 2 of 3 documents, 1 is deleted, 1 record dead as it said; {} of {MANY} documents, {} dead",
        MANY - wrong().count(),
        wrong().count()
    ))
}

/// What may become of a document.
fn some(rest: &Rest, sink: &Sink) -> anyhow::Result<()> {
    sink.produce("orders", RECORDS);
    let (value, why) = sink.dead_letters(1)?.remove(0);
    ensure!(
        value.contains("no number"),
        "another record is dead: {value}"
    );
    refused_by_the_mapping(&why)?;
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
    Ok(())
}

/// Documents in batches, of some of which one is refused by itself.
fn many(rest: &Rest, sink: &Sink, keys: &[(&str, &str)]) -> anyhow::Result<()> {
    let mapping = json!({"mappings": {"properties": {"n": {"type": "long"}}}});
    let created = rest.put("/many", &mapping);
    ensure!(created.status == 200, "no index: {}", created.body);
    let mut keys = keys.to_vec();
    keys.push(("batch.max.size", BATCH));
    sink.add("bulk", "many", &keys);
    let lines = (0..MANY).map(|n| match wrong().any(|wrong| wrong == n) {
        true => format!("{n}\t{{\"n\":\"wrong {n}\"}}\n"),
        false => format!("{n}\t{{\"n\":{n}}}\n"),
    });
    sink.produce("many", &lines.collect::<String>());
    let dead = sink.dead_letters_of("bulk", wrong().count())?;
    for ((value, why), number) in dead.iter().zip(wrong()) {
        ensure!(
            *value == format!("{{\"n\":\"wrong {number}\"}}"),
            "another record is dead: {value}"
        );
        refused_by_the_mapping(why)?;
    }
    let good = MANY - wrong().count();
    await_some("all documents", || {
        rest.post("/many/_refresh", &Value::Null);
        (rest.get("/many/_count").body["count"] == json!(good)).then_some(())
    });
    let sum = json!({"size": 0, "aggs": {"sum": {"sum": {"field": "n"}}}});
    let sum = rest.post("/many/_search", &sum).body["aggregations"]["sum"]["value"].clone();
    let expected = (0..MANY).sum::<usize>() - wrong().sum::<usize>();
    ensure!(
        sum.as_f64() == Some(expected as f64),
        "other documents: {sum}, not {expected}"
    );
    Ok(())
}

/// The documents that do not fit.
fn wrong() -> impl Iterator<Item = usize> {
    (WRONG_EVERY / 2..MANY).step_by(WRONG_EVERY)
}

fn refused_by_the_mapping(why: &str) -> anyhow::Result<()> {
    ensure!(
        why.contains("400") && why.contains("mapper_parsing_exception"),
        "the reason is not the server's: {why}"
    );
    Ok(())
}
