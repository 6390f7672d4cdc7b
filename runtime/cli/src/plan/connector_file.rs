//! A connector's configuration on the command line, in the three forms Kafka Connect takes: a JSON object of
//! strings, JSON `{"name", "config", "initial_state"}`, or Java properties. Each names the connector.

use std::path::{Path, PathBuf};

use millrace_config::Properties;
use serde_json::{Map, Value};

use super::text;
use crate::failure::Problem;

/// One connector to create at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConnectorFile {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
    /// All keys of the file, `name` among them.
    pub(crate) config: Properties,
    /// `RUNNING`, `PAUSED` or `STOPPED`, where the file asks for one.
    pub(crate) initial_state: Option<String>,
}

impl ConnectorFile {
    pub(crate) fn read(path: &Path) -> Result<Self, Problem> {
        Self::parse(path, &text::read(path)?)
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Problem> {
        let wrong = |what: String| Problem::new(path.display(), what);
        // Properties may begin with a brace too, but no connector's do: what looks like JSON is read as JSON.
        let looks_like_json = bytes.trim_ascii_start().starts_with(b"{");
        let (name, mut config, initial_state) = if looks_like_json {
            let object: Map<String, Value> = serde_json::from_slice(bytes)
                .map_err(|error| wrong(format!("not a JSON object: {error}")))?;
            if is_request(&object) {
                from_request(&object)
            } else {
                strings(&object).map(|map| (None, map, None))
            }
            .map_err(wrong)?
        } else {
            (None, text::parse_properties(path, bytes)?, None)
        };
        let name = match (name, config.get("name")) {
            (Some(outer), Some(inner)) if outer != *inner => {
                return Err(wrong(format!(
                    "\"name\" is {outer}, but config.name is {inner}"
                )));
            }
            (Some(outer), _) => outer,
            (None, Some(inner)) => inner.clone(),
            (None, None) => {
                return Err(wrong(
                    "has no \"name\", which every connector needs".to_owned(),
                ));
            }
        };
        config.insert("name".to_owned(), name.clone());
        Ok(Self {
            path: path.to_owned(),
            name,
            config,
            initial_state,
        })
    }
}

/// Whether this is the body of a create request rather than a bare configuration.
fn is_request(object: &Map<String, Value>) -> bool {
    object.get("config").is_some_and(Value::is_object)
}

type Parts = (Option<String>, Properties, Option<String>);

fn from_request(object: &Map<String, Value>) -> Result<Parts, String> {
    let config = object
        .get("config")
        .and_then(Value::as_object)
        .map(strings)
        .transpose()?
        .unwrap_or_default();
    let text = |key: &str| match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(format!("\"{key}\" is {other}, not a string")),
    };
    let initial_state = text("initial_state")?.map(|state| state.to_uppercase());
    if let Some(state) = &initial_state
        && !["RUNNING", "PAUSED", "STOPPED"].contains(&state.as_str())
    {
        return Err(format!(
            "\"initial_state\" is {state}, not RUNNING, PAUSED or STOPPED"
        ));
    }
    Ok((text("name")?, config, initial_state))
}

fn strings(object: &Map<String, Value>) -> Result<Properties, String> {
    let pair = |(key, value): (&String, &Value)| match value {
        Value::String(text) => Ok((key.clone(), text.clone())),
        Value::Number(_) | Value::Bool(_) => Ok((key.clone(), value.to_string())),
        _ => Err(format!("\"{key}\" is {value}, not a string")),
    };
    object.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::ConnectorFile;

    fn parse(text: &str) -> Result<ConnectorFile, String> {
        ConnectorFile::parse(Path::new("c"), text.as_bytes()).map_err(|problem| problem.to_string())
    }

    #[test]
    fn all_three_forms_name_the_connector() {
        let forms = [
            "name=a\nfile=x",
            r#"{"name": "a", "file": "x"}"#,
            r#" {"name": "a", "config": {"file": "x"}, "unknown": 1}"#,
            r#"{"config": {"name": "a", "file": "x"}, "initial_state": null}"#,
        ];
        for form in forms {
            let parsed = parse(form).unwrap();
            assert_eq!(parsed.name, "a", "{form}");
            assert_eq!(parsed.config.len(), 2, "{form}");
            assert_eq!(parsed.config["file"], "x", "{form}");
            assert_eq!(parsed.initial_state, None, "{form}");
        }
    }

    #[test]
    fn a_state_to_begin_in_is_read_in_any_case() {
        let parsed = parse(r#"{"name": "a", "config": {}, "initial_state": "paused"}"#).unwrap();
        assert_eq!(parsed.initial_state.as_deref(), Some("PAUSED"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let cases = [
            ("file=x", "c: has no \"name\", which every connector needs"),
            (
                r#"{"name": "a", "config": {"name": "b"}}"#,
                "c: \"name\" is a, but config.name is b",
            ),
            (
                r#"{"name": "a", "file": ["x"]}"#,
                "c: \"file\" is [\"x\"], not a string",
            ),
            (
                r#"{"name": "a", "config": {}, "initial_state": "X"}"#,
                "c: \"initial_state\" is X, not RUNNING, PAUSED or STOPPED",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text).unwrap_err(), expected);
        }
        assert!(
            parse("{\"name\"")
                .unwrap_err()
                .starts_with("c: not a JSON object: ")
        );
    }
}
