//! Names of files and folders.
//!
//! A complete file is called `TOPIC+PARTITION+FIRST+LAST.EXTENSION` by the offsets of its first and last record, with 20
//! digits each, so that names sort as records do and never meet. `+` occurs in no name of a topic.

/// Bytes of a name that a template has made at most; file systems allow 255.
const FOLDER_BYTES: usize = 200;
/// Bytes of a topic's name at most that files bear in full.
const TOPIC_BYTES: usize = 150;

/// The name of a folder with what it may not be replaced: nothing leads out of its parent, or is hidden.
pub(crate) fn folder(name: &mut String) {
    let is_bad =
        |character: char| matches!(character, '/' | '\\' | '\u{7f}') || character.is_control();
    if name.contains(is_bad) {
        *name = name.replace(is_bad, "_");
    }
    let mut end = name.len().min(FOLDER_BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.truncate(end);
    if name.is_empty() {
        name.push('_');
    }
    if name.starts_with('.') {
        name.replace_range(..1, "_");
    }
}

/// What the names of a partition's files begin with.
pub(crate) fn partition(topic: &str, partition: i32) -> String {
    if topic.len() <= TOPIC_BYTES {
        return format!("{topic}+{partition}");
    }
    // Long names that begin alike differ by their hash (FNV-1a).
    let hash = topic.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let beginning: String = topic.chars().take(TOPIC_BYTES - 17).collect();
    format!("{beginning}~{hash:016x}+{partition}")
}

/// The name of a complete file.
pub(crate) fn complete(partition: &str, first: i64, last: i64, extension: &str) -> String {
    format!("{partition}+{first:020}+{last:020}.{extension}")
}

/// The name of a connector's own folder, whatever characters the connector's name has.
pub(crate) fn connector(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => text.push(byte.into()),
            _ => text.push_str(&format!("%{byte:02x}")),
        }
    }
    match text.len() {
        0 => "%".to_owned(),
        1..=200 => text,
        // ASCII only, so that any place is a border between characters.
        _ => partition(&text, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_lead_nowhere_else() {
        for (name, expected) in [
            ("a b", "a b"),
            ("..", "_."),
            (".", "_"),
            ("", "_"),
            ("../../etc", "_._.._etc"),
            ("a\0b\nc", "a_b_c"),
            (".hidden", "_hidden"),
            ("日本", "日本"),
        ] {
            let mut text = name.to_owned();
            folder(&mut text);
            assert_eq!(text, expected, "{name:?}");
        }
        let mut long = "ü".repeat(300);
        folder(&mut long);
        assert_eq!(long.len(), 200);
    }

    #[test]
    fn long_topics_fit_and_differ() {
        let (a, b) = (
            format!("{}a", "t".repeat(248)),
            format!("{}b", "t".repeat(248)),
        );
        let name =
            |topic: &str| complete(&partition(topic, i32::MAX), i64::MAX, i64::MAX, "jsonl.zst");
        assert_ne!(name(&a), name(&b));
        assert!(name(&a).len() <= 255);
        assert_eq!(
            name("t"),
            "t+2147483647+09223372036854775807+09223372036854775807.jsonl.zst"
        );
    }

    #[test]
    fn connectors_have_folders_of_their_own() {
        for (name, expected) in [
            ("shop-1", "shop-1"),
            ("..", "%2e%2e"),
            ("a/b", "a%2fb"),
            ("", "%"),
        ] {
            assert_eq!(connector(name), expected);
        }
        assert!(connector(&"/".repeat(300)).len() <= 255);
    }
}
