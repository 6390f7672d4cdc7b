//! The converters with a schema registry on the real binary, against a registry that does as it is told: failover,
//! credentials, refusals, and one that is away. `tests/interop` has them work with a real one.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use millrace_system::{apart, pipeline::Pipeline, sandbox::Sandbox, wait};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

/// What the registry knows, and how it behaves.
#[derive(Default)]
struct State {
    /// Schemas by subject; an id is the place of its text among all, from 1.
    texts: Vec<(String, String)>,
    calls: BTreeMap<String, usize>,
    /// The header that calls must have.
    authorization: Option<String>,
    /// What every registration is refused with.
    refusal: Option<(u16, Value)>,
}

struct Registry {
    address: String,
    state: Arc<Mutex<State>>,
}

impl Registry {
    fn start(listener: TcpListener, state: State) -> Self {
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || answer(stream, &shared));
            }
        });
        Self { address, state }
    }

    fn new(state: State) -> Self {
        Self::start(TcpListener::bind("127.0.0.1:0").unwrap(), state)
    }
}

/// Answers one call; what ends early is no call.
fn answer(mut stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let call = format!("{} {}", words.next()?, words.next()?.split('?').next()?);
    let (mut length, mut authorization) = (0, None);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (status, json) = state
        .lock()
        .unwrap()
        .outcome(&call, authorization.as_deref(), &body);
    let text = json.to_string();
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    )
    .ok()
}

impl State {
    fn outcome(&mut self, call: &str, authorization: Option<&str>, body: &[u8]) -> (u16, Value) {
        *self.calls.entry(call.to_owned()).or_default() += 1;
        if self.authorization.is_some() && self.authorization.as_deref() != authorization {
            return (401, json!({"error_code": 401, "message": "Unauthorized"}));
        }
        let parts: Vec<&str> = call.split(['/', ' ']).collect();
        match parts.as_slice() {
            ["POST", "", "subjects", subject, "versions"] => {
                if let Some((status, json)) = &self.refusal {
                    return (*status, json.clone());
                }
                let body: Value = serde_json::from_slice(body).unwrap();
                let text = body["schema"].as_str().unwrap().to_owned();
                let new = ((*subject).to_owned(), text);
                let known = self.texts.iter().position(|known| *known == new);
                let place = known.unwrap_or_else(|| {
                    self.texts.push(new);
                    self.texts.len() - 1
                });
                (200, json!({"id": place + 1}))
            }
            ["GET", "", "schemas", "ids", id] => {
                let place = id.parse::<usize>().unwrap() - 1;
                match self.texts.get(place) {
                    Some((_, text)) => (200, json!({"schema": text})),
                    None => (
                        404,
                        json!({"error_code": 40403, "message": "Schema not found"}),
                    ),
                }
            }
            ["GET", "", "schemas", "ids", id, "versions"] => {
                let (subject, _) = &self.texts[id.parse::<usize>().unwrap() - 1];
                (200, json!([{"subject": subject, "version": 1}]))
            }
            _ => (
                404,
                json!({"error_code": 404, "message": "HTTP 404 Not Found"}),
            ),
        }
    }
}

/// A port that nobody listens on.
fn closed() -> String {
    format!("127.0.0.1:{}", apart::free_port())
}

fn create(pipeline: &Pipeline, name: &str, own: &[(&str, &str)], url: &str) {
    let mut config = json!({
        "value.converter": "AvroConverter",
        "value.converter.schema.registry.url": url,
        "value.converter.max.retries": "0",
    });
    for (key, value) in own {
        config[*key] = (*value).into();
    }
    let answer = pipeline
        .rest
        .post("/connectors", &json!({"name": name, "config": config}));
    assert_eq!(answer.status, 201, "{answer:?}");
}

const COUNTS: [(&str, &str); 4] = [
    ("connector.class", "VerifiableSource"),
    ("topic", "numbers"),
    ("throughput", "200"),
    (
        "key.converter",
        "org.apache.kafka.connect.converters.IntegerConverter",
    ),
];

const FILE: [(&str, &str); 4] = [
    ("connector.class", "FileStreamSink"),
    ("topics", "numbers"),
    ("file", "numbers.txt"),
    (
        "key.converter",
        "org.apache.kafka.connect.converters.ByteArrayConverter",
    ),
];

fn with<'a>(own: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    own.iter().chain(more).copied().collect()
}

/// Waits for a task that fails, and gives its trace.
fn trace(pipeline: &Pipeline, name: &str) -> String {
    wait::until_some("the task fails", PATIENCE, || {
        let status = pipeline.rest.get(&format!("/connectors/{name}/status"));
        status.body["tasks"][0]["trace"].as_str().map(str::to_owned)
    })
}

/// Waits for so many lines of the sink's file, which count from 0.
fn await_numbers(sandbox: &Sandbox, count: usize) {
    wait::until("the numbers come", PATIENCE, || {
        let text = std::fs::read_to_string(sandbox.join("numbers.txt")).unwrap_or_default();
        text.lines().count() > count
    });
    let text = String::from_utf8(sandbox.read("numbers.txt")).unwrap();
    let numbers: Vec<String> = text.lines().map(str::to_owned).collect();
    let expected: Vec<String> = (0..count).map(|number| number.to_string()).collect();
    assert_eq!(numbers[..count], expected);
}

#[test]
fn the_second_address_serves_where_the_first_is_away() {
    let registry = Registry::new(State {
        authorization: Some("Basic bWU6bXlzZWxm".to_owned()),
        ..State::default()
    });
    let sandbox = Sandbox::new();
    let mut pipeline = Pipeline::start(&sandbox, &[]);
    let url = format!("http://{},http://{}", closed(), registry.address);
    let user = [
        ("value.converter.basic.auth.credentials.source", "USER_INFO"),
        ("value.converter.basic.auth.user.info", "me:myself"),
    ];
    create(&pipeline, "counts", &with(&COUNTS, &user), &url);
    create(&pipeline, "file", &with(&FILE, &user), &url);
    await_numbers(&sandbox, 300);
    // Records ask nothing: one call for writing, two for reading.
    let calls = registry.state.lock().unwrap().calls.clone();
    assert!(calls.values().sum::<usize>() <= 4, "{calls:?}");
    let wrong = [("value.converter.basic.auth.user.info", "me:nobody")];
    let own = with(&with(&COUNTS, &user), &wrong);
    create(&pipeline, "stranger", &own, &url);
    let trace = trace(&pipeline, "stranger");
    for part in [
        "status 401",
        "value.converter.basic.auth.user.info",
        "numbers-value",
    ] {
        assert!(trace.contains(part), "{part}: {trace}");
    }
    assert!(!trace.contains("nobody"), "{trace}");
    assert!(pipeline.millrace.stop().success());
}

#[test]
fn a_refusal_says_what_to_change() {
    let refusal = json!({"error_code": 409, "message": "reader type: STRING not compatible with writer type: INT"});
    let registry = Registry::new(State {
        refusal: Some((409, refusal)),
        ..State::default()
    });
    let sandbox = Sandbox::new();
    let mut pipeline = Pipeline::start(&sandbox, &[]);
    create(
        &pipeline,
        "counts",
        &COUNTS,
        &format!("http://{}", registry.address),
    );
    let trace = trace(&pipeline, "counts");
    for part in [
        "cannot register a schema under subject numbers-value",
        "reader type: STRING not compatible",
        "PUT /config/numbers-value",
        "value.converter.use.latest.version=true",
        "org.apache.kafka.connect.errors.DataException",
    ] {
        assert!(trace.contains(part), "{part}: {trace}");
    }
    assert!(pipeline.millrace.stop().success());
}

#[test]
fn a_registry_that_is_away_is_waited_for_and_holds_nobody_up() {
    let address = closed();
    let url = format!("http://{address}");
    let sandbox = Sandbox::new();
    let mut pipeline = Pipeline::start(&sandbox, &[]);
    create(
        &pipeline,
        "fails",
        &with(&COUNTS, &[("topic", "other")]),
        &url,
    );
    let trace = trace(&pipeline, "fails");
    for part in [
        "no schema registry answers at",
        &address,
        "errors.retry.timeout",
    ] {
        assert!(trace.contains(part), "{part}: {trace}");
    }
    let patient = [
        ("errors.retry.timeout", "-1"),
        ("errors.retry.delay.max.ms", "500"),
    ];
    create(&pipeline, "counts", &with(&COUNTS, &patient), &url);
    create(&pipeline, "file", &with(&FILE, &patient), &url);
    // The worker answers, and the other tasks run, while these wait.
    pipeline.rest.await_state("counts", "RUNNING");
    let plain = [
        ("connector.class", "VerifiableSource"),
        ("topic", "plain"),
        ("throughput", "100"),
        (
            "key.converter",
            "org.apache.kafka.connect.converters.IntegerConverter",
        ),
        (
            "value.converter",
            "org.apache.kafka.connect.converters.LongConverter",
        ),
    ];
    create(&pipeline, "plain", &plain, &url);
    let of_plain = "\"name\":\"plain\"";
    wait::until("others go on", PATIENCE, || {
        let text = String::from_utf8_lossy(&pipeline.millrace.stdout()).into_owned();
        text.lines().filter(|line| line.contains(of_plain)).count() > 50
    });
    let listener = TcpListener::bind(&address).unwrap();
    let _registry = Registry::start(listener, State::default());
    await_numbers(&sandbox, 100);
    assert!(pipeline.millrace.stop().success());
}
