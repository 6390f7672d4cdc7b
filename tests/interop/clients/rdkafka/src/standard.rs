//! The standard records.

use anyhow::{Context as _, ensure};
use rdkafka::{
    Message as _, Offset,
    message::{Header, Headers as _, OwnedHeaders, OwnedMessage},
    producer::FutureRecord,
};

use crate::clients;

const COUNT: usize = 1000;

/// A record of the standard ones, as it is written and as it must come back.
#[derive(Debug, PartialEq, Eq)]
struct Standard {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Vec<u8>)>,
}

impl Standard {
    fn new(number: usize) -> Self {
        let key = match number % 5 {
            0 => None,
            1 => Some(String::new()),
            _ => Some(format!("key-{number}")),
        };
        let value = match number % 7 {
            0 if key.is_some() => None,
            1 => Some(String::new()),
            _ => Some(format!("{number} größe 日本 {}", "x".repeat(number % 300))),
        };
        let headers = match number % 3 {
            0 => vec![],
            1 => vec![("number", number.to_string())],
            _ => vec![
                ("h", "1".into()),
                ("h", "2".into()),
                ("empty", String::new()),
            ],
        };
        Self {
            key: key.map(String::into_bytes),
            value: value.map(String::into_bytes),
            headers: headers
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.into_bytes()))
                .collect(),
        }
    }

    fn of(message: &OwnedMessage) -> Self {
        let headers = message.headers().into_iter().flat_map(|all| all.iter());
        Self {
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers
                .map(|one| (one.key.to_owned(), one.value.unwrap_or_default().to_vec()))
                .collect(),
        }
    }

    fn to_record<'a>(&'a self, topic: &'a str) -> FutureRecord<'a, [u8], [u8]> {
        let headers = self.headers.iter().fold(OwnedHeaders::new(), |all, one| {
            all.insert(Header {
                key: &one.0,
                value: Some(&one.1),
            })
        });
        let mut record = FutureRecord::to(topic).partition(0).headers(headers);
        record.key = self.key.as_deref();
        record.payload = self.value.as_deref();
        record
    }
}

pub(crate) async fn produce(server: &str, topic: &str, codec: &str) -> anyhow::Result<()> {
    clients::create(server, topic, 1, &[]).await?;
    let records: Vec<_> = (0..COUNT).map(Standard::new).collect();
    let records = records.iter().map(|record| record.to_record(topic));
    let settings = [("compression.codec", codec), ("linger.ms", "50")];
    clients::send(server, records, &settings).await?;
    Ok(())
}

pub(crate) async fn consume(server: &str, topic: &str) -> anyhow::Result<()> {
    let reader = clients::reader(server, topic, Offset::Beginning, &[])?;
    let records = clients::read(&reader, COUNT).await.context("the records")?;
    for (number, record) in records.iter().enumerate() {
        ensure!(
            record.offset() == number as i64,
            "record {number} has offset {}",
            record.offset()
        );
        let (expected, actual) = (Standard::new(number), Standard::of(record));
        ensure!(actual == expected, "record {number} is {actual:?}");
    }
    Ok(())
}
