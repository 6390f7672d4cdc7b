//! Pairs of a command line: `a=1,b=[x,y]`. Brackets keep commas together.

use crate::tools::run::Usage;

pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>, Usage> {
    split(text)
        .into_iter()
        .filter(|pair| !pair.trim().is_empty())
        .map(pair)
        .collect()
}

fn pair(text: &str) -> Result<(String, String), Usage> {
    let (key, value) = text
        .split_once('=')
        .filter(|(key, _)| !key.trim().is_empty())
        .ok_or_else(|| Usage::new(format!("--add-config {text}: expected KEY=VALUE,...")))?;
    let value = value.trim();
    let list = value
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    Ok((key.trim().to_owned(), list.unwrap_or(value).to_owned()))
}

/// The parts between commas that are in no brackets.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn brackets_keep_commas_together() {
        let pairs = parse("retention.ms=1, cleanup.policy=[compact,delete],a=b=c,e=").unwrap();
        let pairs: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(key, value)| (&**key, &**value))
            .collect();
        let expected = [
            ("retention.ms", "1"),
            ("cleanup.policy", "compact,delete"),
            ("a", "b=c"),
            ("e", ""),
        ];
        assert_eq!(pairs, expected);
        assert!(parse("").unwrap().is_empty());
        assert!(parse("a").is_err() && parse("=1").is_err());
    }
}
