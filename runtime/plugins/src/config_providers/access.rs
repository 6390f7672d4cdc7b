//! What the providers of files and folders have in common: which paths may be read, and how much.

use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use millrace_api::{ConnectError, Properties};
use millrace_config::Config;

/// The most bytes that are read of one file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The settings of a provider that reads files.
#[derive(Debug, Clone, Default, Config)]
pub(super) struct AccessConfig {
    /// Absolute paths, separated by commas; what is neither one of them nor below one is not read. All if empty.
    #[config(default = "", importance = low)]
    pub(super) allowed_paths: Vec<String>,
    /// After how long values are looked up again, in milliseconds; without it they hold for ever.
    #[config(range(1i64..), importance = low)]
    pub(super) ttl_ms: Option<i64>,
}

/// Which paths may be read, and how long what was read holds.
#[derive(Debug, Default)]
pub(super) struct Access {
    allowed: Vec<PathBuf>,
    pub(super) ttl: Option<Duration>,
}

impl Access {
    /// Takes the provider's settings.
    ///
    /// # Errors
    /// When an allowed path is not absolute or is not there.
    pub(super) fn new(settings: &Properties) -> Result<Self, ConnectError> {
        let config = AccessConfig::parse(settings)
            .map_err(|error| ConnectError::config(error.to_string()))?;
        let allowed = config
            .allowed_paths
            .iter()
            .filter(|path| !path.is_empty())
            .map(|path| checked(path))
            .collect::<Result<_, _>>()?;
        let ttl = config.ttl_ms.and_then(|ms| u64::try_from(ms).ok());
        Ok(Self {
            allowed,
            ttl: ttl.map(Duration::from_millis),
        })
    }

    /// The path without `.` and `..`, if it may be read.
    pub(super) fn permitted(&self, path: &str) -> Option<PathBuf> {
        let path = normalized(Path::new(path));
        let is_below = |allowed: &PathBuf| path.starts_with(allowed);
        (self.allowed.is_empty() || self.allowed.iter().any(is_below)).then_some(path)
    }
}

fn checked(path: &str) -> Result<PathBuf, ConnectError> {
    let wrong = |why: &str| {
        ConnectError::config(format!(
            "Path {path} {why}; allowed.paths takes absolute paths that exist, separated by commas"
        ))
    };
    let given = Path::new(path);
    if !given.is_absolute() {
        return Err(wrong("is not absolute"));
    }
    match given.try_exists() {
        Ok(true) => Ok(normalized(given)),
        Ok(false) => Err(wrong("does not exist")),
        Err(error) => Err(wrong("cannot be looked at").caused_by(error)),
    }
}

/// Takes `.` and `..` out of a path by its text, as Java does: links are not followed.
fn normalized(path: &Path) -> PathBuf {
    let mut parts: Vec<Component<'_>> = Vec::new();
    for part in path.components() {
        match (part, parts.last()) {
            (Component::CurDir, _) | (Component::ParentDir, Some(Component::RootDir)) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.into_iter().collect()
}

/// The bytes of a file.
///
/// # Errors
/// When it cannot be read, is no regular file, or is too large for a configuration.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe would block the open for ever.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "providers are called on threads that may block"
    )]
    let file = std::fs::File::open(path)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other(format!(
            "it is larger than the {FILE_BYTES_MAX} bytes that a configuration may take from a file"
        )));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Access, normalized};

    #[test]
    fn paths_are_normalized_by_their_text() {
        for (given, expected) in [
            ("/a/./b/../c", "/a/c"),
            ("/../a", "/a"),
            ("a/../../b", "../b"),
            ("/a/b/", "/a/b"),
        ] {
            assert_eq!(
                normalized(given.as_ref()),
                PathBuf::from(expected),
                "{given}"
            );
        }
    }

    #[test]
    fn only_what_is_below_an_allowed_path_is_permitted() {
        let settings = [("allowed.paths".to_owned(), "/tmp, /usr".to_owned())].into();
        let access = Access::new(&settings).unwrap();
        for (path, is_permitted) in [
            ("/tmp/x", true),
            ("/usr", true),
            ("/tmp/../etc/passwd", false),
            ("/tmpx/y", false),
            ("tmp/x", false),
        ] {
            assert_eq!(access.permitted(path).is_some(), is_permitted, "{path}");
        }
        assert!(Access::default().permitted("any").is_some());
    }

    #[test]
    fn allowed_paths_that_cannot_be_are_refused() {
        for (paths, expected) in [
            ("tmp", "Path tmp is not absolute"),
            ("/tmp,/no/such", "Path /no/such does not exist"),
        ] {
            let settings = [("allowed.paths".to_owned(), paths.to_owned())].into();
            let error = Access::new(&settings).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
