//! `POST /preview`: records of a source or of a sink's topics through each step of a configuration. Millrace's own; see
//! docs/preview.md.

use std::time::Duration;

use axum::http::StatusCode;
use millrace_config::NullableProperties;
use serde_json::value::RawValue;

use super::Api;
use super::answer::Answer;
use super::dispatch::Call;
use super::json::{fields, is_null, object, only_fields, parse, text, texts};
use crate::preview::{From, Limits, PreviewRequest};

/// The name of a connector that has none.
const NAMELESS: &str = "preview";
const FIELDS: [&str; 7] = [
    "connector",
    "config",
    "topic",
    "from",
    "records",
    "bytes",
    "timeout_ms",
];

pub(super) async fn answer(api: &Api, call: &Call) -> Result<Answer, Answer> {
    let Some(previewer) = &api.preview else {
        return Err(Answer::framework_error(StatusCode::NOT_FOUND));
    };
    let Asked {
        connector,
        config,
        mut request,
    } = asked(&call.body).map_err(|why| Answer::error(StatusCode::BAD_REQUEST, &why))?;
    request.config = match (config, &connector) {
        (Some(config), _) => config,
        (None, Some(name)) => api.herder.info(name)?.config,
        (None, None) => {
            return Err(Answer::error(
                StatusCode::BAD_REQUEST,
                "the request body has neither \"connector\" nor \"config\"",
            ));
        }
    };
    let own = request.config.get("name").cloned().flatten();
    request.name = connector.or(own).unwrap_or_else(|| NAMELESS.to_owned());
    let name = request.name.clone();
    request
        .config
        .entry("name".to_owned())
        .or_insert(Some(name));
    Ok(Answer::ok(&previewer.preview(request).await?))
}

struct Asked {
    connector: Option<String>,
    config: Option<NullableProperties>,
    /// Without name and configuration, which follow from the other two.
    request: PreviewRequest,
}

fn asked(body: &[u8]) -> Result<Asked, String> {
    let body = object(body)?;
    only_fields(&body, &FIELDS)?;
    let member = |key: &str| {
        body.get(key)
            .map(|value| &**value)
            .filter(|value| !is_null(value))
    };
    let word = |key: &str| match member(key) {
        Some(value) => text(value, &format!("\"{key}\"")),
        None => Ok(None),
    };
    let config = member("config").map(|config| texts(fields(config, "\"config\"")?));
    let defaults = Limits::default();
    let limits = Limits {
        records: number(member("records"), "records")?.unwrap_or(defaults.records),
        bytes: number(member("bytes"), "bytes")?.unwrap_or(defaults.bytes),
        time: number(member("timeout_ms"), "timeout_ms")?
            .map_or(defaults.time, Duration::from_millis),
    };
    let from = match word("from")?.as_deref() {
        None | Some("stored") => From::Stored,
        Some("beginning") => From::Beginning,
        Some("end") => From::End,
        Some(other) => {
            return Err(format!(
                "\"from\" is '{other}', not one of stored, beginning, end"
            ));
        }
    };
    limits.check()?;
    Ok(Asked {
        connector: word("connector")?,
        config: config.transpose()?,
        request: PreviewRequest {
            name: String::new(),
            config: NullableProperties::new(),
            topic: word("topic")?,
            from,
            limits,
        },
    })
}

fn number<T: serde::de::DeserializeOwned>(
    value: Option<&RawValue>,
    name: &str,
) -> Result<Option<T>, String> {
    value
        .map(|value| parse(value, &format!("\"{name}\" as a number")))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::{From, asked};

    #[test]
    fn bodies_say_what_and_how_much() {
        let given = asked(br#"{"connector": "c", "records": 3, "timeout_ms": 50, "from": "end"}"#);
        let given = given.unwrap();
        assert_eq!(given.connector.as_deref(), Some("c"));
        assert_eq!(given.request.from, From::End);
        assert_eq!(given.request.limits.records, 3);
        assert_eq!(given.request.limits.time.as_millis(), 50);
        assert_eq!(given.request.limits.bytes, 1024 * 1024);
        for (body, expected) in [
            ("{\"records\": 0}", "\"records\" is 0, not one of 1 to 1000"),
            ("{\"records\": -1}", "cannot read \"records\" as a number: "),
            (
                "{\"from\": \"now\"}",
                "\"from\" is 'now', not one of stored, beginning, end",
            ),
            (
                "{\"timeout_ms\": 60001}",
                "\"timeout_ms\" is 60001, not one of 1 to 60000",
            ),
            ("{\"name\": \"c\"}", "Unrecognized field \"name\""),
            ("{\"config\": []}", "\"config\" must be a JSON object"),
        ] {
            let error = asked(body.as_bytes()).err().unwrap();
            assert!(error.starts_with(expected), "{body}: {error}");
        }
    }
}
