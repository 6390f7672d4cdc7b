//! Answers: a status and a small JSON body.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::pending::{Outcome, Place};

/// An answer.
pub(super) type Answer = Response<Full<Bytes>>;

/// The media type of the REST Proxy's answers.
const REST_PROXY: &str = "application/vnd.kafka.v2+json";

/// Why a request is not taken.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// The REST Proxy's code, where it has a finer one than the status.
    pub(super) code: Option<u32>,
    pub(super) message: String,
    /// Whether it helps to try again later.
    pub(super) later: bool,
    /// What to ask for.
    pub(super) challenge: Option<&'static str>,
    pub(super) allow: Option<String>,
}

impl Refusal {
    /// The request cannot be taken, now or later.
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            code: None,
            message: message.into(),
            later: false,
            challenge: None,
            allow: None,
        }
    }

    /// The request may be taken if it comes again later.
    pub(super) fn later(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            later: true,
            ..Self::new(status, message)
        }
    }

    /// Nothing can be taken at the moment.
    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        Self::later(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    /// The contents are wrong.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// The answer that says so; `retry_after` in seconds.
    pub(super) fn answer(&self, retry_after: i32) -> Answer {
        let code = self.code.unwrap_or_else(|| self.status.as_u16().into());
        let body = json!({"error_code": code, "message": self.message});
        let mut answer = with_body(self.status, "application/json", &body);
        let headers = answer.headers_mut();
        if self.later {
            headers.insert(RETRY_AFTER, retry_after.into());
        }
        if let Some(challenge) = self.challenge {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(Ok(allow)) = self.allow.as_deref().map(HeaderValue::from_str) {
            headers.insert(ALLOW, allow);
        }
        answer
    }
}

/// Records are stored.
pub(super) fn stored(outcome: &Outcome) -> Answer {
    let body = json!({"records": outcome.stored});
    with_body(StatusCode::OK, "application/json", &body)
}

/// They were stored before.
pub(super) fn stored_before() -> Answer {
    let body = json!({"records": 0, "duplicate": true});
    with_body(StatusCode::OK, "application/json", &body)
}

/// The listener takes records.
pub(super) fn healthy() -> Answer {
    with_body(StatusCode::OK, "application/json", &json!({"status": "UP"}))
}

/// Records of a REST Proxy call are stored.
pub(super) fn produced(outcome: &Outcome) -> Answer {
    let offsets: Vec<Value> = outcome.places.iter().map(produced_record).collect();
    let body = json!({"offsets": offsets, "key_schema_id": null, "value_schema_id": null});
    with_body(StatusCode::OK, REST_PROXY, &body)
}

/// One record of a REST Proxy's answer; its error 1 is one that trying again does not mend.
fn produced_record(place: &Place) -> Value {
    match place {
        Some((partition, offset)) => {
            json!({"partition": partition, "offset": offset, "error_code": null, "error": null})
        }
        None => json!({
            "partition": null,
            "offset": null,
            "error_code": 1,
            "error": "the connector's transforms or its error policy left the record out",
        }),
    }
}

fn with_body(status: StatusCode, media: &'static str, body: &Value) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body.to_string())));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(media));
    answer
}
