//! Texts with places for what a request says: `hooks-${path.2}`.

use hyper::HeaderMap;
use hyper::header::HeaderName;
use millrace_api::config::Value as ConfigText;
use millrace_listen::topics;
use serde_json::Value;

use super::urlencoded;

/// What a request says of itself beside its body.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
    pub(super) headers: &'a HeaderMap,
}

/// A text with places.
#[derive(Debug)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, PartialEq)]
enum Part {
    Literal(String),
    Path,
    /// A segment of the path, from 1.
    Segment(usize),
    Header(HeaderName),
    Query(String),
    /// A JSON pointer into the record.
    Body(String),
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// Which place is none.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(begin) = rest.find("${") {
            let (literal, place) = rest.split_at(begin);
            let end = place
                .find('}')
                .ok_or_else(|| format!("'{place}' has no closing brace"))?;
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            parts.push(Part::read(&place[2..end])?);
            rest = &place[end + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    /// The text, if there is no place in it.
    pub(super) fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether a place looks into the record.
    pub(super) fn reads_body(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Body(_)))
    }

    /// The text for a request and, where a place looks into it, a record; none if something is missing.
    pub(super) fn fill(&self, facts: &Facts<'_>, record: Option<&Value>) -> Option<String> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Path => text.push_str(facts.path),
                Part::Segment(number) => text.push_str(&segment(facts.path, *number)?),
                Part::Header(name) => text.push_str(facts.headers.get(name)?.to_str().ok()?),
                Part::Query(name) => {
                    let mut fields = urlencoded::fields(facts.query?.as_bytes());
                    text.push_str(&fields.find(|(known, _)| known == name)?.1);
                }
                Part::Body(pointer) => match record?.pointer(pointer)? {
                    Value::Null => return None,
                    Value::String(found) => text.push_str(found),
                    found => text.push_str(&found.to_string()),
                },
            }
        }
        Some(text)
    }
}

impl Part {
    fn read(place: &str) -> Result<Self, String> {
        if place == "path" {
            return Ok(Self::Path);
        }
        if let Some(pointer) = place.strip_prefix("body:") {
            return match pointer.is_empty() || pointer.starts_with('/') {
                true => Ok(Self::Body(pointer.to_owned())),
                false => Err(format!(
                    "the JSON pointer '{pointer}' does not begin with /"
                )),
            };
        }
        let unknown = || {
            format!(
                "'${{{place}}}' is none of ${{path}}, ${{path.1}}, ${{header.NAME}}, ${{query.NAME}} and ${{body:/pointer}}"
            )
        };
        let (kind, name) = place.split_once('.').ok_or_else(unknown)?;
        match kind {
            "path" => match name.parse() {
                Ok(number) if number > 0 => Ok(Self::Segment(number)),
                _ => Err(format!(
                    "'${{{place}}}' names no segment: they count from 1"
                )),
            },
            "header" => HeaderName::from_bytes(name.as_bytes())
                .map(Self::Header)
                .map_err(|_| format!("'{name}' is no name of a header")),
            "query" => Ok(Self::Query(name.to_owned())),
            _ => Err(unknown()),
        }
    }
}

/// A segment of a path, decoded.
fn segment(path: &str, number: usize) -> Option<String> {
    let segment = path.trim_start_matches('/').split('/').nth(number - 1)?;
    String::from_utf8(urlencoded::decode(segment.as_bytes(), false))
        .ok()
        .filter(|segment| !segment.is_empty())
}

/// Checks a key that holds a template; for `topic`, also what stands between the places.
pub(super) fn check(key: &str, value: &ConfigText) -> Result<(), String> {
    let Some(text) = value.as_str() else {
        return Ok(());
    };
    let template = Template::read(text)?;
    if key != "topic" {
        return Ok(());
    }
    let literals = template.0.iter().filter_map(|part| match part {
        Part::Literal(literal) => Some(literal.as_str()),
        _ => None,
    });
    let literals: String = literals.collect();
    match literals.is_empty() && !template.0.is_empty() || topics::is_legal(&literals) {
        true => Ok(()),
        false => Err(format!(
            "'{text}' cannot be the name of a topic, which has letters, digits, '.', '_' and '-' only"
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn places_are_filled() {
        let mut headers = HeaderMap::new();
        headers.insert("x-event", "push".parse().unwrap());
        let facts = Facts {
            path: "/hooks/git%20hub",
            query: Some("a=1&shop=b%2Fc"),
            headers: &headers,
        };
        let record = json!({"id": 7, "user": {"name": "Ann"}, "none": null});
        for (text, expected) in [
            ("t", Some("t")),
            ("a-${path.2}-z", Some("a-git hub-z")),
            ("${path}", Some("/hooks/git%20hub")),
            ("${path.3}", None),
            ("${header.X-Event}", Some("push")),
            ("${header.x-other}", None),
            ("${query.shop}", Some("b/c")),
            ("${query.b}", None),
            ("${body:/user/name}.${body:/id}", Some("Ann.7")),
            ("${body:/none}", None),
            ("${body:/gone}", None),
        ] {
            let template = Template::read(text).unwrap();
            let filled = template.fill(&facts, Some(&record));
            assert_eq!(filled.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in [
            "${",
            "${path.0}",
            "${path.x}",
            "${foo}",
            "${body:x}",
            "${header.a b}",
        ] {
            assert!(Template::read(text).is_err(), "{text}");
        }
    }
}
