//! Writing a `.properties` text.

use crate::Properties;

/// Writes properties as ASCII, a line each, in the order of their keys; Java reads it back as it was.
pub fn write(properties: &Properties) -> String {
    let mut text = String::new();
    for (key, value) in properties {
        escape_into(&mut text, key, true);
        text.push('=');
        escape_into(&mut text, value, false);
        text.push('\n');
    }
    text
}

/// Blanks matter in the whole of a key, and at the start of a value.
fn escape_into(out: &mut String, text: &str, is_key: bool) {
    for (index, c) in text.chars().enumerate() {
        match c {
            ' ' if is_key || index == 0 => out.push_str("\\ "),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\u{c}' => out.push_str("\\f"),
            '\\' | '=' | ':' | '#' | '!' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            c => escape_unicode(out, c),
        }
    }
}

fn escape_unicode(out: &mut String, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        out.push_str(&format!("\\u{unit:04X}"));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::write;
    use crate::Properties;
    use crate::properties::{parse, parse_bytes};

    #[test]
    fn what_has_a_meaning_is_escaped() {
        let properties = Properties::from([("a b:".to_owned(), " c=d é😀\n".to_owned())]);
        assert_eq!(
            write(&properties),
            "a\\ b\\:=\\ c\\=d \\u00E9\\uD83D\\uDE00\\n\n"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            properties in prop::collection::btree_map("[^\x00]*", "[^\x00]*", 0..6)
        ) {
            let text = write(&properties);
            prop_assert!(text.is_ascii());
            prop_assert_eq!(parse(&text).unwrap(), properties);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(parse_bytes(&bytes));
        }

        #[test]
        fn any_grammar_is_read_or_refused(text in "[a \\t\\\\u0d8=:#!\n\r\u{c}]{0,60}") {
            drop(parse(&text));
        }
    }
}
