//! Messages of RFC 5424: `<34>1 2026-11-22T02:14:15.003Z host app 4711 ID47 [a@1 b="c"] text`.

use super::{Message, Priority, Stamp, data, field, time, without_mark};

/// Reads what stands behind the version; none where that is not as the RFC says.
pub(super) fn read(priority: Priority, header: &[u8]) -> Option<Message<'_>> {
    let (stamp, rest) = field(header)?;
    let time = match stamp {
        b"-" => None,
        stamp => Some(Stamp::Exact(time::rfc3339(stamp)?)),
    };
    let (host, rest) = field(rest)?;
    let (app, rest) = field(rest)?;
    let (procid, rest) = field(rest)?;
    let (msgid, rest) = field(rest)?;
    let end = match rest.strip_prefix(b"-") {
        Some(_) => 1,
        None => data::end(rest)?,
    };
    let (data, rest) = rest.split_at(end);
    let text = match rest {
        [] => rest,
        [b' ', text @ ..] => text,
        _ => return None,
    };
    let known = |field| Some(field).filter(|field| *field != b"-");
    Some(Message {
        time,
        host: known(host),
        app: known(app),
        procid: known(procid),
        msgid: known(msgid),
        data: if data == b"-" { b"" } else { data },
        ..Message::bare(priority, without_mark(text))
    })
}

/// Whether the header begins with a time, or says that there is none.
pub(super) fn has_time(header: &[u8]) -> bool {
    header.starts_with(b"- ")
        || field(header).is_some_and(|(stamp, _)| time::rfc3339(stamp).is_some())
}
