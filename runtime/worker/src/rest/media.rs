//! Media types of requests: what they bring and what they accept.

/// Whether a request brings JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContentType {
    /// No header.
    Absent,
    /// `application/json`, with or without parameters.
    Json,
    /// Another type.
    Other,
    /// Not a media type.
    Malformed,
}

impl ContentType {
    /// Reads the header.
    pub(super) fn of(header: Option<&str>) -> Self {
        let Some(text) = header.map(str::trim) else {
            return Self::Absent;
        };
        let essence = text.split(';').next().unwrap_or_default().trim();
        match essence.split_once('/') {
            Some((kind, subtype)) if is_token(kind) && is_token(subtype) => {
                if essence.eq_ignore_ascii_case("application/json") {
                    Self::Json
                } else {
                    Self::Other
                }
            }
            _ => Self::Malformed,
        }
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// The parameters to echo if one of the accepted types admits JSON; `None` if none does.
pub(super) fn accepted(headers: &[&str]) -> Option<String> {
    let mut ranges = headers
        .iter()
        .flat_map(|header| header.split(','))
        .map(str::trim)
        .filter(|range| !range.is_empty())
        .peekable();
    if ranges.peek().is_none() {
        return Some(String::new());
    }
    ranges.find_map(parameters_if_json)
}

fn parameters_if_json(range: &str) -> Option<String> {
    let mut parts = range.split(';').map(str::trim);
    let essence = parts.next()?.to_ascii_lowercase();
    if !matches!(
        essence.as_str(),
        "*/*" | "application/*" | "application/json"
    ) {
        return None;
    }
    let (quality, others): (Vec<&str>, Vec<&str>) =
        parts.partition(|part| part.to_ascii_lowercase().starts_with("q="));
    let is_refused = quality
        .iter()
        .any(|part| part[2..].trim().parse::<f32>() == Ok(0.0));
    (!is_refused).then(|| {
        if essence == "application/json" {
            others.join(";")
        } else {
            String::new()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{ContentType, accepted};

    #[test]
    fn content_types_are_told_apart() {
        for (header, expected) in [
            (None, ContentType::Absent),
            (Some("application/json; charset=utf-8"), ContentType::Json),
            (Some("Application/JSON"), ContentType::Json),
            (Some("text/plain"), ContentType::Other),
            (Some("json"), ContentType::Malformed),
            (Some(""), ContentType::Malformed),
        ] {
            assert_eq!(ContentType::of(header), expected, "{header:?}");
        }
    }

    #[test]
    fn json_must_be_acceptable() {
        for (headers, expected) in [
            (&[][..], Some("")),
            (&["*/*"], Some("")),
            (&["text/html, application/*;q=0.1"], Some("")),
            (
                &["text/html", "application/json;charset=utf-8"],
                Some("charset=utf-8"),
            ),
            (&["text/plain"], None),
            (&["application/json;q=0"], None),
        ] {
            assert_eq!(accepted(headers).as_deref(), expected, "{headers:?}");
        }
    }
}
