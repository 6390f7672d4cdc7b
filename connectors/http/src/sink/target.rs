//! Where a record goes: method, URL and headers, made from templates.

use std::sync::Arc;

use millrace_api::ConnectError;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
};
use reqwest::{Method, Url};

use super::config::{Compression, SinkConfig};
use super::presets::Preset;
use super::view::{Place, View};
use crate::template::{Escape, Template};

/// Separates the parts of a target's text; no header and no URL may have it.
const SEPARATOR: char = '\0';

/// What requests share that records may be put together in.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    /// All of it as text, to tell targets apart.
    text: String,
}

impl Target {
    /// The target for messages: without credentials and query, which may be secret.
    pub(crate) fn shown(&self) -> String {
        let url = &self.url;
        let port = url
            .port()
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        let host = url.host_str().unwrap_or_default();
        format!(
            "{} {}://{host}{port}{}",
            self.method,
            url.scheme(),
            url.path()
        )
    }

    /// Whether records for both may share a request.
    pub(crate) fn is(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || self.text == other.text
    }
}

/// Makes targets.
#[derive(Clone, Debug)]
pub(crate) struct Targets {
    url: Template<Place>,
    /// The path and query of the preset's API, where the URL has none.
    path: Option<String>,
    method: Template<Place>,
    headers: Vec<(HeaderName, Template<Place>, bool)>,
    /// Headers that are the same for all.
    fixed: HeaderMap,
    key: Option<Template<Place>>,
    /// Whether no template names anything of a record.
    constant: bool,
    /// The target made last; records for the same one come together.
    last: Option<Last>,
    text: String,
}

#[derive(Clone, Debug)]
struct Last {
    target: Arc<Target>,
    deleted: bool,
}

impl Targets {
    /// # Errors
    /// When a template cannot be read.
    pub(crate) fn new(config: &SinkConfig) -> Result<Self, ConnectError> {
        let read = |text: &str| Template::read(text, Place::read).map_err(ConnectError::config);
        let mut headers = Vec::new();
        for (name, template, shown) in config.all_headers().map_err(ConnectError::config)? {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| {
                ConnectError::config(format!("cannot use the header {name}")).caused_by(error)
            })?;
            headers.push((name, template, shown));
        }
        let (url, method) = (read(&config.url)?, read(&config.method)?);
        let key = config.batch_key_pattern.as_deref().map(read).transpose()?;
        let values = headers.iter().map(|(_, template, _)| template);
        let constant = [&url, &method]
            .into_iter()
            .chain(values)
            .chain(&key)
            .all(|template| template.fixed().is_some());
        Ok(Self {
            constant,
            path: path(&url, config),
            url,
            method,
            headers,
            fixed: fixed_headers(config)?,
            key,
            last: None,
            text: String::new(),
        })
    }

    /// Whether all records that are not deleted have the same target.
    pub(crate) fn is_constant(&self) -> bool {
        self.constant
    }

    /// The target of a record; `deleted` asks for a DELETE request, `group` is shared only with records of the same group.
    ///
    /// # Errors
    /// When the record has not what the templates name, or what it has cannot stand there.
    pub(crate) fn of(
        &mut self,
        view: &View<'_>,
        deleted: bool,
    ) -> Result<&Arc<Target>, ConnectError> {
        if !self.is_last(view, deleted)? {
            self.last = None;
        }
        let last = match self.last.take() {
            Some(last) => last,
            None => Last {
                target: Arc::new(self.parse()?),
                deleted,
            },
        };
        Ok(&self.last.insert(last).target)
    }

    /// Whether the target made last is that of this record, too; else what it is made of is at hand.
    fn is_last(&mut self, view: &View<'_>, deleted: bool) -> Result<bool, ConnectError> {
        if self.constant
            && let Some(last) = &self.last
            && last.deleted == deleted
        {
            return Ok(true);
        }
        self.fill(view, deleted)
            .map_err(|error| ConnectError::data("cannot address the record").caused_by(error))?;
        let last = self.last.as_ref();
        Ok(last.is_some_and(|last| last.target.text == self.text))
    }

    fn fill(&mut self, view: &View<'_>, deleted: bool) -> Result<(), crate::template::FillError> {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        let value = |place: &Place, text: &mut String| view.fill(place, text);
        let filled = (|| {
            match deleted {
                true => text.push_str("DELETE"),
                false => self.method.fill(&mut text, Escape::None, value)?,
            }
            text.push(SEPARATOR);
            self.url.fill(&mut text, Escape::Url, value)?;
            for (_, template, _) in &self.headers {
                text.push(SEPARATOR);
                template.fill(&mut text, Escape::None, value)?;
            }
            text.push(SEPARATOR);
            match &self.key {
                Some(key) => key.fill(&mut text, Escape::None, value),
                None => Ok(()),
            }
        })();
        self.text = text;
        filled
    }

    fn parse(&self) -> Result<Target, ConnectError> {
        let mut parts = self.text.split(SEPARATOR);
        let method = parts.next().unwrap_or_default().to_ascii_uppercase();
        let url = parts.next().unwrap_or_default();
        let mut url = Url::parse(url).map_err(|error| {
            ConnectError::data("cannot address the record: its URL is not valid").caused_by(error)
        })?;
        if let Some(path) = &self.path {
            let (path, query) = path.split_once('?').unwrap_or((path, ""));
            url.set_path(path);
            url.set_query((!query.is_empty()).then_some(query));
        }
        let mut headers = self.fixed.clone();
        for ((name, _, shown), text) in self.headers.iter().zip(parts) {
            let mut value = HeaderValue::from_str(text).map_err(|_| {
                ConnectError::data(format!(
                    "cannot set the header {name}: its value has characters that no header may have, such as line ends"
                ))
            })?;
            value.set_sensitive(!shown);
            headers.insert(name.clone(), value);
        }
        Ok(Target {
            method: match method.as_str() {
                "POST" => Method::POST,
                "PUT" => Method::PUT,
                "PATCH" => Method::PATCH,
                "DELETE" => Method::DELETE,
                other => {
                    return Err(ConnectError::data(format!(
                        "cannot address the record: its method is '{other}', and must be one of POST, PUT, PATCH and DELETE"
                    )));
                }
            },
            url,
            headers,
            text: self.text.clone(),
        })
    }
}

/// The preset's path, where the URL has none of its own.
fn path(url: &Template<Place>, config: &SinkConfig) -> Option<String> {
    let fixed = url.fixed()?;
    let url = Url::parse(fixed).ok()?;
    match url.path() {
        "" | "/" => config.preset.path(&config.presets),
        _ => None,
    }
}

fn fixed_headers(config: &SinkConfig) -> Result<HeaderMap, ConnectError> {
    let mut headers = HeaderMap::new();
    let content_type = config.preset.content_type(config.body_format);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let encoding = match config.compression {
        Compression::None => None,
        Compression::Gzip => Some("gzip"),
        Compression::Zstd => Some("zstd"),
        Compression::Deflate => Some("deflate"),
    };
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    let token = match config.preset {
        Preset::Splunk => config
            .presets
            .splunk_token
            .as_ref()
            .map(|token| ("Splunk", token)),
        Preset::InfluxDb => config
            .presets
            .influxdb_token
            .as_ref()
            .map(|token| ("Token", token)),
        _ => None,
    };
    if let Some((scheme, token)) = token {
        let mut value =
            HeaderValue::from_str(&format!("{scheme} {}", token.expose())).map_err(|_| {
                ConnectError::config(
                    "cannot send the preset's token, which has characters that no header may have",
                )
            })?;
        value.set_sensitive(true);
        headers.insert(reqwest::header::AUTHORIZATION, value);
    }
    Ok(headers)
}
