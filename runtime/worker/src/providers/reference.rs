//! References to values: `${provider:key}` and `${provider:path:key}`.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// Java's pattern: the path ends at the second colon, so that keys may hold colons and paths may not.
static PATTERN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\$\{([^}]*?):(([^}]*?):)?([^}]*?)\}").ok());

/// A reference in a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reference<'a> {
    pub(super) provider: &'a str,
    /// Empty where the reference has none.
    pub(super) path: &'a str,
    pub(super) key: &'a str,
    /// Where it stands.
    pub(super) at: Range<usize>,
}

/// All references of a text, in order.
pub(super) fn find(text: &str) -> Vec<Reference<'_>> {
    let Some(pattern) = PATTERN.as_ref().filter(|_| text.contains("${")) else {
        return Vec::new();
    };
    let reference = |found: regex::Captures<'_>| {
        let part = |group| found.get(group).map(|part| part.range());
        let text_of = |range: Option<Range<usize>>| range.map_or("", |range| &text[range]);
        Some(Reference {
            provider: text_of(part(1)),
            path: text_of(part(3)),
            key: text_of(part(4)),
            at: part(0)?,
        })
    };
    pattern.captures_iter(text).filter_map(reference).collect()
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn references_are_cut_as_java_cuts_them() {
        for (text, expected) in [
            ("${env:HOME}", vec![("env", "", "HOME")]),
            ("a${file:/x/y:k}b", vec![("file", "/x/y", "k")]),
            ("${file:/x:a:b}", vec![("file", "/x", "a:b")]),
            ("${f:x}${g:p:y}", vec![("f", "", "x"), ("g", "p", "y")]),
            ("${plain}", vec![]),
            ("${:}", vec![("", "", "")]),
            ("${a${f:k}", vec![("a${f", "", "k")]),
            ("${f:k", vec![]),
            ("no reference", vec![]),
        ] {
            let found = find(text);
            let found: Vec<_> = found
                .iter()
                .map(|found| (found.provider, found.path, found.key))
                .collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
