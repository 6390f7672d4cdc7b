//! Which topics senders may name.

use millrace_config::Value;

/// The longest name of a topic, in characters.
const NAME_MAX: usize = 249;

/// Whether Kafka takes this as a topic's name.
pub fn is_legal(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !name.is_empty()
        && name.len() <= NAME_MAX
        && name != "."
        && name != ".."
        && name.bytes().all(legal)
}

/// The topics that may be named.
#[derive(Debug)]
pub struct Allowed(Vec<String>);

impl Allowed {
    /// Those of `topics.allowed`; `own` is the topic that requests go to without naming any.
    pub fn new(patterns: &[String], own: Option<&str>) -> Self {
        let own = own.map(str::to_owned);
        Self(patterns.iter().cloned().chain(own).collect())
    }

    /// Whether records may go there.
    pub fn contains(&self, name: &str) -> bool {
        is_legal(name)
            && self
                .0
                .iter()
                .any(|pattern| match pattern.strip_suffix('*') {
                    Some(beginning) => name.starts_with(beginning),
                    None => name == pattern,
                })
    }
}

/// The validator of `topics.allowed`.
///
/// # Errors
/// Which pattern is none.
pub fn check_allowed(_key: &str, value: &Value) -> Result<(), String> {
    for pattern in value.as_list().unwrap_or_default() {
        let name = pattern.strip_suffix('*').unwrap_or(pattern);
        if !(is_legal(name) || pattern == "*") {
            return Err(format!(
                "'{pattern}' is neither a topic's name nor the beginning of one with * behind it"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_beginnings() {
        let allowed = Allowed::new(&["orders".to_owned(), "hook-*".to_owned()], Some("own"));
        for (name, expected) in [
            ("orders", true),
            ("orders2", false),
            ("hook-", true),
            ("hook-a.b", true),
            ("hook-a/b", false),
            ("own", true),
            ("..", false),
            ("", false),
        ] {
            assert_eq!(allowed.contains(name), expected, "{name}");
        }
        assert!(!Allowed::new(&["*".to_owned()], None).contains(&"x".repeat(250)));
    }
}
