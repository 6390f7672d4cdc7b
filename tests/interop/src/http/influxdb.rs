//! InfluxDB: points with tags and fields, and a point whose field has another type.

use std::process::Command;

use anyhow::{Context as _, ensure};
use millrace_system::{rest::Rest, sandbox::Sandbox};
use serde_json::{Value, json};

use super::{Sink, await_some, process::Server};
use crate::kafka::free_ports;

const RECORDS: &str = "a\t{\"site\":\"north pole\",\"temperature\":-30.5,\"note\":\"say \\\"brr\\\"\"}\n\
    b\t{\"site\":\"south,pole\",\"temperature\":-50,\"inside\":{\"lamp\":true}}\n\
    c\t{\"site\":\"equator\",\"temperature\":\"hot\"}\n\
    d\t{\"site\":\"equator\",\"temperature\":31}\n";

pub(super) fn check() -> anyhow::Result<String> {
    let folder = Sandbox::new();
    let [port, other] = free_ports();
    let data = folder.path().display();
    let config = folder.write(
        "influxdb.conf",
        format!(
            "reporting-disabled = true\nbind-address = \"127.0.0.1:{other}\"\n\
             [meta]\ndir = \"{data}/meta\"\n[data]\ndir = \"{data}/data\"\nwal-dir = \"{data}/wal\"\n\
             [http]\nbind-address = \"127.0.0.1:{port}\"\n"
        ),
    );
    let mut influxd = Command::new("influxd");
    influxd.arg("-config").arg(config);
    let _server = Server::start(influxd, &folder.join("out"), port)?;
    let rest = Rest::new(&format!("127.0.0.1:{port}"));
    let created = rest.post("/query?q=CREATE%20DATABASE%20plant", &json!({}));
    ensure!(
        created.status == 200,
        "no database: {} {}",
        created.status,
        created.body
    );
    let url = format!("http://127.0.0.1:{port}");
    let keys = [
        ("preset", "influxdb"),
        ("http.api.url", url.as_str()),
        ("influxdb.database", "plant"),
        ("influxdb.tags", "site"),
    ];
    let sink = Sink::start("sensors", &keys);
    sink.produce("sensors", RECORDS);
    let (value, why) = sink.dead_letters(1)?.remove(0);
    ensure!(value.contains("hot"), "another record is dead: {value}");
    ensure!(
        why.contains("400") && why.contains("field type conflict"),
        "the reason is not the server's: {why}"
    );
    let points = await_some("three points", || {
        let query = "/query?db=plant&epoch=ms&q=SELECT%20%2A%20FROM%20sensors%20ORDER%20BY%20time";
        let answer = rest.get(query).body;
        let rows = answer["results"][0]["series"][0]["values"]
            .as_array()?
            .clone();
        (rows.len() == 3).then(|| (answer["results"][0]["series"][0]["columns"].clone(), rows))
    });
    ensure!(
        points.0 == json!(["time", "inside.lamp", "note", "site", "temperature"]),
        "other columns: {}",
        points.0
    );
    let without_time: Vec<&[Value]> = points
        .1
        .iter()
        .filter_map(|row| row.as_array()?.get(1..))
        .collect();
    for row in [
        json!([null, "say \"brr\"", "north pole", -30.5]),
        json!([true, null, "south,pole", -50]),
        json!([null, null, "equator", 31]),
    ] {
        let row = row.as_array().context("a row")?;
        ensure!(
            without_time.contains(&row.as_slice()),
            "{row:?} is not in {without_time:?}"
        );
    }
    sink.stop()?;
    Ok("3 points with tags and fields, 1 record dead as it said".to_owned())
}
