//! The table of paths: what each names, and the methods it has.

use axum::http::Method;

/// What a path names. Names are decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resource {
    Root,
    Health,
    Connectors,
    Connector(String),
    Config(String),
    Status(String),
    Tasks(String),
    TaskStatus(String, String),
    TaskRestart(String, String),
    Restart(String),
    Pause(String),
    Resume(String),
    Stop(String),
    Topics(String),
    TopicsReset(String),
    Offsets(String),
    Fence(String),
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
    /// The resource at a raw path.
    pub(super) fn at(path: &str) -> Result<Self, PathError> {
        let segments = segments(path)?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let name = |text: &str| text.to_owned();
        Ok(match segments.as_slice() {
            [] => Self::Root,
            ["health"] => Self::Health,
            ["connectors"] => Self::Connectors,
            ["connectors", connector] => Self::Connector(name(connector)),
            ["connectors", connector, "config"] => Self::Config(name(connector)),
            ["connectors", connector, "status"] => Self::Status(name(connector)),
            ["connectors", connector, "tasks"] => Self::Tasks(name(connector)),
            ["connectors", connector, "tasks", task, "status"] => {
                Self::TaskStatus(name(connector), name(task))
            }
            ["connectors", connector, "tasks", task, "restart"] => {
                Self::TaskRestart(name(connector), name(task))
            }
            ["connectors", connector, "restart"] => Self::Restart(name(connector)),
            ["connectors", connector, "pause"] => Self::Pause(name(connector)),
            ["connectors", connector, "resume"] => Self::Resume(name(connector)),
            ["connectors", connector, "stop"] => Self::Stop(name(connector)),
            ["connectors", connector, "topics"] => Self::Topics(name(connector)),
            ["connectors", connector, "topics", "reset"] => Self::TopicsReset(name(connector)),
            ["connectors", connector, "offsets"] => Self::Offsets(name(connector)),
            ["connectors", connector, "fence"] => Self::Fence(name(connector)),
            ["connector-plugins"] => Self::Plugins,
            ["connector-plugins", plugin, "config"] => Self::PluginConfig(name(plugin)),
            ["connector-plugins", plugin, "config", "validate"] => {
                Self::PluginValidate(name(plugin))
            }
            ["admin", "loggers"] => Self::Loggers,
            ["admin", "loggers", logger] => Self::Logger(name(logger)),
            _ => return Err(PathError::Unknown),
        })
    }

    /// The methods that the resource has, HEAD and OPTIONS left out.
    pub(super) fn methods(&self) -> &'static [Method] {
        match self {
            Self::Connectors => &[Method::POST, Method::GET],
            Self::Connector(_) => &[Method::DELETE, Method::GET],
            Self::Config(_) => &[Method::PUT, Method::PATCH, Method::GET],
            Self::Offsets(_) => &[Method::DELETE, Method::PATCH, Method::GET],
            Self::Tasks(_) => &[Method::POST, Method::GET],
            Self::Logger(_) => &[Method::PUT, Method::GET],
            Self::TaskRestart(..) | Self::Restart(_) => &[Method::POST],
            Self::Pause(_) | Self::Resume(_) | Self::Stop(_) => &[Method::PUT],
            Self::TopicsReset(_) | Self::Fence(_) | Self::PluginValidate(_) => &[Method::PUT],
            Self::Root | Self::Health | Self::Status(_) | Self::TaskStatus(..) => &[Method::GET],
            Self::Topics(_) | Self::Plugins | Self::PluginConfig(_) | Self::Loggers => {
                &[Method::GET]
            }
        }
    }

    /// All methods as the `Allow` header lists them.
    pub(super) fn allow(&self) -> String {
        match self {
            Self::Config(_) => return "HEAD,GET,OPTIONS,PATCH,PUT".to_owned(),
            Self::Offsets(_) => return "HEAD,DELETE,GET,OPTIONS,PATCH".to_owned(),
            _ => {}
        }
        let methods = self.methods();
        let head = methods.contains(&Method::GET).then_some("HEAD");
        let own = methods.iter().map(Method::as_str);
        head.into_iter()
            .chain(own)
            .chain(["OPTIONS"])
            .collect::<Vec<_>>()
            .join(",")
    }

    /// Whether the resource is below `/admin`.
    pub(super) fn is_admin(&self) -> bool {
        matches!(self, Self::Loggers | Self::Logger(_))
    }

    /// Whether a request's Content-Type is looked at.
    pub(super) fn checks_content_type(&self) -> bool {
        !matches!(self, Self::Root | Self::Health | Self::Fence(_))
    }
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
    if raw.is_empty() {
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
            ("/connectors/%zz", Err(PathError::Malformed)),
            ("/connectors/%", Err(PathError::Malformed)),
            ("/connectors/%ff", Err(PathError::Malformed)),
            ("/connectors/%00", Err(PathError::Malformed)),
        ];
        for (path, expected) in cases {
            assert_eq!(Resource::at(path), expected, "{path}");
        }
    }

    #[test]
    fn allow_lists_all_methods() {
        assert_eq!(Resource::Connectors.allow(), "HEAD,POST,GET,OPTIONS");
        assert_eq!(Resource::Pause(String::new()).allow(), "PUT,OPTIONS");
    }
}
