//! Structured data (RFC 5424, section 6.3): `[exampleSDID@32473 iut="3" eventSource="Application"]`.

/// An element's id, and its parameters with their values.
pub(crate) type Element = (String, Vec<(String, String)>);

/// Where the elements end that `bytes` begin with; none where they are not as the RFC says.
pub(super) fn end(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while bytes.get(at) == Some(&b'[') {
        at = walk(bytes, at, |_, _| {})?;
    }
    (at > 0).then_some(at)
}

/// The elements of structured data that [`end`] has found to be such. What is not UTF-8 is replaced.
pub(crate) fn elements(bytes: &[u8]) -> Vec<Element> {
    let mut elements = Vec::new();
    let mut at = 0;
    while bytes.get(at) == Some(&b'[') {
        let mut parts: Vec<(String, String)> = Vec::new();
        let Some(next) = walk(bytes, at, |name, value| {
            parts.push((millrace_api::utf8_lossy(name), unescaped(value)));
        }) else {
            break;
        };
        let mut parts = parts.into_iter();
        if let Some((id, _)) = parts.next() {
            elements.push((id, parts.collect()));
        }
        at = next;
    }
    elements
}

/// Goes through the element at `at`, gives its id and then its parameters, and returns where it ends.
fn walk<'a>(bytes: &'a [u8], at: usize, mut give: impl FnMut(&'a [u8], &'a [u8])) -> Option<usize> {
    let mut at = at + 1;
    let id = name(bytes, &mut at)?;
    give(id, b"");
    loop {
        match bytes.get(at)? {
            b']' => return Some(at + 1),
            b' ' => at += 1,
            _ => return None,
        }
        let name = name(bytes, &mut at)?;
        if bytes.get(at..at + 2)? != b"=\"" {
            return None;
        }
        at += 2;
        let start = at;
        loop {
            match bytes.get(at)? {
                b'"' => break,
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
        give(name, &bytes[start..at]);
        at += 1;
    }
}

/// A name of an element or parameter.
fn name<'a>(bytes: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let rest = bytes.get(*at..)?;
    let is_end = |byte: &u8| matches!(byte, b'=' | b' ' | b']' | b'"');
    let len = rest.iter().position(is_end)?;
    *at += len;
    (len > 0).then(|| &rest[..len])
}

/// A value without its escapes: a backslash stands for itself unless it is before `"`, `\` or `]`.
fn unescaped(value: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&first, tail)) = rest.split_first() {
        rest = match (first, tail) {
            (b'\\', [escaped @ (b'"' | b'\\' | b']'), tail @ ..]) => {
                bytes.push(*escaped);
                tail
            }
            _ => {
                bytes.push(first);
                tail
            }
        };
    }
    millrace_api::utf8_lossy(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_with_their_escapes() {
        let text = br#"[a@1 b="c" d="e\"\]\\\n"][f][g h=""] rest"#;
        let end = end(text).unwrap();
        assert_eq!(&text[end..], b" rest");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            elements(&text[..end]),
            [
                (
                    "a@1".to_owned(),
                    vec![pair("b", "c"), pair("d", "e\"]\\\\n")]
                ),
                ("f".to_owned(), vec![]),
                ("g".to_owned(), vec![pair("h", "")]),
            ]
        );
    }

    #[test]
    fn what_is_no_structured_data() {
        for text in [
            "",
            "a",
            "[",
            "[]",
            "[a",
            "[a b]",
            "[a b=c]",
            "[a b=\"c]",
            "[a b=\"c\"",
            "[a b=\"c\\",
            "[a b=\"c\"d]",
            "[a  b=\"c\"]",
        ] {
            assert_eq!(end(text.as_bytes()), None, "{text}");
        }
    }
}
