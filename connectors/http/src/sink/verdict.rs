//! What a server's answer says of the records of a request.

use super::presets::{judge_bulk, judge_splunk};
use crate::client::Answer;
use crate::retry::Statuses;

/// How the answers of a kind of server are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judge {
    /// By the status alone.
    Status,
    /// A bulk answer tells of each document.
    Bulk,
    /// A refusal tells which event is at fault.
    Splunk,
}

/// What became of the records of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All are delivered.
    Delivered,
    /// The server may take them later; why not now.
    Retry(String),
    /// The answer does not say; to send them again is the only way to know.
    Unknown(String),
    /// One of them, or their number, is at fault; what was answered.
    Split(String),
    /// The server will not have them; what was answered.
    Refused(String),
    /// What became of each.
    Items(Vec<ItemVerdict>),
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ItemVerdict {
    /// It is delivered.
    Delivered,
    /// It was not looked at, and may be sent again at once.
    Again,
    /// The server may take it later; why not now.
    Retry(String),
    /// The server will not have it; why.
    Refused(String),
}

/// Which answers mean what.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) judge: Judge,
    pub(crate) retry_on: Statuses,
    pub(crate) split_on: Statuses,
}

impl Rules {
    /// How much of an answer's body needs to be read.
    pub(crate) fn body_max(&self) -> usize {
        match self.judge {
            Judge::Bulk => 32 << 20,
            Judge::Status | Judge::Splunk => 64 << 10,
        }
    }

    /// What `answer` says of a request with `count` records.
    pub(crate) fn judge(&self, answer: &Answer, count: usize) -> Verdict {
        let status = answer.status.as_u16();
        let said = || {
            let location = answer.headers.get(reqwest::header::LOCATION);
            let location =
                location.map(|to| format!(" to {}", String::from_utf8_lossy(to.as_bytes())));
            format!(
                "answered {}{}: {}",
                answer.status,
                location.unwrap_or_default(),
                answer.excerpt()
            )
        };
        if answer.status.is_success() {
            return match self.judge {
                Judge::Bulk => judge_bulk(answer, count, &self.retry_on),
                Judge::Status | Judge::Splunk => Verdict::Delivered,
            };
        }
        if self.retry_on.contains(status) {
            return Verdict::Retry(said());
        }
        let told = match self.judge {
            Judge::Splunk => judge_splunk(answer, count),
            Judge::Status | Judge::Bulk => None,
        };
        match told {
            Some(verdict) => verdict,
            None if self.split_on.contains(status) && count > 1 => Verdict::Split(said()),
            None => Verdict::Refused(said()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;

    fn rules(judge: Judge) -> Rules {
        let statuses = |text: &str| {
            Statuses::read(&text.split(',').map(str::to_owned).collect::<Vec<_>>()).unwrap()
        };
        Rules {
            judge,
            retry_on: statuses("408,425,429,500,502-599"),
            split_on: statuses("400,413,422"),
        }
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
            whole: true,
        }
    }

    #[test]
    fn statuses() {
        let rules = rules(Judge::Status);
        for (status, count, expected) in [
            (200, 1, "Delivered"),
            (204, 9, "Delivered"),
            (400, 1, "Refused"),
            (400, 2, "Split"),
            (413, 2, "Split"),
            (404, 2, "Refused"),
            (302, 1, "Refused"),
            (429, 1, "Retry"),
            (500, 1, "Retry"),
            (501, 1, "Refused"),
            (503, 1, "Retry"),
        ] {
            let verdict = format!("{:?}", rules.judge(&answer(status, "why"), count));
            assert!(verdict.starts_with(expected), "{status}: {verdict}");
            assert!(
                expected == "Delivered" || verdict.contains("why"),
                "{verdict}"
            );
        }
    }

    #[test]
    fn a_bulk_answer_tells_of_each_document() {
        use ItemVerdict::{Delivered, Refused, Retry};
        let body = r#"{"errors":true,"items":[
            {"index":{"status":201}},
            {"index":{"status":429,"error":{"type":"busy"}}},
            {"index":{"status":400,"error":{"type":"mapper_parsing_exception"}}},
            {"index":{"status":409,"error":{"type":"version_conflict_engine_exception"}}},
            {"delete":{"status":404}}]}"#;
        let Verdict::Items(items) = rules(Judge::Bulk).judge(&answer(200, body), 5) else {
            panic!("no items");
        };
        assert!(matches!(&items[0], Delivered));
        assert!(matches!(&items[1], Retry(why) if why.contains("busy")));
        assert!(matches!(&items[2], Refused(why) if why.contains("mapper_parsing_exception")));
        assert!(matches!((&items[3], &items[4]), (Delivered, Delivered)));
    }

    #[test]
    fn a_bulk_answer_that_makes_no_sense_delivers_nothing() {
        let rules = rules(Judge::Bulk);
        for body in [
            "",
            "<html>",
            "{}",
            r#"{"errors":true,"items":[]}"#,
            r#"{"errors":"false"}"#,
        ] {
            let verdict = rules.judge(&answer(200, body), 1);
            assert!(
                matches!(verdict, Verdict::Unknown(_)),
                "{body}: {verdict:?}"
            );
        }
        let mut cut = answer(200, r#"{"errors":false}"#);
        cut.whole = false;
        assert!(matches!(rules.judge(&cut, 1), Verdict::Unknown(_)));
        assert_eq!(
            rules.judge(&answer(200, r#"{"errors":false}"#), 1),
            Verdict::Delivered
        );
    }

    #[test]
    fn splunk_tells_which_event_is_at_fault() {
        let rules = rules(Judge::Splunk);
        let body = r#"{"text":"Invalid data format","code":6,"invalid-event-number":1}"#;
        let Verdict::Items(items) = rules.judge(&answer(400, body), 3) else {
            panic!("no items");
        };
        assert_eq!(items[0], ItemVerdict::Delivered);
        assert!(matches!(&items[1], ItemVerdict::Refused(why) if why.contains("Invalid data")));
        assert_eq!(items[2], ItemVerdict::Again);
        let lie = r#"{"invalid-event-number":7}"#;
        assert!(matches!(
            rules.judge(&answer(400, lie), 3),
            Verdict::Split(_)
        ));
    }
}
