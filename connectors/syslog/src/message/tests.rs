//! Messages as the RFCs, daemons and devices write them; and any bytes whatever.

use proptest::prelude::*;

use super::*;

/// Host, program, process, message id, structured data and text.
type Fields<'a> = [Option<&'a str>; 6];

fn fields<'a>(message: &Message<'a>) -> Fields<'a> {
    let text = |bytes: &'a [u8]| std::str::from_utf8(bytes).unwrap();
    [
        message.host.map(text),
        message.app.map(text),
        message.procid.map(text),
        message.msgid.map(text),
        Some(text(message.data)).filter(|data| !data.is_empty()),
        Some(text(message.text)),
    ]
}

#[test]
fn messages_of_either_kind() {
    let cases: &[(&str, Fields<'_>)] = &[
        (
            "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \u{feff}'su root' failed for lonvick",
            [
                Some("mymachine.example.com"),
                Some("su"),
                None,
                Some("ID47"),
                None,
                Some("'su root' failed for lonvick"),
            ],
        ),
        (
            "<165>1 2003-10-11T22:14:15.003Z h evntslog 7 ID47 [ex@32473 iut=\"3\"][b@1] text",
            [
                Some("h"),
                Some("evntslog"),
                Some("7"),
                Some("ID47"),
                Some("[ex@32473 iut=\"3\"][b@1]"),
                Some("text"),
            ],
        ),
        (
            "<165>1 - - - - - -",
            [None, None, None, None, None, Some("")],
        ),
        (
            "<165>1 - h - - - [a b=\"]\"]",
            [Some("h"), None, None, None, Some("[a b=\"]\"]"), Some("")],
        ),
        (
            "<34>Oct 11 22:14:15 mymachine su: 'su root' failed",
            [
                Some("mymachine"),
                Some("su"),
                None,
                None,
                None,
                Some("'su root' failed"),
            ],
        ),
        (
            "<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!",
            [
                Some("10.0.0.99"),
                None,
                None,
                None,
                None,
                Some("Use the BFG!"),
            ],
        ),
        (
            "<86>Nov 22 02:14:15 sshd[4711]: Accepted",
            [
                None,
                Some("sshd"),
                Some("4711"),
                None,
                None,
                Some("Accepted"),
            ],
        ),
        (
            "<30>2026-11-22T02:14:15.123456+01:00 box systemd[1]: Started x.",
            [
                Some("box"),
                Some("systemd"),
                Some("1"),
                None,
                None,
                Some("Started x."),
            ],
        ),
        (
            "<166>Oct 11 2024 22:14:15: %ASA-6-302013: Built",
            [None, Some("%ASA-6-302013"), None, None, None, Some("Built")],
        ),
        (
            "<13>Oct 11 22:14:15 host app[]: x",
            [Some("host"), Some("app"), None, None, None, Some("x")],
        ),
        (
            "<13>Oct 11 22:14:15 host app[1 2]: x",
            [Some("host"), None, None, None, None, Some("app[1 2]: x")],
        ),
        (
            "<13>no time: at all",
            [None, None, None, None, None, Some("no time: at all")],
        ),
        (
            "<13>1 reason to worry",
            [None, None, None, None, None, Some("1 reason to worry")],
        ),
        ("<0>", [None, None, None, None, None, Some("")]),
    ];
    for (text, expected) in cases {
        let message = Message::read(text.as_bytes());
        assert_eq!(message.fault, None, "{text}");
        assert_eq!(fields(&message), *expected, "{text}");
    }
}

#[test]
fn what_is_no_message_is_kept_whole() {
    for (text, fault, kept) in [
        ("hello", "it has no priority", "hello"),
        ("", "it has no priority", ""),
        ("<999>x", "it has no priority", "<999>x"),
        (
            "<34>1 - h a p",
            "its header is not as RFC 5424 says",
            "1 - h a p",
        ),
        (
            "<34>1 2003-10-11T22:14:15Z h a p m [x",
            "its header is not as RFC 5424 says",
            "1 2003-10-11T22:14:15Z h a p m [x",
        ),
        (
            "<34>1 - h a p m -text",
            "its header is not as RFC 5424 says",
            "1 - h a p m -text",
        ),
    ] {
        let message = Message::read(text.as_bytes());
        assert_eq!(message.fault, Some(fault), "{text}");
        assert_eq!(message.text, kept.as_bytes(), "{text}");
    }
}

/// A message as a sender writes it, with what it says.
fn sent() -> impl Strategy<Value = (String, [String; 4], String)> {
    let word = "[!-,.-~]{1,20}";
    ([word, word, word, word], "[ -~é]{0,50}").prop_map(|([host, app, procid, msgid], text)| {
        let line = format!("<165>1 2003-10-11T22:14:15Z {host} {app} {procid} {msgid} - {text}");
        (line, [host, app, procid, msgid], text)
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let message = Message::read(&bytes);
        prop_assert!(message.text.len() <= bytes.len());
        drop(elements(message.data));
    }

    /// Bytes that look like a message for longer than random ones do.
    #[test]
    fn what_is_nearly_a_message_is_read(
        head in r"<[0-9]{0,4}>?1? ?(Oct|Feb)?[ 0-9:TZ.+-]{0,30}",
        tail in r#"[ -~]{0,20}(\[[a-z@]{0,4} ?[a-z]{0,3}=?"?[^"]{0,5}"?\]?){0,3}.{0,9}"#,
    ) {
        let text = format!("{head}{tail}");
        let message = Message::read(text.as_bytes());
        if let Some(stamp) = message.time {
            let near = resolve(stamp, 1_800_000_000_000, &jiff::tz::TimeZone::UTC);
            prop_assert!(near.is_none_or(|ms| ms.abs() < 400_000_000_000_000));
        }
        drop(elements(message.data));
    }

    #[test]
    fn what_is_sent_is_read((line, [host, app, procid, msgid], text) in sent()) {
        let message = Message::read(line.as_bytes());
        prop_assert_eq!(message.fault, None);
        prop_assert_eq!(message.host, Some(host.as_bytes()));
        prop_assert_eq!(message.app, Some(app.as_bytes()));
        prop_assert_eq!(message.procid, Some(procid.as_bytes()));
        prop_assert_eq!(message.msgid, Some(msgid.as_bytes()));
        prop_assert_eq!(message.text, text.as_bytes());
    }
}
