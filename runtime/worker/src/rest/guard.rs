//! What a browser may do: a web page must not reach a REST API on loopback under a name of its own.
//!
//! A request is a browser's if it has `Origin` or `Sec-Fetch-Site`, or says that it is `Mozilla/…`. Tools, scripts
//! and proxies are untouched.

use axum::http::{HeaderMap, Method, header};

use super::answer::Answer;
use crate::config::RestConfig;

/// Names of this host that a browser may use without being allowed.
const OWN_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The rules for browsers.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    allowed_hosts: Vec<String>,
    origins: Vec<String>,
    methods: String,
}

impl Guard {
    pub(super) fn new(config: &RestConfig) -> Self {
        let list = |text: &str| {
            text.split(',')
                .map(|item| item.trim().to_owned())
                .filter(|item| !item.is_empty())
                .collect()
        };
        let methods = match config.allow_methods.trim() {
            "" => "GET,POST,HEAD".to_owned(),
            methods => methods.to_owned(),
        };
        Self {
            allowed_hosts: config.allowed_hosts.clone(),
            origins: list(&config.allow_origin),
            methods,
        }
    }

    /// The rules where nothing is configured: a browser may use this host's own names.
    pub(super) fn of_own_names() -> Self {
        Self {
            allowed_hosts: Vec::new(),
            origins: Vec::new(),
            methods: String::new(),
        }
    }

    /// Says why a request to a listener on loopback is refused; `None` if it is not.
    pub(super) fn refusal(&self, headers: &HeaderMap) -> Option<String> {
        if !is_browser(headers) {
            return None;
        }
        let host = text(headers, header::HOST)
            .map(host_name)
            .unwrap_or_default();
        if !self.is_allowed(host) {
            return Some(refused("host", host));
        }
        let origin = text(headers, header::ORIGIN)?;
        let origin_host = origin
            .split_once("://")
            .map_or("", |(_, authority)| host_name(authority));
        if self.is_origin_allowed(origin) || self.is_allowed(origin_host) {
            None
        } else {
            Some(refused("origin", origin))
        }
    }

    fn is_allowed(&self, host: &str) -> bool {
        let is_same = |allowed: &str| allowed.eq_ignore_ascii_case(host);
        OWN_NAMES.into_iter().any(is_same)
            || self.allowed_hosts.iter().any(|allowed| is_same(allowed))
            || self
                .origins
                .iter()
                .filter_map(|origin| origin.split_once("://"))
                .any(|(_, rest)| is_same(host_name(rest)))
    }

    fn is_origin_allowed(&self, origin: &str) -> bool {
        self.origins
            .iter()
            .any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(origin))
    }

    /// Adds what a browser needs to let another origin's page see the answer.
    pub(super) fn share(&self, method: &Method, headers: &HeaderMap, answer: Answer) -> Answer {
        if self.origins.is_empty() {
            return answer;
        }
        let answer = answer.with(header::VARY, "Origin");
        let Some(origin) =
            text(headers, header::ORIGIN).filter(|origin| self.is_origin_allowed(origin))
        else {
            return answer;
        };
        let answer = answer.with(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let is_preflight = method == Method::OPTIONS
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !is_preflight {
            return answer;
        }
        answer
            .with(header::ACCESS_CONTROL_ALLOW_METHODS, &self.methods)
            .with(header::ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type")
            .with(header::ACCESS_CONTROL_MAX_AGE, "60")
    }
}

fn refused(what: &str, name: &str) -> String {
    format!(
        "requests of a browser with the {what} '{name}' are refused; rest.allowed.hosts of the worker can allow it"
    )
}

fn is_browser(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN)
        || headers.contains_key("sec-fetch-site")
        || text(headers, header::USER_AGENT).is_some_and(|agent| agent.starts_with("Mozilla/"))
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

/// The host of `host:port`; an IPv6 address keeps its brackets.
fn host_name(authority: &str) -> &str {
    match authority.find(']') {
        Some(end) => &authority[..=end],
        None => authority.split(':').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    use super::Guard;

    fn refused(guard: &Guard, headers: &[(&'static str, &'static str)]) -> bool {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        guard
            .refusal(&headers.iter().map(pair).collect::<HeaderMap>())
            .is_some()
    }

    #[test]
    fn pages_of_other_names_are_refused_and_tools_are_not() {
        let guard = Guard {
            allowed_hosts: vec!["box.lan".to_owned()],
            origins: vec!["https://ui.example".to_owned()],
            methods: String::new(),
        };
        let browser = ("user-agent", "Mozilla/5.0");
        for (headers, expected) in [
            (&[("host", "evil.example:8083")][..], false),
            (
                &[("host", "evil.example:8083"), ("user-agent", "curl/8")],
                false,
            ),
            (&[("host", "evil.example:8083"), browser], true),
            (&[("host", "localhost:8083"), browser], false),
            (&[("host", "[::1]:8083"), browser], false),
            (&[("host", "BOX.lan"), browser], false),
            (
                &[
                    ("host", "localhost:8083"),
                    ("origin", "http://evil.example"),
                ],
                true,
            ),
            (&[("host", "localhost:8083"), ("origin", "null")], true),
            (
                &[
                    ("host", "localhost:8083"),
                    ("origin", "http://127.0.0.1:3000"),
                ],
                false,
            ),
            (
                &[("host", "localhost:8083"), ("origin", "https://ui.example")],
                false,
            ),
            (
                &[("host", "evil.example"), ("sec-fetch-site", "none")],
                true,
            ),
            (&[browser], true),
        ] {
            assert_eq!(refused(&guard, headers), expected, "{headers:?}");
        }
    }
}
