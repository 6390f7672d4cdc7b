//! The topics named in a consumer's metadata.
//!
//! ```text
//! version i16
//! topics [i32 count] string     string = i16 length, UTF-8
//! …                             user data and, in later versions, what the member owns: not read
//! ```

/// Reads the topics; `None` if the metadata is not of this form.
pub(super) fn topics(metadata: &[u8]) -> Option<Vec<String>> {
    let mut rest = metadata;
    let version = i16::from_be_bytes(take(&mut rest)?);
    let count = i32::from_be_bytes(take(&mut rest)?);
    if version < 0 || count < 0 {
        return None;
    }
    // Two bytes a topic is the least: a claimed count makes no more room than the metadata is long.
    let mut topics = Vec::with_capacity((count as usize).min(rest.len() / 2));
    for _ in 0..count {
        let len = usize::try_from(i16::from_be_bytes(take(&mut rest)?)).ok()?;
        let (name, tail) = rest.split_at_checked(len)?;
        topics.push(std::str::from_utf8(name).ok()?.to_owned());
        rest = tail;
    }
    Some(topics)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::topics;

    #[test]
    fn topics_are_read_and_what_follows_is_left() {
        let metadata = b"\x00\x03\x00\x00\x00\x02\x00\x01a\x00\x02bc\xff\xff\xff\xff";
        assert_eq!(
            topics(metadata),
            Some(vec!["a".to_owned(), "bc".to_owned()])
        );
    }

    #[test]
    fn other_metadata_is_no_subscription() {
        for metadata in [
            &b""[..],
            b"\x00",
            b"\x00\x00\x7f\xff\xff\xff",
            b"\x00\x00\x00\x00\x00\x01\xff\xff",
            b"\x00\x00\x00\x00\x00\x01\x00\x02\xff\xff",
            b"\xff\xff\x00\x00\x00\x00",
        ] {
            assert_eq!(topics(metadata), None, "{metadata:?}");
        }
    }
}
