//! Senders that keep book of what they were told.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use reqwest::blocking::Client;
use serde_json::{Value, json};

use crate::{random::Random, rest};

/// Longer than the listener may take to refuse a request.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Records of one request at most.
const RECORDS_MAX: u64 = 5;
/// After a refusal: far less than `Retry-After` asks for, so that there is always load.
const PAUSE: Duration = Duration::from_millis(5);
const REST_PROXY: &str = "application/vnd.kafka.json.v2+json";

/// What a sender was told.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// Records of requests that were answered with success.
    pub(super) stored: Vec<String>,
    /// Offsets that were told, with the record that should be there.
    pub(super) places: Vec<(usize, String)>,
    pub(super) successes: u64,
    /// Answers that ask to come later.
    pub(super) refused: u64,
    /// Requests whose connection failed or broke.
    pub(super) unanswered: u64,
}

/// Sends numbered records as fast as they are answered.
#[derive(Debug)]
pub(super) struct Sender {
    number: u64,
    port: u16,
    client: Client,
    random: Random,
    next: u64,
}

impl Sender {
    pub(super) fn new(number: u64, port: u16, seed: u64) -> Self {
        let client = rest::client().timeout(TIMEOUT).build();
        Self {
            number,
            port,
            client: client.expect("an HTTP client"),
            random: Random::new(seed),
            next: 0,
        }
    }

    /// Sends until told to stop.
    ///
    /// # Panics
    /// If it is answered in a way that makes no sense.
    pub(super) fn work(mut self, stop: &AtomicBool) -> Book {
        let mut book = Book::default();
        while !stop.load(Ordering::Relaxed) {
            let records = self.records();
            match self.random.below(2) {
                0 => self.hook(&records, &mut book),
                _ => self.produce(&records, &mut book),
            }
        }
        book
    }

    /// Whether a request is answered with success.
    pub(super) fn is_taken(&self) -> bool {
        let probe = format!("http://127.0.0.1:{}/probe", self.port);
        let sent = self.client.post(probe).body("probe").send();
        sent.is_ok_and(|answer| answer.status().is_success())
    }

    /// Some records; none of them is ever sent again.
    fn records(&mut self) -> Vec<String> {
        let count = 1 + self.random.below(RECORDS_MAX);
        let numbers = self.next..self.next + count;
        self.next += count;
        let width = self.random.below(2_000) as usize;
        numbers
            .map(|number| format!("\"{}-{number} {:x<width$}\"", self.number, ""))
            .collect()
    }

    fn hook(&self, records: &[String], book: &mut Book) {
        let body = format!("[{}]", records.join(","));
        if let Some(answer) = self.post("hook", "application/json", body, book) {
            assert_eq!(answer["records"], records.len(), "{answer}");
            book.stored.extend_from_slice(records);
        }
    }

    fn produce(&self, records: &[String], book: &mut Book) {
        let values: Vec<Value> = records
            .iter()
            .map(|record| {
                let value: Value = serde_json::from_str(record).expect("a JSON string");
                json!({ "value": value })
            })
            .collect();
        let body = json!({"records": values}).to_string();
        if let Some(answer) = self.post("topics/hooks", REST_PROXY, body, book) {
            let offsets = answer["offsets"].as_array().cloned().unwrap_or_default();
            assert_eq!(offsets.len(), records.len(), "{answer}");
            for (place, record) in offsets.iter().zip(records) {
                assert_eq!(place["partition"], 0, "{answer}");
                // A producer that has sent a batch again may not be told where it is.
                if let Some(offset) = place["offset"].as_u64() {
                    book.places.push((offset as usize, record.clone()));
                }
            }
            book.stored.extend_from_slice(records);
        }
    }

    /// The answer, if it is one of success.
    fn post(&self, path: &str, media: &str, body: String, book: &mut Book) -> Option<Value> {
        let url = format!("http://127.0.0.1:{}/{path}", self.port);
        let request = self.client.post(url).header("Content-Type", media);
        let answer = request
            .body(body)
            .send()
            .and_then(|answer| Ok((answer.status().as_u16(), answer.text()?)));
        match answer {
            Ok((200, text)) => {
                book.successes += 1;
                Some(serde_json::from_str(&text).expect("an answer in JSON"))
            }
            Ok((429 | 503, _)) => {
                book.refused += 1;
                thread::park_timeout(PAUSE);
                None
            }
            Ok((status, text)) => panic!("{path}: {status} {text}"),
            Err(_) => {
                book.unanswered += 1;
                thread::park_timeout(PAUSE);
                None
            }
        }
    }
}
