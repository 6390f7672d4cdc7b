//! A list that a server gives page by page, and what is new in it.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::stage::Stage;
use crate::{Demo, server};

pub(crate) const DEMO: Demo = Demo {
    name: "http-source",
    about: "HttpSource asks a server for a list, page by page and again and again, and ships what is new in it.",
    files: &[
        ("source.properties", include_str!("source.properties")),
        ("print.properties", include_str!("print.properties")),
    ],
    folders: &[],
    worker: server::WORKER,
    run,
};

/// Events of a page.
const PAGE: usize = 2;

/// What the server has, and what it was asked.
#[derive(Default)]
struct Shop {
    events: Vec<&'static str>,
    asked: Vec<String>,
}

impl Shop {
    /// The events from a number on, as many as a page has, behind those that the cursor is past.
    fn page(&mut self, path: &str) -> Value {
        self.asked.push(format!("GET {path}"));
        let number = |name| {
            let value = path
                .split(['?', '&'])
                .find_map(|pair| pair.strip_prefix(name));
            value
                .and_then(|text| text.parse::<usize>().ok())
                .unwrap_or(0)
        };
        let (from, cursor) = (number("from="), number("cursor="));
        let asked = (1..).zip(&self.events).filter(|(id, _)| *id >= from);
        let all: Vec<Value> = asked
            .map(|(id, what)| json!({"id": id, "what": what}))
            .collect();
        let end = all.len().min(cursor + PAGE);
        let mut page = json!({"items": all.get(cursor..end).unwrap_or_default()});
        if end < all.len() {
            page["next"] = end.to_string().into();
        }
        page
    }
}

fn run(stage: &mut Stage) -> Result<()> {
    let shop = Arc::new(Mutex::new(Shop {
        events: vec!["opened", "sold a lamp", "sold a table"],
        asked: Vec::new(),
    }));
    let asked = Arc::clone(&shop);
    server::answer(stage.server()?, move |request| {
        let mut shop = asked.lock().unwrap_or_else(PoisonError::into_inner);
        (200, shop.page(&request.path).to_string())
    });
    let lock = || shop.lock().unwrap_or_else(PoisonError::into_inner);
    stage.say("The server has three events; a page has two.");
    let mut lines = stage.show_output(3)?;
    stage.show("The server was asked", &lock().asked[..2]);
    stage.say("There is a fourth. The server is asked for events from the last known number on, and only the fourth is new.");
    lock().events.push("closed");
    lines.extend(stage.show_output(1)?);
    if let Some(last) = lock().asked.last() {
        stage.show("The server was asked", std::slice::from_ref(last));
    }
    for (number, line) in (1..).zip(&lines) {
        ensure!(line.starts_with(&format!("{number}\t")), "{lines:?}");
    }
    ensure!(lines[3].contains("closed"), "{lines:?}");
    Ok(())
}
