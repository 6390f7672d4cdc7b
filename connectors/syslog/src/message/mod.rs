//! Messages: what their bytes say, of either format. Pure, and without an opinion on what is to become of a message
//! that is none.

mod bsd;
mod data;
mod ietf;
mod priority;
mod time;

pub(crate) use data::elements;
pub(crate) use priority::Priority;
pub(crate) use time::{Stamp, resolve, zone};

/// What a message says. Fields are as they were sent; a field that is missing or `-` is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    /// `user.notice` where there is none, as RFC 3164 has it for relays.
    pub(crate) priority: Priority,
    pub(crate) time: Option<Stamp>,
    pub(crate) host: Option<&'a [u8]>,
    pub(crate) app: Option<&'a [u8]>,
    pub(crate) procid: Option<&'a [u8]>,
    pub(crate) msgid: Option<&'a [u8]>,
    /// Structured data as it stands, with its brackets; empty for none.
    pub(crate) data: &'a [u8],
    /// What is left: the message proper.
    pub(crate) text: &'a [u8],
    /// Why it is no syslog message, if it is none.
    pub(crate) fault: Option<&'static str>,
}

impl<'a> Message<'a> {
    /// A message of which nothing is known but its text.
    fn bare(priority: Priority, text: &'a [u8]) -> Self {
        Self {
            priority,
            time: None,
            host: None,
            app: None,
            procid: None,
            msgid: None,
            data: b"",
            text,
            fault: None,
        }
    }

    /// Reads a message without the end that its transport gave it.
    pub(crate) fn read(bytes: &'a [u8]) -> Self {
        let Some((priority, rest)) = Priority::read(bytes) else {
            return Self {
                fault: Some("it has no priority"),
                ..Self::bare(Priority::default(), bytes)
            };
        };
        let Some(header) = rest.strip_prefix(b"1 ") else {
            return bsd::read(priority, rest);
        };
        match ietf::read(priority, header) {
            Some(message) => message,
            // A text of RFC 3164 without a time may begin so too.
            None if !ietf::has_time(header) => bsd::read(priority, rest),
            None => Self {
                fault: Some("its header is not as RFC 5424 says"),
                ..Self::bare(priority, rest)
            },
        }
    }
}

/// A field that ends with a blank, and what is behind the blank.
fn field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b' ', bytes)?;
    (end > 0).then(|| (&bytes[..end], &bytes[end + 1..]))
}

/// Without the byte order mark that says that a text is UTF-8.
fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

#[cfg(test)]
mod tests;
