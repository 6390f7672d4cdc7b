//! The `Link` header (RFC 8288), as far as pagination needs it.

use reqwest::header::{HeaderMap, LINK};

/// The target of the first link with `rel="next"`.
pub(super) fn next(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(LINK).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .find_map(next_of)
}

fn next_of(mut rest: &str) -> Option<String> {
    while let Some((_, behind)) = rest.split_once('<') {
        let (target, parameters) = behind.split_once('>')?;
        let end = end_of_link(parameters);
        if parameters[..end].split(';').any(is_next) {
            return Some(target.trim().to_owned());
        }
        rest = &parameters[end..];
    }
    None
}

/// Where a link's parameters end: at a comma that is not quoted.
fn end_of_link(parameters: &str) -> usize {
    let mut quoted = false;
    for (index, character) in parameters.char_indices() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => return index,
            _ => {}
        }
    }
    parameters.len()
}

fn is_next(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else {
        return false;
    };
    let relations = value.trim().trim_matches('"');
    name.trim().eq_ignore_ascii_case("rel")
        && relations
            .split_whitespace()
            .any(|relation| relation.eq_ignore_ascii_case("next"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_among_others() {
        for (value, expected) in [
            ("<https://a/?p=2>; rel=\"next\"", Some("https://a/?p=2")),
            (
                "<b>; rel=prev, </c?x=1,2>; title=\"a, b\"; rel=next",
                Some("/c?x=1,2"),
            ),
            ("<b>;rel=\"last NEXT\"", Some("b")),
            ("<b>; rel=\"nextish\"", None),
            ("<b>; title=\"rel=next\"", None),
            ("<b", None),
            ("", None),
        ] {
            assert_eq!(next_of(value).as_deref(), expected, "{value}");
        }
    }
}
