//! The keys of the sink, named as Confluent's HTTP sink names them where it has them.

use millrace_api::config::{self, Config, ConfigEnum, Secret};
use millrace_api::{ConnectError, Properties};

use super::json::DecimalFormat;
use super::presets::{Preset, PresetConfig};
use super::view::Place;
use crate::client::{ClientConfig, headers};
use crate::refused::Refused;
use crate::retry::{BackoffPolicy, check_statuses};
use crate::template::Template;

/// What the body of a request is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum BodyFormat {
    /// Text and bytes as they are; structs, maps and arrays as JSON.
    #[default]
    String,
    /// JSON.
    Json,
}

/// What becomes of a record without a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum OnNull {
    /// It is left out.
    #[default]
    Ignore,
    /// It is left out, and the log says so.
    Log,
    /// It fails.
    Fail,
    /// A DELETE request is sent.
    Delete,
}

/// What becomes of a record that cannot be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum OnError {
    /// What `errors.tolerance` says.
    #[default]
    Fail,
    /// It is left out, and the log says so.
    Log,
    /// It is left out.
    Ignore,
}

/// Which records keep their order when requests run in parallel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum Order {
    /// Those of a partition.
    #[default]
    Partition,
    /// Those with the same key; those without a key as in `partition`.
    Key,
    /// None.
    None,
}

/// How bodies are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum Compression {
    /// Not.
    #[default]
    None,
    /// `Content-Encoding: gzip`.
    Gzip,
    /// `Content-Encoding: zstd`.
    Zstd,
    /// `Content-Encoding: deflate`.
    Deflate,
}

/// What the HTTP sink needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct SinkConfig {
    /// The URL to send records to. `${topic}`, `${key}`, `${partition}`, `${offset}`, `${timestamp}`, `${header.NAME}`,
    /// `${key.FIELD}` and `${FIELD}` (a field of the value) stand for what they are of each record, percent-encoded;
    /// `${FIELD|text}` has a default.
    #[config(name = "http.api.url", importance = high, validator = check_url_template)]
    pub(crate) url: String,
    /// Sets what a kind of server expects, as `http.api.url` is its address: `none`, `webhook`, `elasticsearch`, `opensearch`, `loki`,
    /// `splunk` or `influxdb`.
    #[config(name = "preset", default = "none", importance = high)]
    pub(crate) preset: Preset,
    /// The method: `POST`, `PUT`, `PATCH` or `DELETE`, or a template of one.
    #[config(name = "request.method", default = "POST", importance = high, validator = check_method)]
    pub(crate) method: String,
    /// Headers of each request, `name:value`, separated by `header.separator`; values may have places as `http.api.url` has.
    #[config(name = "headers", default = "", importance = high)]
    pub(crate) headers: String,
    /// What separates headers.
    #[config(name = "header.separator", default = "|", non_empty)]
    pub(crate) header_separator: String,
    /// Further headers, which are not shown.
    #[config(name = "sensitive.headers")]
    pub(crate) sensitive_headers: Option<Secret>,
    /// The body of a request: `string` sends text and bytes as they are and other values as JSON, `json` sends JSON: text that is a
    /// JSON object or array as it is, other text as a JSON string.
    #[config(name = "request.body.format", default = "string", importance = high)]
    pub(crate) body_format: BodyFormat,
    /// How decimals are written in JSON: `NUMERIC` or `BASE64`.
    #[config(name = "decimal.format", default = "NUMERIC", importance = low)]
    pub(crate) decimal_format: DecimalFormat,
    /// Regular expressions, separated by `regex.separator`: what they match in a record's body is replaced.
    #[config(name = "regex.patterns", default = "", importance = low)]
    pub(crate) regex_patterns: String,
    /// What replaces the matches of each of `regex.patterns`; `$1` is a group.
    #[config(name = "regex.replacements", default = "", importance = low)]
    pub(crate) regex_replacements: String,
    /// What separates patterns and replacements.
    #[config(name = "regex.separator", default = "~", non_empty, importance = low)]
    pub(crate) regex_separator: String,
    /// What becomes of a record without a value: `ignore`, `log`, `fail` or `delete` (a DELETE request).
    #[config(name = "behavior.on.null.values", default = "ignore")]
    pub(crate) on_null: OnNull,
    /// What becomes of a record that cannot be delivered: `fail` (as `errors.tolerance` says: the dead letter queue, or the
    /// task fails), `log` or `ignore` (it is left out).
    #[config(name = "behavior.on.error", default = "fail")]
    pub(crate) on_error: OnError,
    /// How many records go into one request at most. A batch ends where URL, method or headers change. Without a value, 1; with a
    /// preset for bulk requests, 500.
    #[config(name = "batch.max.size", range(1..=1_000_000), importance = high)]
    pub(crate) batch_max_size: Option<i32>,
    /// Bytes of the records of one request at most; a single record may be larger.
    #[config(name = "batch.max.bytes", default = 1_000_000, range(1..=1_000_000_000))]
    pub(crate) batch_max_bytes: i32,
    /// What stands before the records of a request. `\n`, `\r`, `\t` and `\s` are a line feed, a carriage return, a tab and a
    /// blank, `\\` is a backslash.
    #[config(name = "batch.prefix", default = "")]
    batch_prefix: String,
    /// What stands behind the records of a request.
    #[config(name = "batch.suffix", default = "")]
    batch_suffix: String,
    /// What stands between two records of a request.
    #[config(name = "batch.separator", default = ",")]
    batch_separator: String,
    /// Whether the records of a request are a JSON array.
    #[config(name = "batch.json.as.array", default = false)]
    pub(crate) batch_json_as_array: bool,
    /// Only records for which this is the same share a request, such as `${key}-${topic}`.
    #[config(name = "batch.key.pattern", validator = check_template, importance = low)]
    pub(crate) batch_key_pattern: Option<String>,
    /// How many requests of a task may be under way at once.
    #[config(name = "parallel.requests", default = 4, range(1..=1_000))]
    pub(crate) parallel_requests: i32,
    /// Which records keep their order when requests run in parallel: those of a `partition`, those with the same `key`, or `none`.
    #[config(name = "request.order", default = "partition")]
    pub(crate) order: Order,
    /// A header with a name for what is sent, the same on each try: topic, partition and offset of its first record, with the
    /// number of records behind a `+` where there are several. Empty for none; with `preset=webhook`, `Idempotency-Key`.
    #[config(name = "idempotency.key.header", validator = check_header_name)]
    pub(crate) idempotency_header: Option<String>,
    /// How bodies are compressed: `none`, `gzip`, `zstd` or `deflate`.
    #[config(name = "compression.type", default = "none")]
    pub(crate) compression: Compression,
    /// Answers after which a request is sent again, as statuses and ranges. A request without an answer is sent again, too.
    #[config(name = "retry.on.status.codes", default = "408,425,429,500,502-599", validator = check_statuses)]
    pub(crate) retry_on: Vec<String>,
    /// How often a request is sent again; -1 without a limit. Waits that the server asks for by `Retry-After` do not count.
    #[config(name = "max.retries", default = 10, range(-1..))]
    pub(crate) max_retries: i32,
    /// Milliseconds before the first retry.
    #[config(name = "retry.backoff.ms", default = 3_000, range(1..))]
    pub(crate) retry_backoff_ms: i32,
    /// How the time before a retry grows: `EXPONENTIAL_WITH_JITTER` (twice as long each time, up to a minute) or `CONSTANT_VALUE`.
    #[config(name = "retry.backoff.policy", default = "EXPONENTIAL_WITH_JITTER")]
    pub(crate) retry_backoff_policy: BackoffPolicy,
    /// Milliseconds after the first try from which on a request is not sent again; -1 without a limit.
    #[config(name = "retry.timeout.ms", default = -1, range(-1..))]
    pub(crate) retry_timeout_ms: i64,
    /// Answers after which a batch is sent again in halves, down to the records at fault.
    #[config(name = "batch.split.on.status.codes", default = "400,413,422", validator = check_statuses, importance = low)]
    pub(crate) split_on: Vec<String>,
    /// Bytes of records that wait for delivery in a task; above that, its partitions are paused.
    #[config(name = "buffer.max.bytes", default = 16_777_216, range(1_024..), importance = low)]
    pub(crate) buffer_max_bytes: i32,
    #[config(flatten)]
    pub(crate) presets: PresetConfig,
    #[config(flatten)]
    pub(crate) client: ClientConfig,
}

impl SinkConfig {
    /// The typed configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn read(properties: &Properties) -> Result<Self, ConnectError> {
        let config =
            Self::parse(properties).map_err(|errors| ConnectError::config(errors.to_string()))?;
        config.contradictions().into_result()?;
        Ok(config.with_blanks(properties))
    }

    /// What is wrong with keys together, of which each by itself is right.
    pub(crate) fn contradictions(&self) -> Refused {
        let mut refused = Refused::default();
        self.client.contradictions(&mut refused);
        self.presets.contradictions(self.preset, &mut refused);
        let secret = self.sensitive_headers.as_ref().map_or("", Secret::expose);
        for (key, text, shown) in [
            ("headers", self.headers.as_str(), self.headers.as_str()),
            ("sensitive.headers", secret, "[hidden]"),
        ] {
            if let Err(why) = read_headers(text, &self.header_separator) {
                refused.add(key, shown, &why);
            }
        }
        if let Err((key, why)) = super::render::Rewrites::read(self) {
            let value = match key {
                "regex.patterns" => &self.regex_patterns,
                _ => &self.regex_replacements,
            };
            refused.add(key, value, &why);
        }
        if self.on_null == OnNull::Delete && !self.preset.can_delete() {
            let why = "this preset's server deletes nothing by request; choose ignore, log or fail";
            refused.add("behavior.on.null.values", "delete", why);
        }
        refused
    }

    /// Separators that are all blanks mean them, though configuration values are trimmed.
    fn with_blanks(mut self, properties: &Properties) -> Self {
        for (key, text) in [
            ("batch.prefix", &mut self.batch_prefix),
            ("batch.suffix", &mut self.batch_suffix),
            ("batch.separator", &mut self.batch_separator),
        ] {
            match properties.get(key) {
                Some(given) if given.trim().is_empty() => text.clone_from(given),
                _ => *text = unescape(text),
            }
        }
        self
    }

    /// What stands before, between and behind the records of a request.
    pub(crate) fn framing(&self) -> (&str, &str, &str) {
        (
            &self.batch_prefix,
            &self.batch_separator,
            &self.batch_suffix,
        )
    }

    /// The headers, those that are not shown last, and whether each is shown.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(crate) fn all_headers(&self) -> Result<Vec<(String, Template<Place>, bool)>, String> {
        let secret = self.sensitive_headers.as_ref().map_or("", Secret::expose);
        let mut all = Vec::new();
        for (text, shown) in [(self.headers.as_str(), true), (secret, false)] {
            let read = read_headers(text, &self.header_separator)?;
            all.extend(read.into_iter().map(|(name, value)| (name, value, shown)));
        }
        Ok(all)
    }
}

fn read_headers(text: &str, separator: &str) -> Result<Vec<(String, Template<Place>)>, String> {
    let pairs = headers::read(text, separator)?;
    pairs
        .into_iter()
        .map(|(name, value)| Ok((name.to_owned(), Template::read(value, Place::read)?)))
        .collect()
}

/// Blanks around a configuration value are lost, so those that matter may be written as escapes.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('t') => plain.push('\t'),
            Some('s') => plain.push(' '),
            Some('\\') | None => plain.push('\\'),
            Some(other) => plain.extend(['\\', other]),
        }
    }
    plain
}

fn check_url_template(_key: &str, value: &config::Value) -> Result<(), String> {
    let Some(text) = value.as_str() else {
        return Ok(());
    };
    let template = Template::read(text, Place::read)?;
    let head = template.head();
    let host = head
        .strip_prefix("http://")
        .or_else(|| head.strip_prefix("https://"))
        .ok_or("it must begin with http:// or https:// and a host; write it as https://host:port/path/${topic}")?;
    if host.is_empty() || host.starts_with('/') {
        return Err("it has no host; write it as https://host:port/path/${topic}".to_owned());
    }
    if template.fixed().is_none() && !host.contains(['/', '?']) {
        return Err(
            "a place may not stand in the host; put it behind the first / of the path".to_owned(),
        );
    }
    match reqwest::Url::parse(head) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!(
            "it is not a URL ({error}); write it as https://host:port/path/${{topic}}"
        )),
    }
}

fn check_method(_key: &str, value: &config::Value) -> Result<(), String> {
    let Some(text) = value.as_str() else {
        return Ok(());
    };
    let known = ["POST", "PUT", "PATCH", "DELETE"];
    match Template::read(text, Place::read)?.fixed() {
        Some(fixed) if !known.iter().any(|known| known.eq_ignore_ascii_case(fixed)) => {
            Err("it must be one of POST, PUT, PATCH and DELETE, or a template such as ${header.method|POST}".to_owned())
        }
        _ => Ok(()),
    }
}

/// The check of a key that holds a template.
pub(crate) fn check_template(_key: &str, value: &config::Value) -> Result<(), String> {
    match value.as_str() {
        Some(text) => Template::read(text, Place::read).map(drop),
        None => Ok(()),
    }
}

fn check_header_name(_key: &str, value: &config::Value) -> Result<(), String> {
    match value.as_str() {
        Some(name) if !name.is_empty() => reqwest::header::HeaderName::from_bytes(name.as_bytes())
            .map(drop)
            .map_err(|_| {
                "it is not the name of a header; use letters, digits and dashes".to_owned()
            }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<SinkConfig, String> {
        let mut properties =
            Properties::from([("http.api.url".to_owned(), "http://h/".to_owned())]);
        for (key, value) in pairs {
            properties.insert((*key).to_owned(), (*value).to_owned());
        }
        SinkConfig::read(&properties).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_wrong_is_said_with_key_and_remedy() {
        for (key, value, remedy) in [
            ("http.api.url", "ftp://h/", "http://"),
            ("http.api.url", "http:///x", "host"),
            ("http.api.url", "http://${topic}/x", "path"),
            ("http.api.url", "http://h:99999/", "https://host:port"),
            ("http.api.url", "http://h/${topic", "closing brace"),
            ("request.method", "FETCH", "POST"),
            ("headers", "nocolon", "name:value"),
            ("headers", "A:${}", "topic"),
            ("sensitive.headers", "secret", "name:value"),
            ("retry.on.status.codes", "5xx", "500-599"),
            ("regex.patterns", "(", "regular expression"),
            ("regex.patterns", "a~b", "regex.replacements"),
            ("batch.max.size", "0", "batch.max.size"),
            ("behavior.on.null.values", "drop", "delete"),
            ("preset", "kafka", "elasticsearch"),
            ("compression.type", "lz4", "gzip"),
            ("idempotency.key.header", "a b", "letters"),
            ("https.ssl.truststore.type", "JKS", "keytool"),
        ] {
            let error = read(&[(key, value)]).unwrap_err();
            assert!(
                error.contains(key) && error.contains(remedy),
                "{key}={value}: {error}"
            );
        }
    }

    #[test]
    fn all_contradictions_are_said_together_and_secrets_are_not() {
        let error = read(&[
            ("auth.type", "BASIC"),
            ("http.proxy.host", "p"),
            ("sensitive.headers", "hunter2"),
        ])
        .unwrap_err();
        for key in ["connection.user", "http.proxy.port", "sensitive.headers"] {
            assert!(error.contains(key), "{error}");
        }
        assert!(error.contains("[hidden]"), "{error}");
    }

    #[test]
    fn separators_may_be_blanks() {
        let config = read(&[
            ("batch.separator", "\n"),
            ("batch.prefix", "\\n["),
            ("batch.suffix", "\\d\\\\"),
        ]);
        assert_eq!(config.unwrap().framing(), ("\n[", "\n", "\\d\\"));
        assert_eq!(read(&[]).unwrap().framing(), ("", ",", ""));
    }
}
