//! Records to a server that is busy at first, takes one, and refuses another.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, ensure};

use crate::stage::Stage;
use crate::{Demo, server};

pub(crate) const DEMO: Demo = Demo {
    name: "http-sink",
    about: "HttpSink sends each record to a server, again where it is busy; what it refuses goes to the dead letter queue.",
    files: &[
        ("source.properties", include_str!("source.properties")),
        ("sink.properties", include_str!("sink.properties")),
        ("refused.properties", include_str!("refused.properties")),
    ],
    folders: &[],
    worker: server::WORKER,
    run,
};

fn run(stage: &mut Stage) -> Result<()> {
    let taken: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&taken);
    server::answer(stage.server()?, move |request| {
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        let (status, text) = match &request.body {
            _ if log.is_empty() => (503, "busy"),
            body if body.contains("kettle") => (422, "kettles are sold out"),
            _ => (200, "taken"),
        };
        let server::Request { method, path, body } = request;
        log.push(format!("{method} {path} {body}: {status} {text}"));
        (status, text.to_owned())
    });
    let seen = |stage: &mut Stage, count: usize| {
        stage.until(&format!("{count} requests"), |_| {
            let log = taken.lock().unwrap_or_else(PoisonError::into_inner);
            (log.len() >= count).then(|| log.clone())
        })
    };
    stage.say("The server is busy; so the first record is sent twice.");
    stage.append("orders.txt", "a lamp")?;
    let requests = seen(stage, 2)?;
    let expected = [
        "PUT /orders/0 a lamp: 503 busy",
        "PUT /orders/0 a lamp: 200 taken",
    ];
    stage.show("The server's log", &requests);
    ensure!(requests == expected, "{requests:?}");
    stage.say("The server refuses a record: it goes to the dead letter queue with the reason, and the next one arrives.");
    stage.append("orders.txt", "a kettle")?;
    stage.append("orders.txt", "a table")?;
    let requests = seen(stage, 4)?;
    stage.show("The server's log", &requests[2..]);
    ensure!(
        requests[3] == "PUT /orders/2 a table: 200 taken",
        "{requests:?}"
    );
    let dead = stage.show_output(1)?;
    ensure!(
        ["422", "sold out", r#""value":"a kettle""#]
            .iter()
            .all(|part| dead[0].contains(part)),
        "{dead:?}"
    );
    Ok(())
}
