//! Texts with places: `http://host/${topic}/${key|none}`.
//!
//! A place is `${name}` or `${name|default}`; what names there are is up to who reads the template. The default stands in
//! where the place has no value. What is filled in is escaped for where it goes ([`Escape`]), so that a record cannot
//! reach another path, another query parameter or another header than the template means.

use std::fmt::Write;

use thiserror::Error;

/// Why a template could not be filled in.
#[derive(Debug, Error)]
pub(crate) enum FillError {
    /// A place has neither value nor default.
    #[error(
        "the record has no {place}; write ${{{place}|default}} to have a default, or filter such records out"
    )]
    Missing {
        /// The place's name.
        place: String,
    },
    /// A path segment that a server would take for another folder.
    #[error("the record's {place} is '{value}', which would lead to another path")]
    Dots {
        /// The place's name.
        place: String,
        /// `.` or `..`.
        value: String,
    },
}

/// What a value becomes on its way into the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Escape {
    /// It stays as it is.
    None,
    /// What is not unreserved in a URL is percent-encoded.
    Url,
}

/// A text with places of kind `P`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template<P> {
    parts: Vec<Part<P>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part<P> {
    Text(String),
    Place {
        place: P,
        name: String,
        default: Option<String>,
    },
}

impl<P> Template<P> {
    /// Reads a template; `place` knows the names.
    ///
    /// # Errors
    /// What is wrong with it, and what there is instead.
    pub(crate) fn read(
        text: &str,
        place: impl Fn(&str) -> Result<P, String>,
    ) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("${") {
            let (inside, after) = behind
                .split_once('}')
                .ok_or_else(|| format!("'${{{behind}' has no closing brace"))?;
            let (name, default) = match inside.split_once('|') {
                Some((name, default)) => (name.trim(), Some(default.to_owned())),
                None => (inside.trim(), None),
            };
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Place {
                place: place(name)?,
                name: name.to_owned(),
                default,
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// The text, if it has no places.
    pub(crate) fn fixed(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The text before the first place.
    pub(crate) fn head(&self) -> &str {
        match self.parts.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// The places.
    pub(crate) fn places(&self) -> impl Iterator<Item = &P> {
        self.parts.iter().filter_map(|part| match part {
            Part::Place { place, .. } => Some(place),
            Part::Text(_) => None,
        })
    }

    /// Appends the text to `out`. `value` appends a place's value and says whether there is one.
    ///
    /// # Errors
    /// When a place has neither value nor default, or its value cannot stand there.
    pub(crate) fn fill(
        &self,
        out: &mut String,
        escape: Escape,
        mut value: impl FnMut(&P, &mut String) -> bool,
    ) -> Result<(), FillError> {
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Place {
                    place,
                    name,
                    default,
                } => {
                    filled.clear();
                    if !value(place, &mut filled) {
                        let default = default.as_ref().ok_or_else(|| FillError::Missing {
                            place: name.clone(),
                        })?;
                        filled.clear();
                        filled.push_str(default);
                    }
                    append(out, escape, name, &filled)?;
                }
            }
        }
        Ok(())
    }
}

fn append(out: &mut String, escape: Escape, name: &str, value: &str) -> Result<(), FillError> {
    match escape {
        Escape::None => out.push_str(value),
        Escape::Url if matches!(value, "." | "..") => {
            return Err(FillError::Dots {
                place: name.to_owned(),
                value: value.to_owned(),
            });
        }
        Escape::Url => percent_encode(out, value),
    }
    Ok(())
}

/// Appends `value` with all but letters, digits and `-._~` as `%XX`.
pub(crate) fn percent_encode(out: &mut String, value: &str) {
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            // Writing to a String does not fail.
            byte => drop(write!(out, "%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, escape: Escape) -> Result<String, FillError> {
        let template = Template::read(text, |name| Ok(name.to_owned())).unwrap();
        let mut out = String::new();
        template.fill(&mut out, escape, |place, out| match place.as_str() {
            "topic" => {
                out.push_str("orders");
                true
            }
            "odd" => {
                out.push_str("a/b?c=ü&\r\n");
                true
            }
            "up" => {
                out.push_str("..");
                true
            }
            _ => false,
        })?;
        Ok(out)
    }

    #[test]
    fn places_are_filled_escaped_or_defaulted() {
        for (text, escape, expected) in [
            ("", Escape::Url, ""),
            ("plain", Escape::Url, "plain"),
            ("/${topic}/x", Escape::Url, "/orders/x"),
            ("${ topic }", Escape::None, "orders"),
            ("/${odd}", Escape::Url, "/a%2Fb%3Fc%3D%C3%BC%26%0D%0A"),
            ("${odd}", Escape::None, "a/b?c=ü&\r\n"),
            ("${none|no ne}!", Escape::Url, "no%20ne!"),
            ("${none|}", Escape::None, ""),
            ("${none|a}${topic}$x{", Escape::None, "aorders$x{"),
        ] {
            assert_eq!(filled(text, escape).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_filled_is_said() {
        assert!(
            filled("${none}", Escape::None)
                .unwrap_err()
                .to_string()
                .contains("no none")
        );
        assert!(matches!(
            filled("/${up}/x", Escape::Url),
            Err(FillError::Dots { .. })
        ));
        let unclosed = Template::<()>::read("a${b", |_| Ok(()));
        assert!(unclosed.unwrap_err().contains("closing brace"));
    }
}
