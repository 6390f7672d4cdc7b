//! The poller against servers of all kinds: each pagination, restarts in the middle, servers that fail.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod server;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use millrace_api::Properties;
use millrace_http::HttpSource;
use millrace_testkit::{MemoryOffsets, SourceRun};
use serde_json::{Value, json};
use server::{Reply, Request, Server};

const PATIENCE: Duration = Duration::from_secs(60);

fn properties(server: &Server, pairs: &[(&str, &str)]) -> Properties {
    let url = format!("{}/items", server.url());
    let base = [
        ("url", url.as_str()),
        ("topic", "t"),
        ("request.interval.ms", "5"),
        ("retry.backoff.ms", "1"),
    ];
    millrace_testkit::properties(base.iter().chain(pairs))
}

async fn start(properties: &Properties, offsets: &MemoryOffsets) -> SourceRun<HttpSource> {
    SourceRun::start(HttpSource::default(), properties, offsets)
        .await
        .unwrap_or_else(|error| panic!("cannot start: {}", error.trace()))
}

/// Polls until `count` records have come; what may be tried again is.
async fn records(run: &mut SourceRun<HttpSource>, count: usize) -> Vec<String> {
    let mut values = Vec::new();
    let polling = async {
        while values.len() < count {
            match run.poll().await {
                Ok(Some(batch)) => {
                    for (start, part) in batch.runs_with_start() {
                        values.extend((start..part.end).map(|row| {
                            match batch.value(part, start, row) {
                                millrace_api::Cell::Text(text) => {
                                    String::from_utf8(text.to_vec()).unwrap()
                                }
                                other => panic!("{other:?}"),
                            }
                        }));
                    }
                }
                Ok(None) => {}
                Err(error) if error.is_retriable() => {}
                Err(error) => panic!("{}", error.trace()),
            }
        }
    };
    tokio::time::timeout(PATIENCE, polling).await.unwrap();
    values
}

/// Polls until `requests` have been sent, and expects nothing new.
async fn nothing(run: &mut SourceRun<HttpSource>, server: &Server, requests: usize) {
    let enough = async {
        while server.requests().len() < requests {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::select! {
        polled = run.poll() => panic!("{polled:?}"),
        enough = tokio::time::timeout(PATIENCE, enough) => enough.unwrap(),
    }
}

fn parameter(request: &Request, name: &str) -> Option<String> {
    let (_, query) = request.path.split_once('?')?;
    let mut fields = query.split('&').filter_map(|field| field.split_once('='));
    let (_, value) = fields.find(|(known, _)| *known == name)?;
    Some(value.to_owned())
}

fn number(request: &Request, name: &str, default: usize) -> usize {
    parameter(request, name).map_or(default, |text| text.parse().unwrap())
}

/// Nine items, three a page, as the page with this number from 0.
fn page(number: usize) -> Vec<Value> {
    (0..9)
        .skip(number * 3)
        .take(3)
        .map(|id| json!({"id": id, "at": format!("2024-01-0{}", 1 + id / 2)}))
        .collect()
}

fn ids(values: &[String]) -> Vec<u64> {
    let id = |value: &String| serde_json::from_str::<Value>(value).unwrap()["id"].as_u64();
    values.iter().map(|value| id(value).unwrap()).collect()
}

/// Serves the nine items by one pagination; what it is, and the keys to read it with.
type Kind = (
    &'static str,
    &'static [(&'static str, &'static str)],
    fn(&Request) -> Reply,
);

const KINDS: [Kind; 5] = [
    ("link-header", &[], |request| {
        let now = number(request, "p", 0);
        let reply = Reply::status(200, &json!(page(now)).to_string());
        match now {
            0 | 1 => reply.with("Link", &format!("</items?p={}>; rel=\"next\"", now + 1)),
            _ => reply.with("Link", "</items>; rel=\"first\""),
        }
    }),
    (
        "next-link",
        &[
            ("http.next.page.json.pointer", "/links/next"),
            ("http.response.data.json.pointer", "/data"),
        ],
        |request| {
            let now = number(request, "p", 0);
            let next = (now < 2).then(|| format!("?p={}", now + 1));
            let body = json!({"data": page(now), "links": {"next": next}});
            Reply::status(200, &body.to_string())
        },
    ),
    (
        "cursor",
        &[
            ("http.next.page.json.pointer", "/next"),
            ("http.response.data.json.pointer", "/data"),
            ("http.request.parameters", "limit=3&after=${cursor}"),
        ],
        |request| {
            let now = parameter(request, "after");
            let now = now.map_or(0, |cursor| {
                cursor.strip_prefix("c").unwrap().parse().unwrap()
            });
            let next = if now < 2 {
                format!("c{}", now + 1)
            } else {
                String::new()
            };
            let body = json!({"data": page(now), "next": next});
            Reply::status(200, &body.to_string())
        },
    ),
    ("page", &[("pagination.parameter", "page")], |request| {
        let now = number(request, "page", 1);
        Reply::status(200, &json!(page(now - 1)).to_string())
    }),
    (
        "offset",
        &[("pagination.parameter", "start"), ("pagination.size", "3")],
        |request| {
            let now = number(request, "start", 0);
            Reply::status(200, &json!(page(now / 3)).to_string())
        },
    ),
];

#[tokio::test]
async fn each_pagination_brings_all_pages_in_order() {
    for (name, keys, script) in KINDS {
        let server = Server::start();
        server.script(move |request, _| script(request));
        let dedup = [
            ("pagination", name),
            ("http.offset.json.pointer", "/at"),
            ("http.key.json.pointer", "/id"),
        ];
        let properties = properties(&server, &[&dedup, keys].concat());
        let mut run = start(&properties, &MemoryOffsets::default()).await;
        let values = records(&mut run, 9).await;
        assert_eq!(ids(&values), (0..9).collect::<Vec<_>>(), "{name}");
        // The next looks bring the same pages, and nothing new.
        nothing(&mut run, &server, 9).await;
        run.stop().await;
    }
}

#[tokio::test]
async fn from_every_record_a_restart_reads_the_rest() {
    for (name, keys, script) in KINDS {
        for done in 1..9 {
            let server = Server::start();
            server.script(move |request, _| script(request));
            let dedup = [
                ("pagination", name),
                ("http.offset.json.pointer", "/at"),
                ("http.key.json.pointer", "/id"),
                ("batch.size", "2"),
            ];
            let properties = properties(&server, &[&dedup, keys].concat());
            let offsets = MemoryOffsets::default();
            let mut run = start(&properties, &offsets).await;
            records(&mut run, 9).await;
            run.acknowledge(done).await;
            run.stop().await;
            let mut run = start(&properties, &offsets).await;
            let values = records(&mut run, 9 - done).await;
            let expected: Vec<u64> = (done as u64..9).collect();
            assert_eq!(
                ids(&values),
                expected,
                "{name}, {done} done: {:?}",
                offsets.all()
            );
            run.stop().await;
        }
    }
}

#[tokio::test]
async fn chaining_asks_with_the_last_offset() {
    let server = Server::start();
    server.script(|request, _| {
        let since = number(request, "since", 0) as u64;
        let items: Vec<_> = (since..7).take(3).map(|id| json!({"id": id})).collect();
        Reply::status(200, &json!(items).to_string())
    });
    let keys = [
        ("pagination", "chaining"),
        ("http.offset.json.pointer", "/id"),
        ("http.request.parameters", "since=${offset}"),
        ("http.initial.offset", "0"),
    ];
    let properties = properties(&server, &keys);
    let offsets = MemoryOffsets::default();
    let mut run = start(&properties, &offsets).await;
    assert_eq!(ids(&records(&mut run, 7).await), (0..7).collect::<Vec<_>>());
    run.acknowledge(5).await;
    run.stop().await;
    let mut run = start(&properties, &offsets).await;
    assert_eq!(ids(&records(&mut run, 2).await), [5, 6]);
    run.stop().await;
}

#[tokio::test]
async fn records_at_the_highest_time_come_once() {
    let server = Server::start();
    let items = Arc::new(Mutex::new(vec![(1, "a"), (2, "b"), (2, "c")]));
    let served = Arc::clone(&items);
    server.script(move |request, _| {
        let since = number(request, "since", 0);
        let items = served.lock().unwrap();
        let found = items.iter().filter(|(at, _)| *at >= since);
        let found: Vec<_> = found.map(|(at, id)| json!({"at": at, "id": id})).collect();
        Reply::status(200, &json!(found).to_string())
    });
    let keys = [
        ("http.offset.json.pointer", "/at"),
        ("http.key.json.pointer", "/id"),
        ("http.request.parameters", "since=${offset}"),
        ("http.initial.offset", "0"),
    ];
    let properties = properties(&server, &keys);
    let offsets = MemoryOffsets::default();
    let mut run = start(&properties, &offsets).await;
    records(&mut run, 3).await;
    run.acknowledge(3).await;
    nothing(&mut run, &server, 4).await;
    run.stop().await;
    items.lock().unwrap().extend([(2, "d"), (3, "e")]);
    let mut run = start(&properties, &offsets).await;
    let values = records(&mut run, 2).await;
    assert_eq!(values, [r#"{"at":2,"id":"d"}"#, r#"{"at":3,"id":"e"}"#]);
    run.stop().await;
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let server = Server::start();
    let version = Arc::new(AtomicUsize::new(1));
    let current = Arc::clone(&version);
    server.script(move |request, _| {
        let version = current.load(Ordering::Relaxed);
        let tag = format!("\"v{version}\"");
        match request.headers.get("if-none-match") {
            Some(known) if *known == tag => Reply::status(304, ""),
            _ => Reply::status(200, &format!("[{version}]")).with("ETag", &tag),
        }
    });
    let properties = properties(&server, &[]);
    let offsets = MemoryOffsets::default();
    let mut run = start(&properties, &offsets).await;
    assert_eq!(records(&mut run, 1).await, ["1"]);
    nothing(&mut run, &server, 4).await;
    run.acknowledge(1).await;
    run.stop().await;
    let mut run = start(&properties, &offsets).await;
    nothing(&mut run, &server, 7).await;
    version.store(2, Ordering::Relaxed);
    assert_eq!(records(&mut run, 1).await, ["2"]);
    run.stop().await;
}

#[tokio::test]
async fn a_flaky_server_costs_time_and_nothing_else() {
    let server = Server::start();
    server.script(|request, before| {
        let now = number(request, "page", 1);
        let body = json!(page(now - 1)).to_string();
        match before % 7 {
            0 => Reply::status(503, "busy"),
            1 => Reply::status(429, "").with("Retry-After", "0"),
            2 => Reply::Hangup,
            3 => Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n[{\"id\":".to_vec()),
            4 => Reply::Silence,
            5 => Reply::Raw(b"rubbish\r\n\r\n".to_vec()),
            _ => Reply::status(200, &body),
        }
    });
    let keys = [
        ("pagination", "page"),
        ("pagination.parameter", "page"),
        ("http.request.timeout.ms", "100"),
        ("retry.backoff.policy", "CONSTANT_VALUE"),
    ];
    let properties = properties(&server, &keys);
    let mut run = start(&properties, &MemoryOffsets::default()).await;
    assert_eq!(ids(&records(&mut run, 9).await), (0..9).collect::<Vec<_>>());
    run.stop().await;
}

#[tokio::test]
async fn answers_that_cannot_be_used_fail_the_task_or_are_logged() {
    type Case = (
        &'static [(&'static str, &'static str)],
        fn() -> Reply,
        &'static str,
    );
    let cases: [Case; 6] = [
        (
            &[],
            || Reply::status(404, "no such list"),
            "404 Not Found: no such list",
        ),
        (&[], || Reply::status(200, "<html>"), "not JSON"),
        (
            &[("response.bytes.max", "10")],
            || Reply::status(200, "[\"0123456789\"]"),
            "response.bytes.max=10",
        ),
        (
            &[("max.retries", "2")],
            || Reply::status(500, ""),
            "after 2 tries",
        ),
        (
            &[("pagination", "link-header")],
            || Reply::status(200, "[]").with("Link", "<http://evil.example/>; rel=next"),
            "evil.example",
        ),
        (
            &[],
            || Reply::status(200, "[]").with("Content-Type", "application/json; charset=koi8-r"),
            "koi8-r",
        ),
    ];
    for (keys, reply, mention) in cases {
        let server = Server::start();
        server.script(move |_, _| reply());
        let mut run = start(&properties(&server, keys), &MemoryOffsets::default()).await;
        let error = loop {
            match run.poll().await {
                Err(error) if !error.is_retriable() => break error,
                Ok(Some(batch)) => panic!("{mention}: {batch:?}"),
                _ => {}
            }
        };
        assert!(error.to_string().contains(mention), "{mention}: {error}");
        run.stop().await;

        let log = [keys, &[("behavior.on.error", "log")]].concat();
        let mut run = start(&properties(&server, &log), &MemoryOffsets::default()).await;
        let fine = async {
            loop {
                if let Err(error) = run.poll().await {
                    assert!(error.is_retriable(), "{error}");
                }
            }
        };
        assert!(
            tokio::time::timeout(Duration::from_millis(30), fine)
                .await
                .is_err()
        );
    }
}

#[tokio::test]
async fn characters_come_in_the_servers_encoding() {
    let server = Server::start();
    server.script(|_, _| {
        let headers = vec![("Content-Type", "text/plain; charset=iso-8859-1".to_owned())];
        Reply::Answer(200, headers, b"caf\xe9".to_vec())
    });
    let properties = properties(&server, &[("response.format", "text")]);
    let mut run = start(&properties, &MemoryOffsets::default()).await;
    assert_eq!(records(&mut run, 1).await, ["café"]);
    run.stop().await;
}

#[tokio::test]
async fn requests_keep_to_their_rate() {
    let server = Server::start();
    server.script(|request, _| {
        let now = number(request, "page", 1);
        Reply::status(200, &json!([now]).to_string())
    });
    let keys = [
        ("pagination", "page"),
        ("pagination.parameter", "page"),
        ("requests.per.interval", "3"),
        ("requests.interval.ms", "300"),
    ];
    let started = std::time::Instant::now();
    let mut run = start(&properties(&server, &keys), &MemoryOffsets::default()).await;
    records(&mut run, 8).await;
    assert!(started.elapsed() >= Duration::from_millis(600));
    run.stop().await;
}
