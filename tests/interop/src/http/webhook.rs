//! A webhook behind nginx, which asks for TLS, a client's certificate, user and password, and takes only so many calls at a
//! time.

use std::collections::BTreeSet;

use anyhow::ensure;
use millrace_system::sandbox::Sandbox;
use serde_json::{Value, json};

use super::{
    Sink,
    nginx::{self, BODY_MAX, Nginx, Site},
};
use crate::certificates::Authority;

/// How many records are sent; one of them is too large.
const RECORDS: usize = 120;
const LARGE: usize = 77;

pub(super) fn check() -> anyhow::Result<String> {
    let folder = Sandbox::new();
    let authority = Authority::new("authority")?;
    let write = |name: &str, pem: String| folder.write(name, pem).display().to_string();
    let trusted = write("authority.pem", authority.certificate());
    write("localhost.pem", authority.identity("localhost")?);
    let client = write("client.pem", authority.identity("client")?);
    folder.write("users", "hook:{PLAIN}secret\n");
    let nginx = Nginx::start(folder, &site())?;
    let url = format!("https://localhost:{}/hooks/orders", nginx.port);
    let keys = [
        ("preset", "webhook"),
        ("http.api.url", url.as_str()),
        ("https.ssl.truststore.location", &trusted),
        ("https.ssl.keystore.location", &client),
        ("auth.type", "BASIC"),
        ("connection.user", "hook"),
        ("connection.password", "secret"),
    ];
    let sink = Sink::start("orders", &keys);
    let lines: String = (0..RECORDS)
        .map(|n| format!("{n}\t{}\n", value(n)))
        .collect();
    sink.produce("orders", &lines);
    let expected: Vec<_> = (0..RECORDS).filter(|n| *n != LARGE).map(value).collect();
    let taken = super::await_some("all calls", || {
        let taken = taken(&nginx).ok()?;
        (taken.len() >= expected.len()).then_some(taken)
    });
    compare(&taken, &expected)?;
    let (value, why) = sink.dead_letters(1)?.remove(0);
    ensure!(
        value.len() > BODY_MAX && why.contains("413") && why.contains("Too Large"),
        "another record is dead: {value}: {why}"
    );
    let calls = nginx.calls()?;
    let later = calls.iter().filter(|call| call["status"] == "429").count();
    ensure!(later > 0, "no call came too early");
    strangers(&sink, &keys)?;
    sink.stop()?;
    Ok(format!(
        "nginx {} has taken {} calls of its client once and in order, refused {later} that came too early, 1 record dead as it said",
        nginx::version()?,
        expected.len()
    ))
}

/// Sinks that have not all that is asked for, none of whose records is taken.
fn strangers(sink: &Sink, keys: &[(&str, &str)]) -> anyhow::Result<()> {
    for (name, missing, parts) in [
        (
            "nobody",
            "https.ssl.keystore.location",
            ["400", "No required SSL certificate was sent"],
        ),
        (
            "guess",
            "connection.password",
            ["401", "Authorization Required"],
        ),
        (
            "doubt",
            "https.ssl.truststore.location",
            [
                "an authority that is not trusted",
                "https.ssl.truststore.location",
            ],
        ),
    ] {
        let mut own: Vec<_> = keys
            .iter()
            .copied()
            .filter(|(key, _)| *key != missing)
            .collect();
        own.push(("max.retries", "0"));
        if missing == "connection.password" {
            own.push((missing, "wrong"));
        }
        sink.add(name, name, &own);
        sink.produce(name, "a\t{}\n");
        let (_, why) = sink.dead_letters_of(name, 1)?.remove(0);
        for part in parts {
            ensure!(why.contains(part), "{name}: {why}");
        }
    }
    Ok(())
}

fn compare(taken: &[Value], expected: &[String]) -> anyhow::Result<()> {
    let bodies: Vec<_> = taken
        .iter()
        .map(|call| call["body"].as_str().unwrap_or_default())
        .collect();
    ensure!(bodies == expected, "other calls: {bodies:?}");
    let ids: BTreeSet<_> = taken.iter().map(|call| call["id"].to_string()).collect();
    ensure!(ids.len() == taken.len(), "calls share their ids: {ids:?}");
    for call in taken {
        ensure!(
            call["user"] == "hook"
                && call["client"] == "CN=client"
                && call["type"] == "application/json",
            "not the client's: {call}"
        );
    }
    Ok(())
}

fn value(number: usize) -> String {
    let note = match number {
        LARGE => "x".repeat(BODY_MAX),
        _ => "größe".to_owned(),
    };
    json!({"n": number, "note": note}).to_string()
}

/// The calls that were taken.
fn taken(nginx: &Nginx) -> anyhow::Result<Vec<Value>> {
    let mut calls = nginx.calls()?;
    calls.retain(|call| call["status"] == "200");
    Ok(calls)
}

fn site() -> Site<'static> {
    Site {
        http: "limit_req_zone $binary_remote_addr zone=calls:1m rate=10r/s; limit_req_status 429;"
            .to_owned(),
        listen: "ssl",
        server: "ssl_certificate localhost.pem; ssl_certificate_key localhost.pem;
  ssl_client_certificate authority.pem; ssl_verify_client on;
  auth_basic hooks; auth_basic_user_file users;
  location = /hooks/orders {
    limit_req zone=calls burst=30 nodelay;
    proxy_pass http://SERVER;
  }
  error_page 429 @later;
  location @later { add_header Retry-After 1 always; return 429 'slow down'; }"
            .to_owned(),
        answering: "return 200;",
        logged: "\"user\":\"$remote_user\",\"client\":\"$ssl_client_s_dn\",\"id\":\"$http_idempotency_key\",\"type\":\"$content_type\",",
    }
}
