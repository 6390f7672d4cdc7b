//! The HTTP poller in the real binary: a list behind a flaky server, read by a worker that is killed in the middle.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::{
    collections::HashSet,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use millrace_system::{
    pipeline::{self, Pipeline},
    sandbox::Sandbox,
    topic, wait,
};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);
const ITEMS: usize = 2_000;
const PAGE: usize = 20;

/// Serves a list by a cursor; every third request gets something else.
fn serve() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let served = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&served);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let counter = Arc::clone(&counter);
            thread::spawn(move || drop(answer(&stream, &counter)));
        }
    });
    (address, served)
}

fn answer(stream: &TcpStream, served: &AtomicUsize) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    while let Some(line) = lines.next().transpose()? {
        let from = line.split_once("cursor=").map_or(0, |(_, rest)| {
            rest.split([' ', '&']).next().unwrap().parse().unwrap()
        });
        while lines
            .next()
            .transpose()?
            .is_some_and(|line| !line.is_empty())
        {}
        let (status, body) = match served.fetch_add(1, Ordering::Relaxed) % 9 {
            2 => (503, "busy".to_owned()),
            5 => return Ok(()),
            8 => (429, String::new()),
            _ => (200, page(from).to_string()),
        };
        let head = format!(
            "HTTP/1.1 {status} Said\r\nRetry-After: 0\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = stream;
        stream.write_all((head + &body).as_bytes())?;
    }
    Ok(())
}

fn page(from: usize) -> Value {
    let end = (from + PAGE).min(ITEMS);
    let items: Vec<_> = (from..end).map(|id| json!({"id": id})).collect();
    json!({"items": items, "next": (end < ITEMS).then(|| end.to_string())})
}

#[test]
fn a_kill_in_the_middle_loses_nothing() {
    let sandbox = Sandbox::new();
    let (address, served) = serve();
    let url = format!("http://{address}/items");
    let keys = [
        ("name", "items"),
        ("connector.class", "HttpSource"),
        ("url", url.as_str()),
        ("topic", "items"),
        ("request.interval.ms", "50"),
        ("retry.backoff.ms", "1"),
        ("http.response.data.json.pointer", "/items"),
        ("http.offset.json.pointer", "/id"),
        ("pagination", "cursor"),
        ("pagination.parameter", "cursor"),
        ("http.next.page.json.pointer", "/next"),
    ];
    let source = pipeline::properties_file(&sandbox, "items.properties", &keys);
    let mut pipeline = Pipeline::start(&sandbox, std::slice::from_ref(&source));
    for _ in 0..3 {
        let far = served.load(Ordering::Relaxed) + 20;
        wait::until("some pages to be read", PATIENCE, || {
            served.load(Ordering::Relaxed) >= far
        });
        pipeline.millrace.kill();
        pipeline = Pipeline::start(&sandbox, std::slice::from_ref(&source));
    }
    pipeline.rest.await_state("items", "RUNNING");
    let done = || {
        let offsets = pipeline.rest.get("/connectors/items/offsets").body;
        offsets["offsets"][0]["offset"]["offset"] == ITEMS - 1
    };
    wait::until("the last item to be read", PATIENCE, done);
    assert!(pipeline.millrace.stop().success());
    let values = topic::values(&sandbox.join("data/broker"), "items-0");
    let ids = values.iter().map(|value| {
        let item: Value = serde_json::from_slice(value).unwrap();
        item["id"].as_u64().unwrap()
    });
    let distinct: HashSet<u64> = ids.collect();
    assert_eq!(distinct.len(), ITEMS);
    // What a kill may double is what was read since the last commit.
    assert!(values.len() < 2 * ITEMS, "{} records", values.len());
}
