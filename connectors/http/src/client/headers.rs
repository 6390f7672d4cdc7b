//! Headers in a configuration: `name:value` pairs between separators.

/// Reads the pairs of a text; blanks around names and values are left out.
///
/// # Errors
/// Which pair is wrong, and what is meant to be there.
pub(crate) fn read<'a>(text: &'a str, separator: &str) -> Result<Vec<(&'a str, &'a str)>, String> {
    let pairs = text.split(separator).map(str::trim);
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
        assert!(read("A", "|").unwrap_err().contains("name:value"));
        assert!(read("A B:1", "|").unwrap_err().contains("letters"));
    }
}
