//! Java's regular expressions.
//!
//! What Java writes in another way is translated: `\Q…\E`, the POSIX classes (`\p{Alpha}`), and `\d`, `\w` and `\s`,
//! which mean ASCII there. The rest of the syntax is common to both.

use fancy_regex::{Captures, Regex};

/// A compiled pattern, to be found or to match a whole text.
#[derive(Debug)]
pub(crate) struct JavaRegex {
    found: Regex,
    whole: Regex,
}

impl JavaRegex {
    /// Compiles a pattern; the error says why it cannot be.
    pub(crate) fn new(pattern: &str) -> Result<Self, String> {
        let pattern = translate(pattern);
        let compile = |pattern: &str| Regex::new(pattern).map_err(|error| error.to_string());
        Ok(Self {
            found: compile(&pattern)?,
            whole: compile(&format!(r"\A(?:{pattern})\z"))?,
        })
    }

    /// Whether the pattern matches the whole text. One that tries too many ways to match does not.
    pub(crate) fn matches(&self, text: &str) -> bool {
        self.whole.is_match(text).unwrap_or(false)
    }

    /// The first place where the pattern matches.
    pub(crate) fn find<'t>(&self, text: &'t str) -> Option<Captures<'t, str>> {
        self.found.captures(text).ok().flatten()
    }

    /// A match with the whole text.
    pub(crate) fn match_whole<'t>(&self, text: &'t str) -> Option<Captures<'t, str>> {
        self.whole.captures(text).ok().flatten()
    }

    /// Number of groups, the whole match not counted.
    pub(crate) fn group_count(&self) -> usize {
        self.found.captures_len() - 1
    }

    /// The names of the groups, none for one that has only a number; the whole match comes first.
    pub(crate) fn group_names(&self) -> impl Iterator<Item = Option<&str>> {
        self.found.capture_names()
    }
}

fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = escape(&rest[at + 1..], &mut out);
    }
    out.push_str(rest);
    out
}

/// Translates what follows a backslash; what is left of the pattern comes back.
fn escape<'a>(rest: &'a str, out: &mut String) -> &'a str {
    if let Some(quoted) = rest.strip_prefix('Q') {
        let (literal, after) = quoted.split_once(r"\E").unwrap_or((quoted, ""));
        out.push_str(&fancy_regex::escape(literal));
        return after;
    }
    for (name, class) in CLASSES {
        if let Some(after) = rest.strip_prefix(name) {
            out.push_str(class);
            return after;
        }
    }
    out.push('\\');
    let mut chars = rest.chars();
    out.extend(chars.next());
    chars.as_str()
}

/// Escapes that Java understands otherwise, and the class that each is.
const CLASSES: [(&str, &str); 20] = [
    ("d", "[0-9]"),
    ("D", "[^0-9]"),
    ("w", "[A-Za-z0-9_]"),
    ("W", "[^A-Za-z0-9_]"),
    ("s", r"[ \t\n\x0B\x0C\r]"),
    ("S", r"[^ \t\n\x0B\x0C\r]"),
    ("h", r"[ \t\xA0]"),
    ("p{Lower}", "[a-z]"),
    ("p{Upper}", "[A-Z]"),
    ("p{ASCII}", r"[\x00-\x7F]"),
    ("p{Alpha}", "[A-Za-z]"),
    ("p{Digit}", "[0-9]"),
    ("p{Alnum}", "[A-Za-z0-9]"),
    ("p{Punct}", r"[!-/:-@\[-`{-~]"),
    ("p{Graph}", "[!-~]"),
    ("p{Print}", "[ -~]"),
    ("p{Blank}", r"[ \t]"),
    ("p{Cntrl}", r"[\x00-\x1F\x7F]"),
    ("p{XDigit}", "[0-9A-Fa-f]"),
    ("p{Space}", r"[ \t\n\x0B\x0C\r]"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn javas_own_syntax_matches() {
        for (pattern, text, expected) in [
            ("foo|foobar", "foobar", true),
            (r"\Qa.b\E.*", "a.bc", true),
            (r"\Qa.b\E.*", "axbc", false),
            (r"[\d.]+", "1.5", true),
            (r"\d", "٣", false),
            (r"\p{Alpha}+\\", r"ab\", true),
            ("(?!test)[a-z]+", "prod", true),
            ("(?!test)[a-z]+", "tested", false),
            (r"(a)\1", "aa", true),
            ("(?<year>[0-9]{4})", "2024", true),
            ("a++b", "aab", true),
            ("[a-z&&[^bc]]+", "ad", true),
            ("[a-z&&[^bc]]+", "ab", false),
        ] {
            let regex = JavaRegex::new(pattern).unwrap();
            assert_eq!(regex.matches(text), expected, "{pattern} on {text}");
        }
        assert!(JavaRegex::new("(").is_err());
    }
}
