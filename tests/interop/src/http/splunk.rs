//! Splunk's HTTP event collector as nginx plays it: it checks token and path, calls itself busy when it is called too often,
//! refuses what is too large, and of a batch with an empty event says which one that is.

use std::fmt::Write as _;

use anyhow::{Context as _, ensure};
use millrace_system::sandbox::Sandbox;
use serde_json::Value;

use super::{
    Sink,
    nginx::{self, BODY_MAX, Nginx, Site},
};

const TOKEN: &str = "11111111-2222-3333-4444-555555555555";

/// Events of a request.
const BATCH: usize = 10;

/// How many records are sent; two of them cannot be taken.
const RECORDS: usize = 400;

/// The record that is empty, and the one that is too large.
const EMPTY: usize = 123;
const LARGE: usize = 321;

pub(super) fn check() -> anyhow::Result<String> {
    let nginx = Nginx::start(Sandbox::new(), &site()?)?;
    let url = format!("http://127.0.0.1:{}", nginx.port);
    let batch = BATCH.to_string();
    let keys = [
        ("preset", "splunk"),
        ("http.api.url", url.as_str()),
        ("splunk.token", TOKEN),
        ("splunk.host", "${key}"),
        ("batch.max.size", &batch),
        ("retry.backoff.ms", "50"),
    ];
    let sink = Sink::start("events", &keys);
    let lines: String = (0..RECORDS)
        .map(|n| format!("{n}\t{}\n", value(n)))
        .collect();
    sink.produce("events", &lines);
    let expected: Vec<_> = (0..RECORDS)
        .filter(|n| ![EMPTY, LARGE].contains(n))
        .collect();
    super::await_some("all events", || {
        let taken = taken(&nginx).ok()?;
        (taken.len() >= expected.len()).then_some(())
    });
    ensure!(
        taken(&nginx)? == expected,
        "other events: {:?}",
        taken(&nginx)?
    );
    for (value, why) in sink.dead_letters(2)? {
        let parts = match value.len() {
            0 => ["400", "Event field cannot be blank"],
            _ => ["413", "too large"],
        };
        for part in parts {
            ensure!(why.contains(part), "the reason is not the server's: {why}");
        }
    }
    stranger(&sink, &url)?;
    let busy = nginx
        .calls()?
        .iter()
        .filter(|call| call["status"] == "503")
        .count();
    ensure!(busy > 0, "it was never busy");
    sink.stop()?;
    Ok(format!(
        "nginx {} has taken {} events once and in order, was busy {busy} times, 2 records dead as it said",
        nginx::version()?,
        expected.len()
    ))
}

/// A sink with another token, none of whose records is taken.
fn stranger(sink: &Sink, url: &str) -> anyhow::Result<()> {
    let keys = [
        ("preset", "splunk"),
        ("http.api.url", url),
        ("splunk.token", "unknown"),
    ];
    sink.add("stranger", "strange", &keys);
    sink.produce("strange", "a\tno\n");
    let (value, why) = sink.dead_letters_of("stranger", 1)?.remove(0);
    ensure!(
        value == "no" && why.contains("403") && why.contains("Invalid token"),
        "not refused: {value}: {why}"
    );
    Ok(())
}

fn value(number: usize) -> String {
    match number {
        EMPTY => String::new(),
        LARGE => "x".repeat(BODY_MAX),
        _ => format!("{{\"n\":{number}}}"),
    }
}

/// The numbers of the events that were taken: those of a batch that was taken, and those before an event at fault.
fn taken(nginx: &Nginx) -> anyhow::Result<Vec<usize>> {
    let mut numbers = Vec::new();
    for call in nginx.calls()? {
        let events = call["body"].as_str().context("a body")?.lines();
        let events: Vec<Value> = events.map(serde_json::from_str).collect::<Result<_, _>>()?;
        let events = events.iter();
        let good: Vec<_> = match call["status"].as_str() {
            Some("200") => events.collect(),
            Some("400") => events.take_while(|event| event["event"] != "").collect(),
            _ => continue,
        };
        for event in good {
            let number = event["event"]["n"].as_u64().context("a number")?;
            let key = number.to_string();
            ensure!(
                event["source"] == "kafka:events" && event["host"] == key.as_str(),
                "other metadata: {event}"
            );
            numbers.push(usize::try_from(number)?);
        }
    }
    Ok(numbers)
}

fn site() -> anyhow::Result<Site<'static>> {
    let mut faults = String::new();
    for before in 0..BATCH {
        writeln!(
            faults,
            "\"~^(?:[^\\n]*\\n){{{before}}}[^\\n]*\\\"event\\\":\\\"\\\"\" {before};"
        )?;
    }
    Ok(Site {
        http: format!(
            "limit_req_zone $binary_remote_addr zone=calls:1m rate=10r/s; limit_req_status 503;
  map $http_authorization $token {{ default unknown; \"Splunk {TOKEN}\" known; }}
  map $request_body $fault {{ default \"\"; {faults} }}"
        ),
        listen: "",
        server: "default_type application/json;
  location = /services/collector/event {
    if ($token = unknown) { return 403 '{\"text\":\"Invalid token\",\"code\":4}'; }
    limit_req zone=calls burst=15 nodelay;
    proxy_set_header X-Fault $fault;
    proxy_pass http://SERVER;
  }
  location / { return 404 '{\"text\":\"The requested URL was not found on this server.\",\"code\":404}'; }
  error_page 413 @large;
  location @large { return 413 '{\"text\":\"Content-Length is too large\",\"code\":27}'; }
  error_page 503 @busy;
  location @busy { add_header Retry-After 1 always; return 503 '{\"text\":\"Server is busy\",\"code\":9}'; }"
            .to_owned(),
        answering: "default_type application/json;
    if ($http_x_fault != '') {
      return 400 '{\"text\":\"Event field cannot be blank\",\"code\":13,\"invalid-event-number\":$http_x_fault}';
    }
    return 200 '{\"text\":\"Success\",\"code\":0}';",
        logged: "",
    })
}
