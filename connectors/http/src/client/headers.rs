//! Headers in a configuration: `name:value` pairs between separators.

/// Reads the pairs of a text; blanks around names and values are left out.
///
/// # Errors
/// Which pair is wrong, and what is meant to be there.
pub(crate) fn read<'a>(text: &'a str, separator: &str) -> Result<Vec<(&'a str, &'a str)>, String> {
    let pairs = split(text, separator);
    let pairs = pairs.into_iter().map(str::trim);
    pairs
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once(':').ok_or_else(|| {
                format!("'{pair}' is not a header; write name:value, separated by {separator}")
            })?;
            let name = name.trim();
            match reqwest::header::HeaderName::from_bytes(name.as_bytes()) {
                Ok(_) => Ok((name, value.trim())),
                Err(_) => Err(format!(
                    "'{name}' is not the name of a header; use letters, digits and dashes"
                )),
            }
        })
        .collect()
}

/// Splits `text`, but not within `${…}`, where a separator is part of a template.
fn split<'a>(text: &'a str, separator: &str) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("${") {
            at += rest.find('}').map_or(rest.len(), |end| end + 1);
        } else if rest.starts_with(separator) {
            parts.push(&text[start..at]);
            at += separator.len();
            start = at;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_between_separators() {
        assert_eq!(read("", "|").unwrap(), []);
        assert_eq!(
            read("A: 1 | B:x:y || C:", "|").unwrap(),
            [("A", "1"), ("B", "x:y"), ("C", "")]
        );
        assert_eq!(
            read("A:${x|y}é | B:${z", "|").unwrap(),
            [("A", "${x|y}é"), ("B", "${z")]
        );
        assert!(read("A", "|").unwrap_err().contains("name:value"));
        assert!(read("A B:1", "|").unwrap_err().contains("letters"));
    }
}
