//! The keys.

use std::time::Duration;

use millrace_api::config::{Config, ConfigEnum, Value};
use millrace_api::{ConnectError, Properties};
use reqwest::Url;

use super::request::{self, Place};
use crate::client::{ClientConfig, headers};
use crate::form::ValueForm;
use crate::refused::Refused;
use crate::retry::{BackoffPolicy, check_statuses};
use crate::template::Template;

/// The method of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum Method {
    #[default]
    #[config(name = "GET")]
    Get,
    #[config(name = "POST")]
    Post,
}

/// How one page leads to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum Pagination {
    #[default]
    None,
    #[config(name = "link-header")]
    LinkHeader,
    #[config(name = "next-link")]
    NextLink,
    Cursor,
    Page,
    Offset,
    Chaining,
}

/// Where to go on after the last page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum AtEnd {
    #[default]
    Restart,
    Continue,
}

/// What bodies are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum ResponseFormat {
    #[default]
    Json,
    Lines,
    Text,
}

/// What an answer that cannot be used leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum OnError {
    #[default]
    Fail,
    Log,
}

/// What HttpSource needs to know.
#[derive(Debug, Clone, Config)]
pub(crate) struct SourceConfig {
    /// The URL to ask, beginning with `http://` or `https://`. `${offset}` (of the last record), `${cursor}`, `${page}`
    /// and `${position}` stand for where the source is; `${offset|2024-01-01}` gives what stands there at first.
    #[config(name = "url", importance = high, validator = check_url)]
    pub(crate) url: String,
    /// The topic to write to.
    #[config(name = "topic", importance = high, non_empty)]
    pub(crate) topic: String,
    /// Milliseconds between the end of the pages and the next look at them.
    #[config(name = "request.interval.ms", default = 15_000, range(1..), importance = high)]
    pub(crate) request_interval_ms: i64,
    /// The method: `GET` or `POST`.
    #[config(name = "http.request.method", default = "GET")]
    pub(crate) method: Method,
    /// Headers, `name:value`, separated by `http.request.headers.separator`; with the same places as `url`.
    #[config(name = "http.request.headers", default = "")]
    pub(crate) headers: String,
    /// What separates headers.
    #[config(name = "http.request.headers.separator", default = "|", non_empty, importance = low)]
    pub(crate) headers_separator: String,
    /// Parameters of the query, `name=value&…`, with the same places as `url`; one whose place has no value yet is left
    /// out. They are encoded as needed.
    #[config(name = "http.request.parameters", default = "", validator = check_template)]
    pub(crate) parameters: String,
    /// The body of a `POST`, with the same places as `url`.
    #[config(name = "http.request.body", default = "", validator = check_template)]
    pub(crate) body: String,
    /// What `${offset}` stands for until a record has brought one.
    #[config(name = "http.initial.offset")]
    pub(crate) initial_offset: Option<String>,
    /// How a page leads to the next: `none`; `link-header` (`Link: <…>; rel="next"`); `next-link` (a URL in the body, at
    /// `http.next.page.json.pointer`); `cursor` (a text there, for `${cursor}` or `pagination.parameter`); `page` (numbers,
    /// `${page}`); `offset` (the number of records so far, `${position}`); `chaining` (again with the last record's
    /// `${offset}`, until nothing new comes).
    #[config(name = "pagination", default = "none", importance = high)]
    pub(crate) pagination: Pagination,
    /// Where the next page's URL or cursor is in the body, as a JSON pointer. Missing, null or empty means the last page.
    #[config(name = "http.next.page.json.pointer", validator = check_pointer)]
    pub(crate) next_page_pointer: Option<String>,
    /// The parameter of the query that says which page: the cursor, the page's number or the number of records so far.
    #[config(name = "pagination.parameter")]
    pub(crate) pagination_parameter: Option<String>,
    /// The first number of `pagination=page` (1 if not set) or `offset` (0).
    #[config(name = "pagination.start")]
    pub(crate) pagination_start: Option<i64>,
    /// Records of a full page, for `page` and `offset`: one with fewer is the last. With 0, only an empty one is.
    #[config(name = "pagination.size", default = 0, range(0..))]
    pub(crate) pagination_size: i64,
    /// Where the next look begins after the last page: `restart` at the first page, `continue` at the last one, behind the
    /// records that were there; for lists that only grow at their end.
    #[config(name = "pagination.end", default = "restart")]
    pub(crate) at_end: AtEnd,
    /// What bodies are: `json`, `lines` (a record each; empty ones are left out) or `text` (one record).
    #[config(name = "response.format", default = "json")]
    pub(crate) response_format: ResponseFormat,
    /// Where the records are in a JSON body, as a JSON pointer; empty for the whole body. An array's elements are a record
    /// each.
    #[config(name = "http.response.data.json.pointer", default = "", validator = check_pointer)]
    pub(crate) data_pointer: String,
    /// Where a record's value is in an element, as a JSON pointer; empty for the whole element.
    #[config(name = "http.record.json.pointer", default = "", validator = check_pointer)]
    pub(crate) record_pointer: String,
    /// Where an element's key is, as a JSON pointer. It also says which element it is, among those of one offset.
    #[config(name = "http.key.json.pointer", validator = check_pointer)]
    pub(crate) key_pointer: Option<String>,
    /// Where an element's time is, as a JSON pointer: ISO 8601, or a number of seconds or (from 100,000,000,000 on)
    /// milliseconds since 1970. Without it, records have the time at which they are read.
    #[config(name = "http.timestamp.json.pointer", validator = check_pointer)]
    pub(crate) timestamp_pointer: Option<String>,
    /// Where an element's offset is, as a JSON pointer: a number or a text that grows, such as the time of its last change.
    /// Elements below the highest of earlier looks are left out, and so are those that equal it and were seen.
    #[config(name = "http.offset.json.pointer", validator = check_pointer)]
    pub(crate) offset_pointer: Option<String>,
    /// How many elements of one offset are remembered, so as not to give them again.
    #[config(name = "deduplication.window", default = 1_000, range(1..=100_000), importance = low)]
    pub(crate) window: i32,
    /// What converters get: `text` as it came, for StringConverter; `bytes`, for ByteArrayConverter; `parsed`: JSON's objects
    /// and numbers, for JsonConverter and for transforms.
    #[config(name = "value.form", default = "text", importance = high)]
    pub(crate) value_form: ValueForm,
    /// Whether to ask for a page that was the last one only if it has changed (`ETag`, `Last-Modified`).
    #[config(name = "conditional.requests", default = true, importance = low)]
    pub(crate) conditional: bool,
    /// Requests at most in each `requests.interval.ms`; 0 sets no limit.
    #[config(name = "requests.per.interval", default = 0, range(0..=10_000))]
    pub(crate) requests_per_interval: i32,
    /// The milliseconds of `requests.per.interval`.
    #[config(name = "requests.interval.ms", default = 1_000, range(1..), importance = low)]
    pub(crate) requests_interval_ms: i64,
    /// Statuses, and ranges of them, after which the same request is sent again. `Retry-After` is heeded.
    #[config(name = "retry.on.status.codes", default = "408,425,429,500-599", validator = check_statuses)]
    pub(crate) retry_statuses: Vec<String>,
    /// Tries after the first one; below 0 without an end.
    #[config(name = "max.retries", default = -1, range(-1..))]
    pub(crate) max_retries: i32,
    /// Milliseconds before the first try anew.
    #[config(name = "retry.backoff.ms", default = 1_000, range(1..))]
    pub(crate) retry_backoff_ms: i32,
    /// How pauses between tries grow: `EXPONENTIAL_WITH_JITTER` or `CONSTANT_VALUE`.
    #[config(name = "retry.backoff.policy", default = "EXPONENTIAL_WITH_JITTER", importance = low)]
    pub(crate) retry_policy: BackoffPolicy,
    /// What an answer leads to that cannot be used (another status, broken JSON, too many bytes, no tries left): `fail`, or
    /// `log` and ask again after `request.interval.ms`.
    #[config(name = "behavior.on.error", default = "fail")]
    pub(crate) on_error: OnError,
    /// Bytes of the largest body.
    #[config(name = "response.bytes.max", default = 16_777_216, range(1..=134_217_728), importance = low)]
    pub(crate) response_bytes_max: i32,
    /// How many records one poll gives at most.
    #[config(name = "batch.size", default = 1_000, range(1..=100_000), importance = low)]
    pub(crate) batch_size: i32,
    /// Connection and authentication.
    #[config(flatten)]
    pub(crate) client: ClientConfig,
}

impl SourceConfig {
    /// The typed configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn read(properties: &Properties) -> Result<Self, ConnectError> {
        let config =
            Self::parse(properties).map_err(|errors| ConnectError::config(errors.to_string()))?;
        config.contradictions().into_result()?;
        Ok(config)
    }

    /// What is wrong with keys together, of which each by itself is right.
    pub(crate) fn contradictions(&self) -> Refused {
        let mut refused = Refused::default();
        self.client.contradictions(&mut refused);
        self.check_pagination(&mut refused);
        self.check_places(&mut refused);
        if let Err(why) = headers::read(&self.headers, &self.headers_separator) {
            refused.add("http.request.headers", &self.headers, &why);
        }
        if self.method == Method::Get && !self.body.is_empty() {
            let why = "a GET has no body; set http.request.method=POST";
            refused.add("http.request.body", &self.body, why);
        }
        let json_only = [
            ("http.next.page.json.pointer", &self.next_page_pointer),
            ("http.offset.json.pointer", &self.offset_pointer),
            ("http.key.json.pointer", &self.key_pointer),
            ("http.timestamp.json.pointer", &self.timestamp_pointer),
        ];
        for (key, pointer) in json_only {
            if let (ResponseFormat::Text, Some(pointer)) = (self.response_format, pointer) {
                refused.add(key, pointer, "with response.format=text there is no JSON");
            }
        }
        refused
    }

    fn check_pagination(&self, refused: &mut Refused) {
        let by_pointer = matches!(self.pagination, Pagination::NextLink | Pagination::Cursor);
        if by_pointer && self.next_page_pointer.is_none() {
            let why = "this pagination needs to know where the next page is named in the body";
            refused.missing("http.next.page.json.pointer", why);
        }
        if by_pointer && self.response_format != ResponseFormat::Json {
            let why = "what names the next page is read from JSON; set response.format=json";
            refused.add("pagination", "cursor or next-link", why);
        }
        if self.pagination == Pagination::Chaining && self.offset_pointer.is_none() {
            let why = "pagination=chaining asks with the last record's offset; say where it is";
            refused.missing("http.offset.json.pointer", why);
        }
        if self.at_end == AtEnd::Continue
            && let Some(pointer) = &self.offset_pointer
        {
            let why = "pagination.end=continue goes on by the place in the list, so leave this key out, or set \
                       pagination.end=restart";
            refused.add("http.offset.json.pointer", pointer, why);
        }
        let says_page = self.pagination_parameter.is_some();
        let (needed, name) = match self.pagination {
            Pagination::Cursor => (Place::Cursor, "cursor"),
            Pagination::Page => (Place::Page, "page"),
            Pagination::Offset => (Place::Position, "position"),
            Pagination::Chaining => (Place::Offset, "offset"),
            _ => return,
        };
        if !says_page && !self.places().contains(&needed) {
            let why = format!(
                "no request would say which page it wants: name the query's parameter here, or write ${{{name}}} in \
                 url, http.request.parameters, http.request.headers or http.request.body"
            );
            refused.missing("pagination.parameter", &why);
        }
    }

    /// Places without a value at first need a default, except in parameters, which may be left out.
    fn check_places(&self, refused: &mut Refused) {
        let texts = [
            ("url", &self.url),
            ("http.request.headers", &self.headers),
            ("http.request.body", &self.body),
        ];
        for (key, text) in texts {
            if let Err(why) = Template::read(text, request::place) {
                refused.add(key, text, &why);
            }
            if text.contains("${offset}") && self.initial_offset.is_none() {
                let why = "${offset} stands for nothing at first: set http.initial.offset, or write ${offset|…}";
                refused.add(key, text, why);
            }
            if text.contains("${cursor}") {
                let why = "${cursor} stands for nothing on the first page: write ${cursor|…}, or use \
                           http.request.parameters or pagination.parameter";
                refused.add(key, text, why);
            }
        }
        if self.places().contains(&Place::Offset)
            && self.offset_pointer.is_none()
            && self.initial_offset.is_none()
        {
            let why = "${offset} is used, so say where records have their offsets";
            refused.missing("http.offset.json.pointer", why);
        }
    }

    fn places(&self) -> Vec<Place> {
        [&self.url, &self.parameters, &self.headers, &self.body]
            .into_iter()
            .filter_map(|text| Template::read(text, request::place).ok())
            .flat_map(|template| template.places().copied().collect::<Vec<_>>())
            .collect()
    }

    /// Between two looks.
    pub(crate) fn interval(&self) -> Duration {
        Duration::from_millis(self.request_interval_ms.unsigned_abs())
    }
}

fn check_url(_key: &str, value: &Value) -> Result<(), String> {
    let Some(text) = value.as_str() else {
        return Ok(());
    };
    let template = Template::read(text, request::place)?;
    let mut sample = String::new();
    template
        .fill(&mut sample, crate::template::Escape::Url, |_, out| {
            out.push('0');
            true
        })
        .map_err(|error| error.to_string())?;
    match Url::parse(&sample) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(()),
        _ => Err("write a URL such as https://example.org/items".to_owned()),
    }
}

fn check_template(_key: &str, value: &Value) -> Result<(), String> {
    value.as_str().map_or(Ok(()), |text| {
        Template::read(text, request::place).map(drop)
    })
}

fn check_pointer(_key: &str, value: &Value) -> Result<(), String> {
    match value.as_str() {
        Some(pointer) if !pointer.is_empty() && !pointer.starts_with('/') => {
            Err(format!("a JSON pointer begins with /, as in /{pointer}"))
        }
        _ => Ok(()),
    }
}
