//! The options that choose letters.

use clap::Args;
use millrace_wire::clock;
use millrace_worker::dead_letters::Filter;
use regex::Regex;

use crate::tools::{run::Usage, time::instant_ms};

#[derive(Debug, Args)]
pub(super) struct Choose {
    /// Letters of this connector
    #[arg(long, value_name = "NAME")]
    connector: Option<String>,
    /// Letters that failed at this step: TRANSFORMATION, KEY_CONVERTER, VALUE_CONVERTER, HEADER_CONVERTER,
    /// KAFKA_PRODUCE or TASK_PUT
    #[arg(long, value_name = "STAGE")]
    stage: Option<String>,
    /// Letters with this class of error, with or without its package
    #[arg(long, value_name = "CLASS")]
    exception: Option<String>,
    /// Letters with this regular expression in the error's text
    #[arg(long, value_name = "PATTERN")]
    message: Option<String>,
    /// Letters that came from this topic
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// Letters with this header; may be repeated
    #[arg(long, value_name = "NAME[=VALUE]")]
    header: Vec<String>,
    /// Letters of this time or later: ISO 8601, milliseconds, or a duration back from now, as PT1H
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Letters before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Letters in this partition of the queue
    #[arg(long, value_name = "N")]
    partition: Option<i32>,
    /// Letters at these offsets of the queue: N, FIRST-LAST, FIRST- or -LAST
    #[arg(long, value_name = "OFFSETS", allow_hyphen_values = true)]
    offsets: Option<String>,
}

impl Choose {
    /// What was typed.
    ///
    /// # Errors
    /// What is no time, no pattern or no range.
    pub(super) fn filter(&self) -> Result<Filter, Usage> {
        let now = clock::system().now_ms();
        let time = |text: &Option<String>| {
            let text = text.as_deref();
            text.map(|text| instant_ms(text, now)).transpose()
        };
        let pattern = |text: &String| {
            Regex::new(text)
                .map_err(|error| Usage::new(format!("--message is no regular expression: {error}")))
        };
        let (from_offset, to_offset) = match &self.offsets {
            None => (None, None),
            Some(text) => range(text)?,
        };
        let header = |text: &String| match text.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (text.clone(), None),
        };
        Ok(Filter {
            connector: self.connector.clone(),
            stage: self.stage.clone(),
            exception: self.exception.clone(),
            message: self.message.as_ref().map(pattern).transpose()?,
            topic: self.topic.clone(),
            headers: self.header.iter().map(header).collect(),
            since: time(&self.since)?,
            until: time(&self.until)?,
            partition: self.partition,
            from_offset,
            to_offset,
        })
    }
}

/// The first and the last offset of a range, both included.
fn range(text: &str) -> Result<(Option<i64>, Option<i64>), Usage> {
    let wrong = || {
        Usage::new(format!(
            "--offsets {text}: expected N, FIRST-LAST, FIRST- or -LAST"
        ))
    };
    let number = |text: &str| text.trim().parse::<i64>().map_err(|_| wrong());
    match text.split_once('-') {
        None => {
            let only = number(text)?;
            Ok((Some(only), Some(only)))
        }
        Some(("", "")) => Err(wrong()),
        Some(("", last)) => Ok((None, Some(number(last)?))),
        Some((first, "")) => Ok((Some(number(first)?), None)),
        Some((first, last)) => {
            let (first, last) = (number(first)?, number(last)?);
            match first <= last {
                true => Ok((Some(first), Some(last))),
                false => Err(wrong()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn offsets_are_one_or_a_range() {
        for (text, expected) in [
            ("7", Some((Some(7), Some(7)))),
            ("7-9", Some((Some(7), Some(9)))),
            ("7-", Some((Some(7), None))),
            ("-9", Some((None, Some(9)))),
            ("-", None),
            ("9-7", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(range(text).ok(), expected, "{text}");
        }
    }
}
