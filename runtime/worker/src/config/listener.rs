//! Addresses of the REST API: `http://host:port`.

use std::fmt;

use millrace_config::Value;

/// How a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

/// One address of the REST API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// How it speaks.
    pub scheme: Scheme,
    /// The host to bind; loopback where none is given.
    pub host: String,
    /// The port; 0 lets the system choose.
    pub port: u16,
}

impl Listener {
    /// Parses `http://host:port`; host may be empty or an IPv6 address in brackets.
    ///
    /// # Errors
    /// Says what a listener looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text} is not an address of the form http://host:port");
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(wrong()),
        };
        let (host, port) = rest
            .trim_end_matches('/')
            .rsplit_once(':')
            .ok_or_else(wrong)?;
        let port = port.parse().map_err(|_| wrong())?;
        let host = match host.trim_start_matches('[').trim_end_matches(']') {
            "" => "127.0.0.1",
            host => host,
        };
        Ok(Self {
            scheme,
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.scheme == Scheme::Http {
            "http"
        } else {
            "https"
        };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

/// The validator of `listeners` and `admin.listeners`.
pub(super) fn check(key: &str, value: &Value) -> Result<(), String> {
    let listeners = value.as_list().unwrap_or_default();
    if listeners.is_empty() && key == "listeners" {
        return Err("at least one listener is needed, such as http://127.0.0.1:8083".to_owned());
    }
    listeners
        .iter()
        .try_for_each(|text| Listener::parse(text).map(drop))
}

#[cfg(test)]
mod tests {
    use super::Listener;

    #[test]
    fn addresses_are_parsed() {
        for (text, shown) in [
            ("http://:8083", "http://127.0.0.1:8083"),
            ("HTTP://0.0.0.0:0/", "http://0.0.0.0:0"),
            ("http://[::1]:8083", "http://[::1]:8083"),
            ("https://host:8443", "https://host:8443"),
        ] {
            assert_eq!(Listener::parse(text).unwrap().to_string(), shown);
        }
        for text in [
            "",
            "8083",
            "http://host",
            "ftp://host:1",
            "http://host:99999",
        ] {
            assert!(Listener::parse(text).is_err(), "{text}");
        }
    }
}
