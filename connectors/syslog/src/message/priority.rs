//! Facility and severity (RFC 5424, section 6.2.1), with the names that syslog daemons give them.

const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];
const SEVERITIES: [&str; 8] = [
    "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
];

/// What a message is about, and how much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Priority(u8);

impl Default for Priority {
    /// `user.notice`.
    fn default() -> Self {
        Self(13)
    }
}

impl Priority {
    /// The priority at the start of a message, and what is behind it.
    pub(crate) fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let rest = bytes.strip_prefix(b"<")?;
        let end = rest.iter().take(4).position(|&byte| byte == b'>')?;
        let digits = std::str::from_utf8(&rest[..end]).ok()?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number: u8 = digits.parse().ok()?;
        (usize::from(number >> 3) < FACILITIES.len()).then(|| (Self(number), &rest[end + 1..]))
    }

    /// Facility and severity in one number.
    pub(crate) fn number(self) -> u8 {
        self.0
    }

    pub(crate) fn facility(self) -> &'static str {
        FACILITIES
            .get(usize::from(self.0 >> 3))
            .copied()
            .unwrap_or("user")
    }

    pub(crate) fn severity(self) -> &'static str {
        SEVERITIES[usize::from(self.0 & 7)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_and_what_is_none() {
        for (text, expected) in [
            ("<0>x", Some(("kern", "emerg", "x"))),
            ("<13>", Some(("user", "notice", ""))),
            ("<34>1", Some(("auth", "crit", "1"))),
            ("<191>m", Some(("local7", "debug", "m"))),
            ("<007>m", Some(("kern", "debug", "m"))),
            ("<192>m", None),
            ("<1000>m", None),
            ("<>m", None),
            ("<+1>m", None),
            ("<13", None),
            ("13>", None),
            ("", None),
        ] {
            let read = Priority::read(text.as_bytes()).map(|(priority, rest)| {
                let rest = std::str::from_utf8(rest).unwrap();
                (priority.facility(), priority.severity(), rest)
            });
            assert_eq!(read, expected, "{text}");
        }
    }
}
