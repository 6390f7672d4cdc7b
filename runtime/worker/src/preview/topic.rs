//! Records of topics for a preview: read without a group, so that no offset is committed, and only from topics that are
//! there, so that none is created.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use millrace_api::{ConnectError, Properties, TaskId};
use millrace_client::admin::{Admin, OffsetSpec, Place};
use millrace_client::consumer::{Consumer, TopicPartition};
use regex::Regex;
use tokio::time::Instant;

use super::request::{From, Limits};
use super::walk::Raw;
use crate::task::Clients;

/// What was read, and why no more.
pub(super) struct Read {
    pub(super) records: Vec<Raw>,
    pub(super) ended: &'static str,
}

/// Reads the topics of a sink.
pub(super) struct TopicRun<'a> {
    pub(super) clients: &'a Clients,
    pub(super) id: TaskId,
    pub(super) topic: Option<&'a str>,
    pub(super) from: From,
    pub(super) limits: Limits,
}

impl TopicRun<'_> {
    /// Reads until there is enough, or what there was when it began is read.
    ///
    /// # Errors
    /// When no topic is there, or no broker answers.
    pub(super) async fn read(&self, config: &Properties) -> Result<Read, ConnectError> {
        let name = &*self.id.connector;
        let admin = self
            .clients
            .admin(&self.clients.admin_settings(name, config))?;
        let admin = admin.with_limit(self.limits.time);
        let places = self.places(&admin, config).await?;
        let mut left = self.spans(&admin, &places).await?;
        let mut consumer = self.consumer(config)?;
        let of = |(topic, partition): &Place| TopicPartition::new(Arc::clone(topic), *partition);
        consumer.assign(&left.keys().map(of).collect::<Vec<_>>());
        for (place, (begin, _)) in &left {
            consumer.seek(&of(place), *begin).map_err(unread)?;
        }
        let read = self.gather(&mut consumer, &mut left).await;
        if let Err(error) = consumer.close(std::time::Duration::from_secs(1)).await {
            log::debug!("the consumer of a preview did not close in order: {error}");
        }
        read
    }

    fn consumer(&self, config: &Properties) -> Result<Consumer, ConnectError> {
        let mut settings = self.clients.consumer_settings(&self.id, config);
        settings.retain(|key, _| !key.starts_with("group."));
        for (key, value) in [
            ("client.id", format!("preview-{}", self.id)),
            ("allow.auto.create.topics", "false".to_owned()),
            ("enable.auto.commit", "false".to_owned()),
        ] {
            settings.insert(key.to_owned(), value);
        }
        self.clients.consumer(&settings)
    }

    /// The partitions of the topics that are there.
    async fn places(&self, admin: &Admin, config: &Properties) -> Result<Vec<Place>, ConnectError> {
        let given = |key: &str| {
            let text = config.get(key).map_or("", |text| text.trim());
            (!text.is_empty()).then_some(text)
        };
        let names = self.topic.or_else(|| given("topics")).unwrap_or_default();
        let names: Vec<&str> = names.split(',').map(str::trim).collect();
        let pattern = self
            .topic
            .is_none()
            .then(|| given("topics.regex"))
            .flatten();
        let pattern = pattern.map(|pattern| Regex::new(&format!("^(?:{pattern})$")));
        let pattern = pattern.transpose().map_err(|error| {
            ConnectError::config("topics.regex is no regular expression").caused_by(error)
        })?;
        let mut found = admin.list_topics().await.map_err(unreachable)?;
        found.retain(|topic| match &pattern {
            Some(pattern) => !topic.is_internal && pattern.is_match(&topic.name),
            None => names.contains(&&*topic.name),
        });
        if found.is_empty() {
            return Err(ConnectError::config(format!(
                "there is no topic to read: {}",
                pattern.map_or_else(|| names.join(", "), |pattern| pattern.to_string())
            )));
        }
        let places = found.iter().flat_map(|topic| {
            let indices = topic.partitions.iter().map(|partition| partition.index);
            indices.map(|index| (Arc::clone(&topic.name), index))
        });
        Ok(places.collect())
    }

    /// From where to where each partition that holds something is read.
    async fn spans(
        &self,
        admin: &Admin,
        places: &[Place],
    ) -> Result<BTreeMap<Place, (i64, i64)>, ConnectError> {
        let asked = |spec| -> BTreeMap<Place, OffsetSpec> {
            places.iter().map(|place| (place.clone(), spec)).collect()
        };
        let first = admin.list_offsets(&asked(OffsetSpec::Earliest)).await;
        let first = first.map_err(unreachable)?;
        let last = admin.list_offsets(&asked(OffsetSpec::Latest)).await;
        let last = last.map_err(unreachable)?;
        let spans = places.iter().filter_map(|place| {
            let begin = first.get(place)?.offset.unwrap_or(0);
            let end = last.get(place)?.offset.unwrap_or(0);
            let begin = match self.from {
                From::End => begin.max(end - self.limits.records as i64),
                From::Stored | From::Beginning => begin,
            };
            (begin < end).then(|| (place.clone(), (begin, end)))
        });
        Ok(spans.collect())
    }

    async fn gather(
        &self,
        consumer: &mut Consumer,
        left: &mut BTreeMap<Place, (i64, i64)>,
    ) -> Result<Read, ConnectError> {
        let end = Instant::now() + self.limits.time;
        let (mut records, mut bytes) = (Vec::new(), 0);
        while !left.is_empty() {
            let wait = end.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                return Ok(Read {
                    records,
                    ended: "time",
                });
            }
            let Some(fetched) = consumer.poll(wait).await.map_err(unread)? else {
                continue;
            };
            let place = (fetched.topic.clone(), fetched.partition);
            for row in &fetched.rows {
                if records.len() >= self.limits.records {
                    return Ok(Read {
                        records,
                        ended: "records",
                    });
                }
                if bytes >= self.limits.bytes {
                    return Ok(Read {
                        records,
                        ended: "bytes",
                    });
                }
                let part = |span: millrace_wire::batch::Span| {
                    span.range().map(|range| fetched.data.slice(range))
                };
                let raw = Raw {
                    topic: fetched.topic.clone(),
                    partition: fetched.partition,
                    offset: row.offset,
                    timestamp: row.timestamp,
                    log_append_time: fetched.log_append_time,
                    key: part(row.key),
                    value: part(row.value),
                    headers: part(row.headers).unwrap_or_default(),
                };
                bytes += [&raw.key, &raw.value]
                    .into_iter()
                    .flatten()
                    .map(Bytes::len)
                    .sum::<usize>()
                    + raw.headers.len();
                records.push(raw);
            }
            if left
                .get(&place)
                .is_some_and(|(_, end)| fetched.next_offset >= *end)
            {
                left.remove(&place);
            }
        }
        let ended = match records.len() >= self.limits.records {
            true => "records",
            false => "end",
        };
        Ok(Read { records, ended })
    }
}

fn unreachable(error: millrace_client::ClientError) -> ConnectError {
    ConnectError::connect("cannot look at the topics of a preview").caused_by(error)
}

fn unread(error: impl std::error::Error + Send + Sync + 'static) -> ConnectError {
    ConnectError::connect("cannot read the topics of a preview").caused_by(error)
}
