//! Which letters are meant.

use std::ops::Range;

use millrace_api::utf8_lossy;
use regex::Regex;

use super::Letter;

/// Chooses letters; what is not given does not matter.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// The connector.
    pub connector: Option<String>,
    /// The step that failed, as `VALUE_CONVERTER`, in any case.
    pub stage: Option<String>,
    /// The class of the error, with or without its package.
    pub exception: Option<String>,
    /// A pattern somewhere in the error's text.
    pub message: Option<Regex>,
    /// The topic that the record came from.
    pub topic: Option<String>,
    /// Headers that the record has: names, and values where they matter.
    pub headers: Vec<(String, Option<String>)>,
    /// Records of this time or later, in milliseconds since the epoch.
    pub since: Option<i64>,
    /// Records before this time.
    pub until: Option<i64>,
    /// The partition of the queue.
    pub partition: Option<i32>,
    /// Offsets in the queue from this one on.
    pub from_offset: Option<i64>,
    /// The last offset in the queue.
    pub to_offset: Option<i64>,
}

impl Filter {
    /// The offsets in the queue to look at.
    pub(super) fn offsets(&self) -> Range<i64> {
        let end = self
            .to_offset
            .map_or(i64::MAX, |last| last.saturating_add(1));
        self.from_offset.unwrap_or(0).max(0)..end
    }

    /// Whether a letter is meant.
    #[must_use]
    pub fn chooses(&self, letter: &Letter) -> bool {
        self.chooses_cause(letter)
            && self.chooses_time(letter.timestamp)
            && self.offsets().contains(&letter.offset)
            && self.partition.is_none_or(|asked| asked == letter.partition)
            && self.headers.iter().all(|asked| has_header(letter, asked))
    }

    fn chooses_cause(&self, letter: &Letter) -> bool {
        let cause = &letter.cause;
        let is = |asked: &Option<String>, given: &Option<String>| asked.is_none() || asked == given;
        let text = |given: &'_ Option<String>| given.clone().unwrap_or_default();
        is(&self.connector, &cause.connector)
            && is(&self.topic, &cause.topic)
            && self
                .stage
                .as_ref()
                .is_none_or(|asked| text(&cause.stage).eq_ignore_ascii_case(asked))
            && self.exception.as_ref().is_none_or(|asked| {
                let class = text(&cause.exception);
                class == *asked || class.rsplit('.').next() == Some(asked)
            })
            && self
                .message
                .as_ref()
                .is_none_or(|pattern| pattern.is_match(&text(&cause.message)))
    }

    fn chooses_time(&self, time: Option<i64>) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        time.is_some_and(|time| {
            self.since.is_none_or(|since| time >= since)
                && self.until.is_none_or(|until| time < until)
        })
    }
}

fn has_header(letter: &Letter, (name, value): &(String, Option<String>)) -> bool {
    letter.headers().any(|(other, given)| {
        other == name.as_bytes()
            && value
                .as_ref()
                .is_none_or(|value| given.map(utf8_lossy).as_ref() == Some(value))
    })
}

#[cfg(test)]
mod tests {
    use super::super::letter::tests::letter;
    use super::*;

    #[test]
    fn every_part_of_a_filter_has_to_fit() {
        let letter = letter(
            "v",
            &[
                ("h", "1"),
                ("__connect.errors.topic", "t"),
                ("__connect.errors.connector.name", "c"),
                ("__connect.errors.stage", "TASK_PUT"),
                ("__connect.errors.exception.class.name", "a.b.DataException"),
                ("__connect.errors.exception.message", "too big: 7"),
            ],
        );
        let some = |text: &str| Some(text.to_owned());
        let pattern = |text| Some(Regex::new(text).unwrap());
        let header = |name: &str, value| vec![(name.to_owned(), value)];
        type Change = Box<dyn Fn(&mut Filter)>;
        let cases: Vec<(Change, bool)> = vec![
            (Box::new(|_| ()), true),
            (Box::new(move |f| f.connector = some("c")), true),
            (Box::new(move |f| f.connector = some("d")), false),
            (Box::new(move |f| f.topic = some("t")), true),
            (Box::new(move |f| f.topic = some("u")), false),
            (Box::new(move |f| f.stage = some("task_put")), true),
            (Box::new(move |f| f.stage = some("TASK_POLL")), false),
            (Box::new(move |f| f.exception = some("DataException")), true),
            (
                Box::new(move |f| f.exception = some("a.b.DataException")),
                true,
            ),
            (Box::new(move |f| f.exception = some("Exception")), false),
            (Box::new(move |f| f.message = pattern("big: [0-9]")), true),
            (Box::new(move |f| f.message = pattern("^big")), false),
            (
                Box::new(|f| (f.since, f.until) = (Some(1000), Some(1001))),
                true,
            ),
            (Box::new(|f| f.since = Some(1001)), false),
            (Box::new(|f| f.until = Some(1000)), false),
            (
                Box::new(|f| (f.from_offset, f.to_offset) = (Some(7), Some(7))),
                true,
            ),
            (Box::new(|f| f.from_offset = Some(8)), false),
            (Box::new(|f| f.to_offset = Some(6)), false),
            (Box::new(|f| f.partition = Some(1)), false),
            (Box::new(move |f| f.headers = header("h", None)), true),
            (Box::new(move |f| f.headers = header("h", some("1"))), true),
            (Box::new(move |f| f.headers = header("h", some("2"))), false),
            (Box::new(move |f| f.headers = header("i", None)), false),
        ];
        for (change, expected) in cases {
            let mut filter = Filter::default();
            change(&mut filter);
            assert_eq!(filter.chooses(&letter), expected, "{filter:?}");
        }
    }
}
