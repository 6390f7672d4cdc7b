//! TimestampRouter: another topic by the record's time.

use std::sync::Arc;

use millrace_api::config::Config;
use millrace_api::{ConnectError, Properties, Records, Transform};

use super::dates::DateFormat;
use crate::converters::parse;

/// What TimestampRouter needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct TimestampRouterConfig {
    /// The new topic, in which ${topic} and ${timestamp} stand for the old one and the time.
    #[config(name = "topic.format", default = "${topic}-${timestamp}", importance = high)]
    pub(crate) topic: String,
    /// The form of the time, in Java's pattern letters.
    #[config(name = "timestamp.format", default = "yyyyMMdd", importance = high)]
    pub(crate) timestamp: String,
}

/// Names topics by time.
#[derive(Debug, Default)]
pub(crate) struct TimestampRouter {
    topic: String,
    timestamp: Option<DateFormat>,
}

impl Transform for TimestampRouter {
    fn configure(&mut self, settings: &Properties) -> Result<(), ConnectError> {
        let config: TimestampRouterConfig = parse(settings)?;
        self.topic = config.topic;
        let format = DateFormat::new(&config.timestamp).map_err(ConnectError::config)?;
        self.timestamp = Some(format);
        Ok(())
    }

    fn apply(&self, records: &mut Records) {
        let Some(format) = &self.timestamp else {
            return;
        };
        // Neighbours mostly go to the same topic, whose name is then made and held once.
        let mut last: Option<(Arc<str>, i64, Arc<str>)> = None;
        records.reroute(|view| {
            let Some(ms) = view.timestamp() else {
                return Err(ConnectError::data(format!(
                    "Timestamp missing on record: of topic {}",
                    view.topic()
                )));
            };
            if let Some((topic, at, made)) = &last
                && topic == view.topic()
                && *at == ms
            {
                return Ok(Some(Arc::clone(made)));
            }
            let name = self
                .topic
                .replace("${topic}", view.topic())
                .replace("${timestamp}", &format.format(ms));
            let made: Arc<str> = match &last {
                Some((_, _, made)) if **made == *name => Arc::clone(made),
                _ => name.into(),
            };
            last = Some((Arc::clone(view.topic()), ms, Arc::clone(&made)));
            Ok(Some(made))
        });
    }
}
