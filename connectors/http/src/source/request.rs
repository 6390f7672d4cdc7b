//! Requests for pages: templates, filled with where the source is.

use reqwest::header::{
    ACCEPT, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
};
use reqwest::{Request, Url};

use super::config::{Method, Pagination, ResponseFormat, SourceConfig};
use super::paging::Paging;
use super::position::Position;
use crate::client::headers;
use crate::template::{Escape, Template};

/// What a template may stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The offset of the last record.
    Offset,
    Cursor,
    /// The page's number.
    Page,
    /// The number of records before the page.
    Position,
}

/// The place with this name.
///
/// # Errors
/// Which ones there are.
pub(super) fn place(name: &str) -> Result<Place, String> {
    match name {
        "offset" => Ok(Place::Offset),
        "cursor" => Ok(Place::Cursor),
        "page" => Ok(Place::Page),
        "position" => Ok(Place::Position),
        _ => Err(format!(
            "there is no ${{{name}}}; there are ${{offset}}, ${{cursor}}, ${{page}} and ${{position}}"
        )),
    }
}

/// Makes requests.
#[derive(Debug)]
pub(super) struct Requests {
    method: Method,
    url: Template<Place>,
    parameters: Vec<(String, Template<Place>)>,
    headers: Vec<(HeaderName, Template<Place>)>,
    body: Template<Place>,
    /// Whether what is filled into the body stands within JSON strings.
    body_is_json: bool,
    parameter: Option<String>,
    initial_offset: Option<String>,
    conditional: bool,
    accept: &'static str,
}

impl Requests {
    /// # Errors
    /// What is wrong with a template.
    pub(super) fn new(config: &SourceConfig) -> Result<Self, String> {
        let template = |text: &str| Template::read(text, place);
        let parameters = config.parameters.split('&');
        let parameters = parameters
            .filter(|parameter| !parameter.is_empty())
            .map(|parameter| {
                let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
                Ok((name.trim().to_owned(), template(value)?))
            });
        let headers = headers::read(&config.headers, &config.headers_separator)?;
        let headers = headers.into_iter().map(|(name, value)| {
            let name =
                HeaderName::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
            Ok((name, template(value)?))
        });
        Ok(Self {
            method: config.method,
            url: template(&config.url)?,
            parameters: parameters.collect::<Result<_, String>>()?,
            headers: headers.collect::<Result<_, String>>()?,
            body: template(&config.body)?,
            body_is_json: config.body.trim_start().starts_with(['{', '[']),
            parameter: config.pagination_parameter.clone(),
            initial_offset: config.initial_offset.clone(),
            conditional: config.conditional,
            accept: match config.response_format {
                ResponseFormat::Json => "application/json, */*;q=0.5",
                ResponseFormat::Lines | ResponseFormat::Text => "*/*",
            },
        })
    }

    /// Whether servers are called with `https`.
    pub(super) fn is_https(&self) -> bool {
        self.url.head().starts_with("https")
    }

    /// The request for the page at `position`.
    ///
    /// # Errors
    /// What cannot stand in a request.
    pub(super) fn page(&self, position: &Position, paging: &Paging) -> Result<Request, String> {
        let value = |place: &Place| self.value(*place, position, paging);
        let by_link = matches!(paging.kind, Pagination::LinkHeader | Pagination::NextLink);
        let url = match (&position.page, by_link) {
            (Some(link), true) => parse(link)?,
            _ => self.url(&value, paging)?,
        };
        let method = match self.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let mut request = Request::new(method, url);
        self.add_headers(request.headers_mut(), &value)?;
        if self.method == Method::Post {
            let body = fill(&self.body, Escape::None, |place| {
                let text = value(place)?;
                Some(match self.body_is_json {
                    true => within_json(&text),
                    false => text,
                })
            })?;
            *request.body_mut() = Some(body.into());
        }
        self.add_conditions(&mut request, position);
        Ok(request)
    }

    fn url(
        &self,
        value: &impl Fn(&Place) -> Option<String>,
        paging: &Paging,
    ) -> Result<Url, String> {
        let mut url = parse(&fill(&self.url, Escape::Url, value)?)?;
        for (name, template) in &self.parameters {
            let is_there = template.places().all(|place| value(place).is_some());
            let filled = fill(template, Escape::None, value);
            // A parameter whose place has neither value nor default is left out.
            match (filled, is_there) {
                (Ok(text), _) => drop(url.query_pairs_mut().append_pair(name, &text)),
                (Err(_), false) => {}
                (Err(why), true) => return Err(why),
            }
        }
        let says_page = match paging.kind {
            Pagination::Cursor => Some(Place::Cursor),
            Pagination::Page => Some(Place::Page),
            Pagination::Offset => Some(Place::Position),
            Pagination::Chaining => Some(Place::Offset),
            _ => None,
        };
        if let (Some(name), Some(text)) =
            (&self.parameter, says_page.and_then(|place| value(&place)))
        {
            url.query_pairs_mut().append_pair(name, &text);
        }
        Ok(url)
    }

    fn value(&self, place: Place, position: &Position, paging: &Paging) -> Option<String> {
        match place {
            Place::Offset => position
                .since
                .text()
                .or_else(|| self.initial_offset.clone()),
            Place::Cursor => position.page.clone(),
            Place::Page | Place::Position => Some(paging.number(position).to_string()),
        }
    }

    fn add_headers(
        &self,
        headers: &mut HeaderMap,
        value: &impl Fn(&Place) -> Option<String>,
    ) -> Result<(), String> {
        headers.insert(ACCEPT, HeaderValue::from_static(self.accept));
        for (name, template) in &self.headers {
            let text = fill(template, Escape::None, value)?;
            let text = HeaderValue::from_str(&text)
                .map_err(|_| format!("'{text}' cannot stand in the header {name}"))?;
            headers.insert(name, text);
        }
        Ok(())
    }

    fn add_conditions(&self, request: &mut Request, position: &Position) {
        let Some(validators) = &position.validators else {
            return;
        };
        if !self.conditional || request.url().as_str() != validators.url {
            return;
        }
        let conditions = [
            (IF_NONE_MATCH, &validators.etag),
            (IF_MODIFIED_SINCE, &validators.modified),
        ];
        for (name, text) in conditions {
            if let Some(Ok(value)) = text.as_deref().map(HeaderValue::from_str) {
                request.headers_mut().insert(name, value);
            }
        }
    }
}

fn fill(
    template: &Template<Place>,
    escape: Escape,
    value: impl Fn(&Place) -> Option<String>,
) -> Result<String, String> {
    let mut text = String::new();
    let filled = template.fill(&mut text, escape, |place, out| match value(place) {
        Some(value) => {
            out.push_str(&value);
            true
        }
        None => false,
    });
    filled.map_err(|error| error.to_string())?;
    Ok(text)
}

fn parse(url: &str) -> Result<Url, String> {
    Url::parse(url).map_err(|error| format!("'{url}' is no URL: {error}"))
}

/// A text as it stands within the quotes of a JSON string.
fn within_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use millrace_api::config::Config as _;
    use millrace_testkit::properties;
    use serde_json::json;

    use super::*;
    use crate::source::level::Level;
    use crate::source::position::Validators;

    fn page(pairs: &[(&str, &str)], position: &Position) -> Request {
        let properties = properties(
            [("url", "http://x/items"), ("topic", "t")]
                .iter()
                .chain(pairs),
        );
        let config = SourceConfig::parse(&properties).unwrap();
        let requests = Requests::new(&config).unwrap();
        requests.page(position, &Paging::new(&config)).unwrap()
    }

    #[test]
    fn places_are_filled_where_they_stand() {
        let position = Position {
            since: Level {
                value: Some(json!("2024-01-01T00:00:00+01:00")),
                seen: Vec::new(),
            },
            page: Some("a b&\"".to_owned()),
            ..Position::default()
        };
        let pairs = [
            ("url", "http://x/${offset}/items?fixed=1"),
            ("http.request.parameters", "c=${cursor}&n=10"),
            ("http.request.headers", "X-Since: ${offset}|X-B:2"),
            ("http.request.method", "POST"),
            ("http.request.body", r#"{"cursor":"${cursor}"}"#),
            ("pagination", "cursor"),
            ("pagination.parameter", "after"),
        ];
        let request = page(&pairs, &position);
        assert_eq!(
            request.url().as_str(),
            "http://x/2024-01-01T00%3A00%3A00%2B01%3A00/items?fixed=1&c=a+b%26%22&n=10&after=a+b%26%22"
        );
        assert_eq!(request.headers()["x-since"], "2024-01-01T00:00:00+01:00");
        let body = request.body().and_then(|body| body.as_bytes()).unwrap();
        assert_eq!(body, br#"{"cursor":"a b&\""}"#);
    }

    #[test]
    fn parameters_without_a_value_are_left_out() {
        let pairs = [
            (
                "http.request.parameters",
                "since=${offset}&from=${offset|0}&p=${page}",
            ),
            ("pagination", "page"),
        ];
        let request = page(&pairs, &Position::default());
        assert_eq!(request.url().as_str(), "http://x/items?from=0&p=1");
        let initial = [pairs[0], ("http.initial.offset", "7")];
        let request = page(&initial, &Position::default());
        assert_eq!(request.url().as_str(), "http://x/items?since=7&from=7&p=0");
    }

    #[test]
    fn conditions_hold_for_the_url_that_they_came_with() {
        let position = |url: &str| Position {
            validators: Some(Validators {
                url: url.to_owned(),
                etag: Some("\"e\"".to_owned()),
                modified: None,
            }),
            ..Position::default()
        };
        let request = page(&[], &position("http://x/items"));
        assert_eq!(request.headers()[IF_NONE_MATCH], "\"e\"");
        let request = page(&[], &position("http://x/items?page=2"));
        assert!(request.headers().get(IF_NONE_MATCH).is_none());
        let never = [("conditional.requests", "false")];
        let request = page(&never, &position("http://x/items"));
        assert!(request.headers().get(IF_NONE_MATCH).is_none());
    }
}
