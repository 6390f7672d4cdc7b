//! Loki's push API as nginx plays it: it asks for a tenant, limits the rate, and refuses a push with a line that is too long.
//! That the pushes are what Loki reads is seen from what came.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use millrace_system::sandbox::Sandbox;
use serde_json::{Value, json};

use super::{
    Sink,
    nginx::{self, BODY_MAX, Nginx, Site},
};

/// How many lines are sent, how many of them share a push, and which one is too long.
const LINES: usize = 600;
const BATCH: &str = "20";
const LONG: usize = 345;

/// The longest line, and one that is longer than that, but not too long for a push.
const LINE_MAX: usize = 1024;
const TOO_LONG: usize = BODY_MAX / 2;

/// Levels of the lines; each is a stream of its own.
const LEVELS: [&str; 3] = ["info", "warn", "a \"b\" \\"];

pub(super) fn check() -> anyhow::Result<String> {
    let nginx = Nginx::start(Sandbox::new(), &site())?;
    let url = format!("http://127.0.0.1:{}", nginx.port);
    let keys = [
        ("preset", "loki"),
        ("http.api.url", url.as_str()),
        ("headers", "X-Scope-OrgID:shop"),
        ("loki.labels", "topic=${topic},level=${level}"),
        ("batch.max.size", BATCH),
    ];
    let sink = Sink::start("logs", &keys);
    let lines: String = (0..LINES).map(|n| format!("{n}\t{}\n", value(n))).collect();
    sink.produce("logs", &lines);
    let expected = LINES - 1;
    let taken = super::await_some("all lines", || {
        let taken = taken(&nginx).ok()?;
        (taken.len() >= expected).then_some(taken)
    });
    let streams = compare(&taken)?;
    let (value, why) = sink.dead_letters(1)?.remove(0);
    ensure!(
        value.len() > TOO_LONG && why.contains("400") && why.contains("Max entry size"),
        "another record is dead, or the reason is not the server's: {why}"
    );
    stranger(&sink, &url)?;
    let calls = nginx.calls()?;
    let later = calls.iter().filter(|call| call["status"] == "429").count();
    ensure!(later > 0, "no push came too early");
    sink.stop()?;
    Ok(format!(
        "nginx {} has taken {expected} lines in {streams} streams once and in order, refused {later} pushes that came too \
         early, 1 record dead as it said",
        nginx::version()?
    ))
}

/// A sink that names no tenant, none of whose records is taken.
fn stranger(sink: &Sink, url: &str) -> anyhow::Result<()> {
    sink.add(
        "stranger",
        "strange",
        &[("preset", "loki"), ("http.api.url", url)],
    );
    sink.produce("strange", "a\tno\n");
    let (value, why) = sink.dead_letters_of("stranger", 1)?.remove(0);
    ensure!(
        value == "no" && why.contains("401") && why.contains("no org id"),
        "not refused: {value}: {why}"
    );
    Ok(())
}

fn value(number: usize) -> String {
    let level = LEVELS[number % LEVELS.len()];
    let note = match number {
        LONG => "x".repeat(TOO_LONG),
        _ => "größe\t日本".to_owned(),
    };
    json!({"n": number, "level": level, "note": note}).to_string()
}

/// A line that was taken.
struct Line {
    labels: Value,
    /// Nanoseconds since 1970.
    time: u64,
    text: String,
}

/// The lines of the pushes that were taken, stream by stream.
fn taken(nginx: &Nginx) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for call in nginx.calls()? {
        if call["status"] != "204" {
            continue;
        }
        ensure!(call["tenant"] == "shop", "of another tenant: {call}");
        let body: Value = serde_json::from_str(call["body"].as_str().context("a body")?)?;
        for stream in body["streams"].as_array().context("streams")? {
            for entry in stream["values"].as_array().context("values")? {
                let text = |at: usize| entry[at].as_str().context("text");
                lines.push(Line {
                    labels: stream["stream"].clone(),
                    time: text(0)?.parse()?,
                    text: text(1)?.to_owned(),
                });
            }
        }
    }
    Ok(lines)
}

/// Holds the lines against those that were sent: each once, in its stream, and there in order. Returns how many streams there are.
fn compare(taken: &[Line]) -> anyhow::Result<usize> {
    let streams: BTreeSet<_> = taken.iter().map(|line| line.labels.to_string()).collect();
    for (number, level) in LEVELS.iter().enumerate() {
        let labels = json!({"topic": "logs", "level": level});
        let of_level: Vec<_> = taken.iter().filter(|line| line.labels == labels).collect();
        let texts: Vec<_> = of_level.iter().map(|line| line.text.as_str()).collect();
        let sent = (number..LINES).step_by(LEVELS.len());
        let sent: Vec<_> = sent.filter(|n| *n != LONG).map(value).collect();
        ensure!(
            texts == sent,
            "{} lines of the level {level} for {}",
            texts.len(),
            sent.len()
        );
        ensure!(
            of_level.is_sorted_by_key(|line| line.time)
                && of_level.iter().all(|line| line.time > 1 << 60),
            "other times"
        );
    }
    Ok(streams.len())
}

fn site() -> Site<'static> {
    Site {
        http: format!(
            "limit_req_zone $binary_remote_addr zone=calls:1m rate=10r/s; limit_req_status 429;
  map $http_x_scope_orgid $tenant {{ default known; \"\" none; }}
  map $request_body $fault {{ default \"\"; \"~x{{{LINE_MAX}}}\" long; }}"
        ),
        listen: "",
        server: "location = /loki/api/v1/push {
    if ($tenant = none) { return 401 'no org id'; }
    limit_req zone=calls burst=15 nodelay;
    proxy_set_header X-Fault $fault;
    proxy_pass http://SERVER;
  }
  error_page 429 @later;
  location @later { add_header Retry-After 1 always; return 429 'Ingestion rate limit exceeded'; }"
            .to_owned(),
        answering: "if ($http_x_fault != '') { return 400 'Max entry size exceeded'; }
    return 204;",
        logged: "\"tenant\":\"$http_x_scope_orgid\",",
    }
}
