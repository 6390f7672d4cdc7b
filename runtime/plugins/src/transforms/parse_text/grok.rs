//! Grok patterns: regular expressions in which `%{NAME}` stands for a pattern that has a name.
//!
//! `%{NAME:field}` makes a field of what the pattern matches, `%{NAME:field:type}` one of a type. Fields become groups
//! that are called [`GROUP`] and a number, for a field may have a name that a group cannot have.

use std::collections::HashMap;

use millrace_api::{Schema, SchemaType, Value};

use super::patterns::PATTERNS;
use crate::transforms::support::JavaRegex;

/// What the names of groups begin with that are fields.
const GROUP: &str = "grok_field_";
/// Patterns in patterns in patterns: deeper ones are taken for patterns that contain themselves.
const DEPTH_MAX: usize = 32;
/// Stands for a pattern that may be defined elsewhere.
const ANYTHING: &str = ".*";
/// The longest regular expression that a pattern may become.
const REGEX_MAX: usize = 256 * 1024;

/// The type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Int,
    Long,
    Float,
    Double,
    Boolean,
}

impl Kind {
    fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "string" | "text" => Self::Text,
            "int" | "integer" => Self::Int,
            "long" => Self::Long,
            "float" => Self::Float,
            "double" => Self::Double,
            "boolean" => Self::Boolean,
            _ => return None,
        })
    }

    /// What messages call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Boolean => "boolean",
        }
    }

    pub(super) fn schema(self) -> Schema {
        let ty = match self {
            Self::Text => SchemaType::String,
            Self::Int => SchemaType::Int32,
            Self::Long => SchemaType::Int64,
            Self::Float => SchemaType::Float32,
            Self::Double => SchemaType::Float64,
            Self::Boolean => SchemaType::Boolean,
        };
        Schema::new(ty).optional()
    }

    /// The value of a text; none if the text is none of this type.
    pub(super) fn read(self, text: &str) -> Option<Value> {
        match self {
            Self::Text => Some(Value::String(text.to_owned())),
            Self::Int => text.parse().ok().map(Value::Int32),
            Self::Long => text.parse().ok().map(Value::Int64),
            Self::Float => text.parse().ok().map(Value::Float32),
            Self::Double => text.parse().ok().map(Value::Float64),
            Self::Boolean if text.eq_ignore_ascii_case("true") => Some(Value::Boolean(true)),
            Self::Boolean if text.eq_ignore_ascii_case("false") => Some(Value::Boolean(false)),
            Self::Boolean => None,
        }
    }
}

/// The number in the name of a group that is a field.
pub(super) fn index(group: &str) -> Option<usize> {
    group.strip_prefix(GROUP)?.parse().ok()
}

/// Patterns by name, one a line; blank lines and those that begin with # are none.
pub(super) fn definitions<'a>(text: &'a str) -> Result<HashMap<&'a str, &'a str>, String> {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let definition = |line: &'a str| {
        let parts = line.split_once(char::is_whitespace);
        let (name, pattern) = parts.ok_or_else(|| {
            format!(
                "the definition \"{line}\" has no pattern: write a name, a blank and the pattern"
            )
        })?;
        Ok((name, pattern.trim()))
    };
    lines.map(definition).collect()
}

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Grok {
    regex: JavaRegex,
    fields: Vec<(String, Kind)>,
}

impl Grok {
    /// Compiles a pattern; the error says why it cannot be.
    pub(super) fn compile(pattern: &str, own: &str) -> Result<Self, String> {
        Self::expanded(pattern, definitions(own)?, None)
    }

    /// Checks what can be checked of a pattern without the definitions that come with it.
    pub(super) fn check(pattern: &str) -> Result<(), String> {
        Self::expanded(pattern, HashMap::new(), Some(ANYTHING)).map(|_| ())
    }

    fn expanded<'a>(
        pattern: &str,
        own: HashMap<&'a str, &'a str>,
        unknown: Option<&'a str>,
    ) -> Result<Self, String> {
        let mut expansion = Expansion {
            own,
            unknown,
            regex: String::new(),
            fields: Vec::new(),
        };
        expansion.expand(pattern, 0)?;
        let regex = JavaRegex::new(&expansion.regex)?;
        if regex.group_names().flatten().next().is_none() && unknown.is_none() {
            return Err("it makes no field: name parts as %{NAME:field}".to_owned());
        }
        Ok(Self {
            regex,
            fields: expansion.fields,
        })
    }

    pub(super) fn into_parts(self) -> (JavaRegex, Vec<(String, Kind)>) {
        (self.regex, self.fields)
    }
}

struct Expansion<'a> {
    own: HashMap<&'a str, &'a str>,
    /// Stands for patterns that are not known; without it they are refused.
    unknown: Option<&'a str>,
    regex: String,
    fields: Vec<(String, Kind)>,
}

impl Expansion<'_> {
    fn expand(&mut self, pattern: &str, depth: usize) -> Result<(), String> {
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once("%{") {
            self.regex.push_str(before);
            let (reference, after) = after
                .split_once('}')
                .ok_or_else(|| format!("%{{{after} is not closed by a brace"))?;
            self.reference(reference, depth)?;
            rest = after;
        }
        self.regex.push_str(rest);
        match self.regex.len() > REGEX_MAX {
            true => Err(format!("it is longer than {REGEX_MAX} bytes when expanded")),
            false => Ok(()),
        }
    }

    fn reference(&mut self, reference: &str, depth: usize) -> Result<(), String> {
        let mut parts = reference.splitn(3, ':');
        let name = parts.next().unwrap_or_default();
        let pattern = self.find(name)?.to_owned();
        if depth >= DEPTH_MAX {
            return Err(format!("%{{{name}}} contains itself"));
        }
        match parts.next().filter(|field| !field.is_empty()) {
            None => self.regex.push_str("(?:"),
            Some(field) => {
                let kind = match parts.next() {
                    None => Kind::Text,
                    Some(kind) => Kind::named(kind).ok_or_else(|| {
                        format!(
                            "{kind} is no type: use int, long, float, double, boolean or string"
                        )
                    })?,
                };
                let number = self.fields.len();
                self.regex.push_str(&format!("(?<{GROUP}{number}>"));
                self.fields.push((field.to_owned(), kind));
            }
        }
        self.expand(&pattern, depth + 1)?;
        self.regex.push(')');
        Ok(())
    }

    fn find(&self, name: &str) -> Result<&str, String> {
        let own = self.own.get(name).copied();
        let known = || PATTERNS.iter().find(|(known, _)| *known == name);
        own.or_else(|| known().map(|(_, pattern)| *pattern))
            .or(self.unknown)
            .ok_or_else(|| format!("there is no pattern {name}: define it in pattern.definitions"))
    }
}
