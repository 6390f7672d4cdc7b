//! Texts made and read by Java, in UTC and English.

use super::DateFormat;

fn format(pattern: &str) -> DateFormat {
    DateFormat::new(pattern).unwrap()
}

#[test]
fn instants_are_written_as_java_writes_them() {
    for (pattern, ms, text) in super::java_vectors::FORMATTED {
        assert_eq!(format(pattern).format(*ms), *text, "{pattern}");
    }
}

#[test]
fn texts_are_read_as_java_reads_them() {
    for (pattern, text, ms) in super::java_vectors::PARSED {
        assert_eq!(format(pattern).parse(text), *ms, "{text} as {pattern}");
    }
}

#[test]
fn wrong_patterns_are_refused() {
    assert_eq!(
        DateFormat::new("yyyy-b").unwrap_err(),
        "Illegal pattern character 'b'"
    );
    assert_eq!(DateFormat::new("'x").unwrap_err(), "Unterminated quote");
}
