//! Names that a schema format allows: letters, digits and underscores, of which the first is no digit.

/// The name, or, with `scrub_invalid_names`, one like it that is allowed; what is escaped begins with an `x` where it
/// else would with a digit, or, with `no_underscore`, with an underscore.
pub(crate) fn scrub(name: &str, no_underscore: bool) -> String {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let starts_wrong = |first: u8| first.is_ascii_digit() || (no_underscore && first == b'_');
    let Some(first) = name.bytes().next() else {
        return String::new();
    };
    if name.bytes().all(is_fine) && !starts_wrong(first) {
        return name.to_owned();
    }
    let mut scrubbed = String::with_capacity(name.len() * 3);
    for byte in name.bytes() {
        match byte {
            b' ' | b'.' | b'-' | b'*' => scrubbed.push('_'),
            byte if is_fine(byte) => scrubbed.push(char::from(byte)),
            // URL encoding writes a percent sign and two digits; the sign is not allowed either.
            byte => scrubbed.push_str(&format!("_{byte:02X}")),
        }
    }
    if name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_digit())
        || (no_underscore && name.starts_with('_'))
    {
        scrubbed.insert(0, 'x');
    }
    scrubbed
}

/// Namespace and simple name of a dotted name.
pub(crate) fn full_name_parts(name: &str) -> (Option<&str>, &str) {
    match name.rsplit_once('.') {
        Some((space, simple)) => (Some(space), simple),
        None => (None, name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_allowed_ones() {
        for (name, expected) in [
            ("plain_1", "plain_1"),
            ("a b", "a_b"),
            ("a-b.c*d", "a_b_c_d"),
            ("1st", "x1st"),
            ("ä", "_C3_A4"),
            ("_x", "_x"),
            ("", ""),
        ] {
            assert_eq!(scrub(name, false), expected, "{name}");
        }
        assert_eq!(scrub("_x", true), "x_x");
    }
}
