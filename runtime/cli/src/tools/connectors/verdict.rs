//! What a worker says of configurations before they are used.

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    client::{Workers, segment},
    error::Refusal,
    secret::Secrets,
    show::{each, word},
};
use crate::plan::ConnectorFile;

/// What is wrong with one configuration.
#[derive(Debug)]
pub(super) struct Verdict {
    /// Keys with what is wrong with them; an empty key where it is the whole.
    pub(super) errors: Vec<(String, String)>,
}

impl Verdict {
    fn whole(why: impl Into<String>) -> Self {
        Self {
            errors: vec![(String::new(), why.into())],
        }
    }

    /// The errors, a line each.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        self.errors.iter().map(|(key, why)| match key.is_empty() {
            true => why.clone(),
            false => format!("{key}: {why}"),
        })
    }

    pub(super) fn json(&self) -> Value {
        let error = |(key, why): &(String, String)| json!({"key": key, "error": why});
        self.errors.iter().map(error).collect()
    }
}

/// Has the configuration of a file judged, and learns which keys are passwords.
///
/// # Errors
/// A worker that does not answer.
pub(super) async fn judge(
    workers: &Workers,
    file: &ConnectorFile,
    secrets: &mut Secrets,
) -> anyhow::Result<Verdict> {
    let Some(class) = file.config.get("connector.class") else {
        return Ok(Verdict::whole("has no connector.class"));
    };
    let Ok(plugin) = segment(class) else {
        return Ok(Verdict::whole("connector.class is empty"));
    };
    let path = format!("/connector-plugins/{plugin}/config/validate");
    let answer = workers
        .send(Method::PUT, &path, Some(&json!(file.config)))
        .await;
    let answer = match answer {
        Ok(answer) => answer.body,
        Err(error) => {
            return match error.downcast_ref::<Refusal>() {
                // A class that is not there, a provider that cannot be read: the message says which.
                Some(refusal) if matches!(refusal.status, 400 | 500) => {
                    Ok(Verdict::whole(refusal.message.clone()))
                }
                _ => Err(error),
            };
        }
    };
    let mut errors = Vec::new();
    for config in each(&answer, "configs") {
        let value = &config["value"];
        if config["definition"]["type"] == "PASSWORD" {
            secrets.add(word(&config["definition"], "name"));
        }
        for why in each(value, "errors").iter().filter_map(Value::as_str) {
            errors.push((word(value, "name").to_owned(), why.to_owned()));
        }
    }
    Ok(Verdict { errors })
}
