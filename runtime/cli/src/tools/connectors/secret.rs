//! What is not shown: values of keys that hold passwords, by the key's definition or by its name, and passwords inside
//! of URLs.

use std::{borrow::Cow, collections::BTreeSet, sync::LazyLock};

use regex::{Captures, Regex};

/// What stands in place of a value.
pub(super) const HIDDEN: &str = "[hidden]";

/// Parts of names whose keys hold what nobody should read over a shoulder.
const NAMES: [&str; 17] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "private.key",
    "privatekey",
    "api.key",
    "apikey",
    "api_key",
    "access.key",
    "accesskey",
    "access_key",
    "jaas.config",
    "keystore.key",
    "user.info",
];

/// `user:password@` of a URL, and `password=...` of its query.
static INSIDE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)(://[^/\s:@]*:)[^/\s@]+(@)|((?:password|secret|token)=)[^&;,\s]+").ok()
});

/// The keys that plugins define as passwords.
#[derive(Debug, Default)]
pub(super) struct Secrets(BTreeSet<String>);

impl Secrets {
    /// Adds a key that a plugin defines so.
    pub(super) fn add(&mut self, key: &str) {
        self.0.insert(key.to_owned());
    }

    /// Whether the whole value is kept to itself.
    pub(super) fn hides(&self, key: &str, value: &str) -> bool {
        if is_reference(value) || value.is_empty() {
            return false;
        }
        let key_in_lower_case = key.to_lowercase();
        self.0.contains(key)
            || NAMES.iter().any(|name| key_in_lower_case.contains(name))
            || key_in_lower_case.contains("authorization")
    }

    /// A value as it may be shown, on one line.
    pub(super) fn show<'a>(&self, key: &str, value: &'a str) -> Cow<'a, str> {
        if self.hides(key, value) {
            return Cow::Borrowed(HIDDEN);
        }
        let inner = self.show_raw(value);
        if inner.chars().any(char::is_control) {
            return Cow::Owned(inner.escape_debug().to_string());
        }
        inner
    }

    /// A value that is no secret itself, without the passwords in its URLs.
    pub(super) fn show_raw<'a>(&self, value: &'a str) -> Cow<'a, str> {
        let Some(inside) = INSIDE.as_ref() else {
            return Cow::Borrowed(value);
        };
        inside.replace_all(value, |found: &Captures<'_>| {
            let part = |index| found.get(index).map_or("", |part| part.as_str());
            format!("{}{}{HIDDEN}{}", part(1), part(3), part(2))
        })
    }
}

/// `${provider:path:key}` says where the secret is, and is none.
fn is_reference(value: &str) -> bool {
    value
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'))
        .is_some_and(|inside| inside.contains(':') && !inside.contains(['{', '}']))
}

#[cfg(test)]
mod tests {
    use super::Secrets;

    #[test]
    fn what_looks_like_a_secret_is_hidden() {
        let mut secrets = Secrets::default();
        secrets.add("declared");
        let cases = [
            ("connection.password", "x", "[hidden]"),
            ("AWS.Access.Key.id", "x", "[hidden]"),
            ("http.authorization.header.value", "x", "[hidden]"),
            (
                "producer.override.sasl.jaas.config",
                "a password=b;",
                "[hidden]",
            ),
            ("declared", "x", "[hidden]"),
            ("connection.password", "${file:/a:b}", "${file:/a:b}"),
            ("connection.password", "${file:/a:b}x}", "[hidden]"),
            ("connection.password", "", ""),
            ("key.converter", "a.b.C", "a.b.C"),
            (
                "url",
                "jdbc:x://u:p@h/d?password=q&a=1",
                "jdbc:x://u:[hidden]@h/d?password=[hidden]&a=1",
            ),
            ("text", "a\nb", "a\\nb"),
        ];
        for (key, value, expected) in cases {
            assert_eq!(secrets.show(key, value), expected, "{key}");
        }
    }
}
