//! Messages of RFC 3164, which describes what was found in use rather than what must be: `<34>Oct 11 22:14:15 host
//! app[4711]: text`. Any part behind the priority may be missing, and the time may be that of RFC 3339, as rsyslog
//! sends it.

use super::{Message, Priority, field, time, without_mark};

/// The longest name of a program.
const APP_MAX: usize = 255;

/// Reads what stands behind the priority.
pub(super) fn read(priority: Priority, rest: &[u8]) -> Message<'_> {
    let Some((stamp, rest)) = time::at_start(rest) else {
        return Message::bare(priority, without_mark(rest));
    };
    // Local senders leave the host out: then what follows is the tag.
    let (host, content) = match field(rest) {
        Some((word, content)) if !is_tag(word) => (Some(word), content),
        _ => (None, rest),
    };
    let (app, procid, text) = tag(content);
    Message {
        time: Some(stamp),
        host,
        app,
        procid,
        ..Message::bare(priority, without_mark(text))
    }
}

fn is_tag(word: &[u8]) -> bool {
    word.ends_with(b":") || word.ends_with(b"]")
}

/// Program, process and text of `app[4711]: text`; only the text where there is no such beginning.
fn tag(content: &[u8]) -> (Option<&[u8]>, Option<&[u8]>, &[u8]) {
    let nothing = (None, None, content);
    let is_end = |byte: &u8| matches!(byte, b'[' | b':') || !byte.is_ascii_graphic();
    let Some(end) = content.iter().take(APP_MAX + 1).position(is_end) else {
        return nothing;
    };
    let (app, rest) = content.split_at(end);
    let (procid, rest) = match rest.strip_prefix(b"[") {
        None => (None, rest),
        Some(inside) => match memchr::memchr2(b']', b' ', inside) {
            Some(end) if inside[end] == b']' => (Some(&inside[..end]), &inside[end + 1..]),
            _ => return nothing,
        },
    };
    let text = match rest.strip_prefix(b":") {
        Some(text) => text,
        None if procid.is_some() => rest,
        None => return nothing,
    };
    match app {
        [] => nothing,
        app => {
            let text = text.strip_prefix(b" ").unwrap_or(text);
            (Some(app), procid.filter(|procid| !procid.is_empty()), text)
        }
    }
}
