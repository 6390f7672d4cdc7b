//! The replacement syntax of Java's matchers: `$1`, `${name}`, and a backslash before any character that is meant as it
//! stands.

use super::regex::JavaRegex;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Group(usize),
    Named(String),
}

/// A parsed replacement.
#[derive(Debug, Clone, Default)]
pub(crate) struct Replacement {
    parts: Vec<Part>,
}

impl Replacement {
    /// Parses a replacement for matches of `regex`; the error says what is wrong with it.
    pub(crate) fn parse(text: &str, regex: &JavaRegex) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            match c {
                '\\' => {
                    let mut chars = rest.chars();
                    literal.push(chars.next().ok_or("character to be escaped is missing")?);
                    rest = chars.as_str();
                }
                '$' => {
                    let (part, after) = group(rest, regex)?;
                    parts.push(Part::Text(std::mem::take(&mut literal)));
                    parts.push(part);
                    rest = after;
                }
                c => literal.push(c),
            }
        }
        parts.push(Part::Text(literal));
        Ok(Self { parts })
    }

    /// Replaces the first match in `text`; none where nothing matches.
    pub(crate) fn replace_first(&self, regex: &JavaRegex, text: &str) -> Option<String> {
        let found = regex.find(text)?;
        let whole = found.get(0)?;
        let mut out = text[..whole.start()].to_owned();
        for part in &self.parts {
            let group = match part {
                Part::Text(text) => {
                    out.push_str(text);
                    None
                }
                Part::Group(index) => found.get(*index),
                Part::Named(name) => found.name(name),
            };
            out.push_str(group.map_or("", |group| group.as_str()));
        }
        out.push_str(&text[whole.end()..]);
        Some(out)
    }
}

/// The group that follows a `$`, and what is left.
fn group<'a>(rest: &'a str, regex: &JavaRegex) -> Result<(Part, &'a str), String> {
    if let Some(braced) = rest.strip_prefix('{') {
        let (name, after) = braced
            .split_once('}')
            .ok_or("named capturing group is missing trailing '}'")?;
        if !regex.group_names().flatten().any(|known| known == name) {
            return Err(format!("No group with name {{{name}}}"));
        }
        return Ok((Part::Named(name.to_owned()), after));
    }
    let digit = |text: &str| {
        text.chars()
            .next()?
            .to_digit(10)
            .map(|digit| digit as usize)
    };
    let mut index = digit(rest).ok_or("Illegal group reference")?;
    if index > regex.group_count() {
        return Err(format!("No group {index}"));
    }
    let mut after = &rest[1..];
    // Further digits count as long as there is such a group.
    while let Some(digit) = digit(after).filter(|digit| index * 10 + digit <= regex.group_count()) {
        index = index * 10 + digit;
        after = &after[1..];
    }
    Ok((Part::Group(index), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_escapes_are_replaced() {
        for (pattern, replacement, text, expected) in [
            ("foo|foobar", "X", "foobar", "Xbar"),
            ("(.*)-(.*)", "$2.$1", "a-b", "b.a"),
            ("(?<n>a)b", "${n}$11", "ab", "aa1"),
            ("a", r"\$1\\", "a", r"$1\"),
        ] {
            let regex = JavaRegex::new(pattern).unwrap();
            let replacement = Replacement::parse(replacement, &regex).unwrap();
            assert_eq!(replacement.replace_first(&regex, text).unwrap(), expected);
        }
    }

    #[test]
    fn wrong_replacements_say_why() {
        let regex = JavaRegex::new("(a)").unwrap();
        for (text, why) in [
            ("$2", "No group 2"),
            ("$x", "Illegal group reference"),
            ("a\\", "character to be escaped is missing"),
            ("${x}", "No group with name {x}"),
        ] {
            assert_eq!(Replacement::parse(text, &regex).unwrap_err(), why);
        }
    }
}
