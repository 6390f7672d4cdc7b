//! From a path to the resource that it names.

use axum::http::Method;

use super::endpoints::{Endpoint, endpoints};

/// What a path names. Names are decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resource {
    Root,
    Health,
    Ready,
    OpenApi,
    Connectors,
    Connector(String),
    Config(String),
    Status(String),
    Tasks(String),
    TaskStatus(String, String),
    TaskRestart(String, String),
    Logs(String),
    TaskLogs(String, String),
    Restart(String),
    Pause(String),
    Resume(String),
    Stop(String),
    Topics(String),
    TopicsReset(String),
    Offsets(String),
    Faults(String),
    Fence(String),
    Preview,
    DeadLetterQueues,
    DeadLetters(String),
    DeadLetterReplay(String),
    Plugins,
    PluginConfig(String),
    PluginValidate(String),
    Loggers,
    Logger(String),
}

/// Why a path names nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathError {
    /// It is not a path that the server understands.
    Malformed,
    /// There is nothing at it.
    Unknown,
}

impl Resource {
    /// The resource at a raw path, and its row of the table.
    pub(super) fn at(path: &str) -> Result<(Self, &'static Endpoint), PathError> {
        let segments = segments(path)?;
        let found =
            endpoints().find_map(|endpoint| Some((endpoint, names(endpoint.path, &segments)?)));
        let (endpoint, names) = found.ok_or(PathError::Unknown)?;
        Ok(((endpoint.resource)(&names), endpoint))
    }

    /// Whether a request's Content-Type is looked at; what workers of a group say to each other goes without.
    pub(super) fn checks_content_type(&self, method: &Method) -> bool {
        match self {
            Self::Root | Self::Health | Self::Ready | Self::OpenApi | Self::Fence(_) => false,
            Self::Tasks(_) => method != Method::POST,
            _ => true,
        }
    }
}

/// The names at the places in braces of a template that the segments fit.
fn names(template: &str, segments: &[String]) -> Option<Vec<String>> {
    let parts = template.split('/').filter(|part| !part.is_empty());
    if parts.clone().count() != segments.len() {
        return None;
    }
    let mut names = Vec::new();
    for (part, segment) in parts.zip(segments) {
        if part.starts_with('{') {
            names.push(segment.clone());
        } else if part != segment {
            return None;
        }
    }
    Some(names)
}

/// The decoded segments of a path; one slash at its end does not count.
fn segments(path: &str) -> Result<Vec<String>, PathError> {
    let path = path.strip_prefix('/').ok_or(PathError::Malformed)?;
    if path.is_empty() {
        return Ok(Vec::new());
    }
    path.strip_suffix('/')
        .unwrap_or(path)
        .split('/')
        .map(segment)
        .collect()
}

fn segment(raw: &str) -> Result<String, PathError> {
    let name = raw.split(';').next().unwrap_or_default();
    if name.is_empty() {
        return Err(PathError::Malformed);
    }
    let name = decode(name, false).ok_or(PathError::Malformed)?;
    if name.contains('\0') {
        Err(PathError::Malformed)
    } else {
        Ok(name)
    }
}

/// Replaces percent escapes, and in a query `+` by a blank. `None` for a broken escape or bytes that are not UTF-8.
pub(super) fn decode(text: &str, is_query: bool) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next()?)? * 16 + hex(bytes.next()?)?,
            b'+' if is_query => b' ',
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::{PathError, Resource};

    #[test]
    fn paths_name_resources() {
        let name = |text: &str| text.to_owned();
        let cases = [
            ("/", Ok(Resource::Root)),
            ("/connectors/", Ok(Resource::Connectors)),
            (
                "/connectors/%20n%3B+%C3%A9;x=1",
                Ok(Resource::Connector(name(" n;+é"))),
            ),
            ("/connectors/a%2Fb", Ok(Resource::Connector(name("a/b")))),
            ("/connectors/../config", Ok(Resource::Config(name("..")))),
            (
                "/connectors/x/tasks/abc/status",
                Ok(Resource::TaskStatus(name("x"), name("abc"))),
            ),
            ("/connectors/x/bogus", Err(PathError::Unknown)),
            ("/Connectors", Err(PathError::Unknown)),
            ("//connectors", Err(PathError::Malformed)),
            ("/connectors//config", Err(PathError::Malformed)),
            ("/connectors/;x/config", Err(PathError::Malformed)),
            ("/connectors/%zz", Err(PathError::Malformed)),
            ("/connectors/%", Err(PathError::Malformed)),
            ("/connectors/%ff", Err(PathError::Malformed)),
            ("/connectors/%00", Err(PathError::Malformed)),
        ];
        for (path, expected) in cases {
            let found = Resource::at(path).map(|(resource, _)| resource);
            assert_eq!(found, expected, "{path}");
        }
    }

    #[test]
    fn allow_lists_all_methods() {
        for (path, allow) in [
            ("/connectors", "HEAD,POST,GET,OPTIONS"),
            ("/connectors/a/pause", "PUT,OPTIONS"),
            ("/connectors/a/config", "HEAD,PUT,PATCH,GET,OPTIONS"),
        ] {
            assert_eq!(Resource::at(path).unwrap().1.allow(), allow, "{path}");
        }
    }
}
