//! What a worker refuses, in words that say what to do: the request, its status, Connect's message, and the remedy.

use std::fmt;

use reqwest::Method;
use thiserror::Error;

/// A worker answered with an error.
#[derive(Debug, Error)]
pub(super) struct Refusal {
    pub(super) method: Method,
    /// The whole URL that was asked.
    pub(super) url: String,
    pub(super) status: u16,
    /// Connect's own words, or the answer's text where it has none.
    pub(super) message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            method,
            url,
            status,
            message,
        } = self;
        write!(f, "{method} {url} was answered with {status}: {message}")?;
        self.advice()
            .map_or(Ok(()), |advice| write!(f, "\n  {advice}"))
    }
}

impl Refusal {
    /// Whether the connector that was named is not there, rather than the endpoint.
    pub(super) fn is_unknown_connector(&self) -> bool {
        self.status == 404 && !self.lacks_endpoint()
    }

    /// Whether the same request may succeed a moment later: Connect divides its work, or has just started.
    pub(super) fn passes(&self) -> bool {
        match self.status {
            409 => !self.message.ends_with("already exists"),
            // The page of Java's HTTP server while the API is not loaded.
            404 => self.message.contains("<html"),
            _ => false,
        }
    }

    fn lacks_endpoint(&self) -> bool {
        self.status == 405 || (self.status == 404 && self.message == "HTTP 404 Not Found")
    }

    fn advice(&self) -> Option<String> {
        let text = match self.status {
            401 => {
                "The worker asks who calls: put user and password into a context (millrace connectors context set)."
            }
            409 if self.passes() => {
                "The workers are dividing their work and were asked for a while; ask again later."
            }
            409 => "`millrace connectors apply` changes a connector that is there.",
            400 if self.message.contains("must be in the STOPPED state") => {
                "Stop it before (millrace connectors stop), or add --stop, which puts it back into its state afterwards."
            }
            400 if self.message.contains("<html") => {
                "The worker does not take this path; names with /, % or \\ cannot be reached on Kafka Connect 4."
            }
            404 | 405 if self.lacks_endpoint() => {
                return Some(format!(
                    "This worker has no such endpoint: {}.",
                    since(&self.method, &self.url)
                ));
            }
            404 if self.message.contains("onnector") => {
                "`millrace connectors list` shows what is there."
            }
            500 if self.message.starts_with("Request timed out") => {
                "The worker is busy with something else; its log says with what."
            }
            _ => return None,
        };
        Some(text.to_owned())
    }
}

/// From which version on Kafka Connect has what was asked for.
fn since(method: &Method, url: &str) -> &'static str {
    let path = url.split('?').next().unwrap_or(url);
    let ends = |end: &str| path.ends_with(end);
    match () {
        () if ends("/logs") => {
            "Kafka Connect keeps no lines of connectors, only Millrace does; look into the worker's log file"
        }
        () if ends("/stop") => "Kafka Connect can stop connectors from version 3.5 on",
        () if ends("/offsets") && method == Method::GET => {
            "Kafka Connect shows offsets from version 3.5 on"
        }
        () if ends("/offsets") => "Kafka Connect changes offsets from version 3.6 on",
        () if path.contains("/admin/loggers") => {
            "Kafka Connect has loggers from version 2.4 on, and only where admin.listeners has them"
        }
        () if path.contains("/connector-plugins/") && ends("/config") => {
            "Kafka Connect describes plugins from version 3.2 on"
        }
        () => "is a worker there, and is nothing between it and here?",
    }
}

#[cfg(test)]
mod tests {
    use reqwest::Method;

    use super::Refusal;

    fn refusal(method: Method, path: &str, status: u16, message: &str) -> Refusal {
        Refusal {
            method,
            url: format!("http://h:8083{path}"),
            status,
            message: message.to_owned(),
        }
    }

    #[test]
    fn each_says_what_to_do() {
        let cases = [
            (
                refusal(
                    Method::PATCH,
                    "/connectors/a/offsets",
                    405,
                    "HTTP 405 Method Not Allowed",
                ),
                "from version 3.6",
            ),
            (
                refusal(
                    Method::GET,
                    "/connectors/a/logs?lines=5",
                    404,
                    "HTTP 404 Not Found",
                ),
                "only Millrace",
            ),
            (
                refusal(
                    Method::GET,
                    "/connectors/a/status",
                    404,
                    "No status found for connector a",
                ),
                "millrace connectors list",
            ),
            (
                refusal(
                    Method::POST,
                    "/connectors",
                    409,
                    "Connector a already exists",
                ),
                "millrace connectors apply",
            ),
            (
                refusal(
                    Method::DELETE,
                    "/connectors/a/offsets",
                    400,
                    "Connectors must be in the STOPPED state before",
                ),
                "--stop",
            ),
        ];
        for (refusal, expected) in cases {
            let said = refusal.to_string();
            assert!(said.contains(expected), "{said}");
            assert!(
                said.contains(&refusal.url) && said.contains(&refusal.message),
                "{said}"
            );
        }
    }

    #[test]
    fn what_passes_is_known() {
        let of = |status, message| refusal(Method::PUT, "/connectors/a", status, message);
        assert!(
            of(
                409,
                "Cannot complete request momentarily due to stale configuration"
            )
            .passes()
        );
        assert!(!of(409, "Connector a already exists").passes());
        assert!(of(404, "<html><head>").passes());
        assert!(!of(404, "Connector a not found").passes());
        assert!(of(404, "Connector a not found").is_unknown_connector());
        assert!(!of(404, "HTTP 404 Not Found").is_unknown_connector());
    }
}
