//! Retry topics: where a sink's failed records wait, longer each time, before the dead letter queue.
//!
//! There is a topic a delay, all of one connector: `<queue>.<connector>.retry.<n>`. A record that fails goes to the first,
//! one from the first to the second, one from the last to the queue. It keeps its bytes and headers; headers of our own say
//! where it came from. Its time is that of the failure, so that it is due a delay later, whatever becomes of the worker
//! meanwhile.

use std::sync::Arc;

use millrace_api::{
    ConnectError, ConsumedRecord, EncodedHeaders, Properties, TaskId, encode_header,
};

use super::policy::DEAD_LETTER_TOPIC;

/// The delays in ms, one a topic; empty for none.
const DELAYS: &str = "errors.deadletterqueue.retry.delays.ms";
const DELAYS_MAX: usize = 10;
/// Longest delay: far below the seven days that a topic keeps records unless told otherwise.
const DELAY_MAX_MS: i64 = 24 * 60 * 60 * 1000;
/// How the headers begin.
const PREFIX: &str = "__millrace.retry.";

/// The retry topics of a connector.
#[derive(Debug)]
pub(crate) struct RetryTopics {
    rounds: Vec<(Arc<str>, i64)>,
}

/// Where a record in a retry topic came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FirstPlace {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) timestamp: Option<i64>,
}

impl RetryTopics {
    /// The topics that a sink's settings ask for, if they do.
    ///
    /// # Errors
    /// Delays that are none, and delays without tolerance or without a queue.
    pub(crate) fn of(task: &TaskId, connector: &Properties) -> Result<Option<Self>, ConnectError> {
        let delays = delays(connector)
            .map_err(|why| ConnectError::config(format!("connector {}: {why}", task.connector)))?;
        if delays.is_empty() {
            return Ok(None);
        }
        let queue = given(connector, DEAD_LETTER_TOPIC);
        let name: String = task.connector.chars().map(fit).collect();
        let round = |(number, delay)| (Arc::from(format!("{queue}.{name}.retry.{number}")), delay);
        Ok(Some(Self {
            rounds: (1..).zip(delays).map(round).collect(),
        }))
    }

    /// The names of the topics.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.rounds.iter().map(|(name, _)| name)
    }

    /// The delay of a topic in ms; none for a topic that is not one of these.
    pub(crate) fn delay(&self, topic: &str) -> Option<i64> {
        self.rounds
            .iter()
            .find(|(name, _)| **name == *topic)
            .map(|(_, delay)| *delay)
    }

    /// Where a consumed record came from first.
    pub(super) fn first_place(&self, record: &ConsumedRecord) -> FirstPlace {
        let read = self
            .delay(&record.topic)
            .and_then(|_| FirstPlace::read(&record.headers));
        read.unwrap_or_else(|| FirstPlace::of(record))
    }

    /// The topic for a record that was consumed from `topic` and has failed; none if its rounds are over.
    pub(super) fn next(&self, topic: &str) -> Option<&Arc<str>> {
        let round = self.rounds.iter().position(|(name, _)| **name == *topic);
        let next = round.map_or(0, |round| round + 1);
        self.rounds.get(next).map(|(name, _)| name)
    }
}

/// The delays in ms that a sink's settings ask for.
///
/// # Errors
/// The key, its value, and what to change: delays that are none, and delays without tolerance or without a queue.
fn delays(connector: &Properties) -> Result<Vec<i64>, String> {
    let text = given(connector, DELAYS);
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let delay = |text: &str| {
        text.trim()
            .parse()
            .ok()
            .filter(|ms| (1..=DELAY_MAX_MS).contains(ms))
    };
    let delays: Option<Vec<i64>> = text.split(',').map(delay).collect();
    let delays = delays.filter(|delays| delays.len() <= DELAYS_MAX);
    let delays = delays.ok_or_else(|| {
        format!(
            "Invalid value {text} for configuration {DELAYS}: it must be at most {DELAYS_MAX} numbers of ms from 1 to {DELAY_MAX_MS}, with commas between them"
        )
    })?;
    let tolerates = given(connector, "errors.tolerance").eq_ignore_ascii_case("all");
    match tolerates && !given(connector, DEAD_LETTER_TOPIC).is_empty() {
        true => Ok(delays),
        false => Err(format!(
            "Invalid value {text} for configuration {DELAYS}: it needs errors.tolerance=all and {DEAD_LETTER_TOPIC}; set both, or leave it out"
        )),
    }
}

/// What is wrong with the delays of a sink, with the key; none if nothing is.
pub(super) fn refusal(connector: &Properties) -> Option<(&'static str, String)> {
    delays(connector).err().map(|why| (DELAYS, why))
}

fn given<'a>(connector: &'a Properties, key: &str) -> &'a str {
    connector.get(key).map_or("", |text| text.trim())
}

/// A connector's name may have what a topic's may not.
fn fit(character: char) -> char {
    match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' => character,
        _ => '_',
    }
}

impl FirstPlace {
    /// What the headers of a record in a retry topic say.
    pub(crate) fn read(headers: &[u8]) -> Option<Self> {
        let (mut topic, mut partition, mut offset, mut timestamp) = (None, None, None, None);
        for (name, value) in EncodedHeaders::new(headers).iter() {
            let name = std::str::from_utf8(name).ok();
            let value = value.and_then(|value| std::str::from_utf8(value).ok());
            let (Some(name), Some(value)) =
                (name.and_then(|name| name.strip_prefix(PREFIX)), value)
            else {
                continue;
            };
            match name {
                "topic" => topic = Some(Arc::from(value)),
                "partition" => partition = value.parse().ok(),
                "offset" => offset = value.parse().ok(),
                "timestamp" => timestamp = value.parse().ok(),
                _ => {}
            }
        }
        Some(Self {
            topic: topic?,
            partition: partition?,
            offset: offset?,
            timestamp,
        })
    }

    /// Where a consumed record stands.
    pub(super) fn of(record: &ConsumedRecord) -> Self {
        Self {
            topic: Arc::clone(&record.topic),
            partition: record.partition,
            offset: record.offset,
            timestamp: record.timestamp,
        }
    }

    /// A record's headers with this place and why it failed, in place of an earlier one.
    pub(super) fn section(&self, headers: &[u8], reason: &str) -> Vec<u8> {
        let (partition, offset) = (self.partition.to_string(), self.offset.to_string());
        let timestamp = self.timestamp.map(|ms| ms.to_string());
        let mut place = vec![
            ("topic", &*self.topic),
            ("partition", &partition),
            ("offset", &offset),
            ("reason", reason),
        ];
        place.extend(timestamp.as_deref().map(|ms| ("timestamp", ms)));
        let own: Vec<_> = own(headers).collect();
        let mut section = Vec::new();
        EncodedHeaders::begin(&mut section, own.len() + place.len());
        for (name, value) in own {
            encode_header(&mut section, name, value);
        }
        for (name, value) in place {
            let name = format!("{PREFIX}{name}");
            encode_header(&mut section, name.as_bytes(), Some(value.as_bytes()));
        }
        section
    }
}

/// The headers without those of this module.
fn own(headers: &[u8]) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    let all = EncodedHeaders::new(headers).iter();
    all.filter(|(name, _)| !name.starts_with(PREFIX.as_bytes()))
}

/// The header section without those of this module.
pub(super) fn without_place(headers: &[u8]) -> Vec<u8> {
    let own: Vec<_> = own(headers).collect();
    let mut section = Vec::new();
    EncodedHeaders::begin(&mut section, own.len());
    for (name, value) in own {
        encode_header(&mut section, name, value);
    }
    section
}

#[cfg(test)]
mod tests {
    use millrace_testkit::properties;

    use super::*;

    fn topics(settings: &[(&str, &str)]) -> Result<Option<RetryTopics>, ConnectError> {
        let settings = properties(settings);
        let task = TaskId {
            connector: "my sink".into(),
            task: 0,
        };
        RetryTopics::of(&task, &settings)
    }

    const ASKED: [(&str, &str); 2] = [("errors.tolerance", "all"), (DEAD_LETTER_TOPIC, "dead")];

    #[test]
    fn a_record_goes_from_topic_to_topic_and_then_to_the_queue() {
        let settings = [ASKED[0], ASKED[1], (DELAYS, "5, 60")];
        let topics = topics(&settings).unwrap().unwrap();
        let (first, second) = ("dead.my_sink.retry.1", "dead.my_sink.retry.2");
        let next = |topic| topics.next(topic).map(|name| name.to_string());
        assert_eq!(next("in").as_deref(), Some(first));
        assert_eq!(next(first).as_deref(), Some(second));
        assert_eq!(next(second), None);
        assert_eq!(topics.delay(second), Some(60));
        assert_eq!(topics.delay("in"), None);
    }

    #[test]
    fn delays_that_cannot_be_are_refused() {
        assert!(topics(&ASKED).unwrap().is_none());
        assert!(topics(&[(DELAYS, "5")]).is_err());
        for delays in ["0", "x", "5,", "86400001", "1,1,1,1,1,1,1,1,1,1,1"] {
            assert!(
                topics(&[ASKED[0], ASKED[1], (DELAYS, delays)]).is_err(),
                "{delays}"
            );
        }
    }

    #[test]
    fn the_first_place_is_kept_through_all_rounds() {
        let mut headers = Vec::new();
        EncodedHeaders::begin(&mut headers, 1);
        encode_header(&mut headers, b"a", None);
        let place = FirstPlace {
            topic: "in".into(),
            partition: 3,
            offset: 7,
            timestamp: Some(99),
        };
        let once = place.section(&headers, "why");
        let read = FirstPlace::read(&once).unwrap();
        assert_eq!(read, place);
        let twice = read.section(&once, "again");
        assert_eq!(FirstPlace::read(&twice), Some(place));
        assert_eq!(EncodedHeaders::new(&twice).iter().count(), 6);
        assert_eq!(without_place(&twice), headers);
        assert_eq!(FirstPlace::read(&headers), None);
    }
}
