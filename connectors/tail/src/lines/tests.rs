use proptest::prelude::*;

use super::*;

fn texts(cutter: Cutter, bytes: &[u8], last: bool) -> (Vec<String>, Cut) {
    let mut lines = Vec::new();
    let cut = cutter.cut(bytes, last, |line| {
        lines.push(String::from_utf8_lossy(&bytes[line.start..line.end]).into_owned());
        true
    });
    (lines, cut)
}

fn cutter(max: usize, too_long: TooLong) -> Cutter {
    Cutter {
        max,
        too_long,
        form: Form::Utf8,
    }
}

/// Cuts `bytes` as a reader does that sees at most `window` of them at a time, and at most `rows` lines.
fn windows(cutter: Cutter, bytes: &[u8], window: usize, rows: usize) -> Vec<Vec<u8>> {
    let (mut lines, mut at, mut window_now) = (Vec::new(), 0, window);
    loop {
        let end = bytes.len().min(at + window_now);
        let piece = &bytes[at..end];
        let mut left = rows;
        let cut = cutter.cut(piece, false, |line| {
            lines.push(piece[line.start..line.end].to_vec());
            left -= 1;
            left > 0
        });
        at += cut.consumed;
        if cut.consumed > 0 {
            window_now = window;
        } else if end == bytes.len() {
            break;
        } else {
            window_now *= 2;
        }
    }
    cutter.cut(&bytes[at..], true, |line| {
        lines.push(bytes[at + line.start..at + line.end].to_vec());
        true
    });
    lines
}

#[test]
fn line_ends() {
    for (bytes, lines, consumed) in [
        ("", &[][..], 0),
        ("a", &[], 0),
        ("a\n", &["a"], 2),
        ("a\r\nb\n", &["a", "b"], 5),
        ("\n\r\n\n", &["", "", ""], 4),
        ("a\rb\nc", &["a\rb"], 4),
        ("a\r\r\n", &["a\r"], 4),
        ("a\r", &[], 0),
    ] {
        let (read, cut) = texts(cutter(100, TooLong::Split), bytes.as_bytes(), false);
        assert_eq!(
            (&read[..], cut.consumed),
            (
                &lines
                    .iter()
                    .map(|line| (*line).to_owned())
                    .collect::<Vec<_>>()[..],
                consumed
            ),
            "{bytes:?}"
        );
    }
}

#[test]
fn the_last_line_needs_no_end() {
    let (lines, cut) = texts(cutter(100, TooLong::Split), b"a\nrest", true);
    assert_eq!(
        (lines, cut.consumed),
        (vec!["a".to_owned(), "rest".to_owned()], 6)
    );
    let (lines, _) = texts(cutter(100, TooLong::Split), b"a\n", true);
    assert_eq!(lines, ["a"]);
}

#[test]
fn lines_of_units_of_two_bytes() {
    let form = Form::Utf16(crate::encoding::ByteOrder::LowFirst);
    let cutter = |max, too_long| Cutter {
        max,
        too_long,
        form,
    };
    let bytes: Vec<u8> = "ab\r\nlonger😀\n\nrest"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let read = |cutter: Cutter, bytes: &[u8], last| {
        let mut lines = Vec::new();
        let cut = cutter.cut(bytes, last, |line| {
            let text = form.text(&bytes[line.start..line.end]);
            lines.push(String::from_utf8(text.to_vec()).unwrap());
            true
        });
        (lines, cut.consumed)
    };
    let whole = cutter(100, TooLong::Split);
    let lines = ["ab", "longer😀", ""].map(str::to_owned).to_vec();
    assert_eq!(read(whole, &bytes, false), (lines.clone(), 28));
    assert_eq!(
        read(whole, &bytes[..bytes.len() - 1], false),
        (lines, 28),
        "half a unit waits"
    );
    assert_eq!(read(whole, &bytes, true).0[3], "rest");
    let (lines, _) = read(cutter(14, TooLong::Split), &bytes, true);
    assert_eq!(lines, ["ab", "longer", "😀", "", "rest"]);
    let (lines, _) = read(cutter(8, TooLong::Truncate), &bytes, true);
    assert_eq!(lines, ["ab", "long", "", "rest"]);
}

#[test]
fn long_lines() {
    let text = b"ok\nabcdefgh\nend\n";
    let (lines, cut) = texts(cutter(3, TooLong::Split), text, false);
    assert_eq!(lines, ["ok", "abc", "def", "gh", "end"]);
    assert_eq!(cut.consumed, text.len());
    let (lines, cut) = texts(cutter(3, TooLong::Truncate), text, false);
    assert_eq!(lines, ["ok", "abc", "end"]);
    assert_eq!((cut.truncated, cut.dropped), (1, 0));
    let (lines, cut) = texts(cutter(3, TooLong::Drop), text, false);
    assert_eq!(lines, ["ok", "end"]);
    assert_eq!((cut.truncated, cut.dropped), (0, 1));
}

#[test]
fn a_long_line_without_an_end_yet() {
    let (lines, cut) = texts(cutter(3, TooLong::Split), b"abcdefgh", false);
    assert_eq!((lines.join("|"), cut.consumed), ("abc|def".to_owned(), 6));
    let (lines, cut) = texts(cutter(3, TooLong::Split), b"abc\r", false);
    assert_eq!((lines.len(), cut.consumed), (0, 0), "a line end may follow");
    let (_, cut) = texts(cutter(3, TooLong::Truncate), b"x\nabcdefgh", false);
    assert_eq!((cut.consumed, cut.end_is_far), (2, true));
}

#[test]
fn characters_stay_whole() {
    let (lines, _) = texts(cutter(4, TooLong::Split), "aéé日\n".as_bytes(), false);
    assert_eq!(lines, ["aé", "é", "日"]);
    let (lines, _) = texts(cutter(4, TooLong::Truncate), "日本語\n".as_bytes(), false);
    assert_eq!(lines, ["日"]);
}

proptest! {
    #[test]
    fn lines_do_not_depend_on_the_pieces(
        bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'a'), Just(0xc3), Just(0xa9)], 0..200),
        max in 1_usize..40,
        window in 1_usize..60,
        rows in 1_usize..9,
        policy in 0_usize..3,
    ) {
        let too_long = [TooLong::Split, TooLong::Truncate, TooLong::Drop][policy];
        let whole = windows(cutter(max, too_long), &bytes, usize::MAX / 4, usize::MAX);
        prop_assert_eq!(windows(cutter(max, too_long), &bytes, window, rows), whole);
    }

    #[test]
    fn short_lines_are_those_of_the_text(text in "[a-z\n]{0,200}") {
        let (lines, _) = texts(cutter(1000, TooLong::Drop), text.as_bytes(), true);
        let expected: Vec<_> = text.lines().map(str::to_owned).collect();
        prop_assert_eq!(lines, expected);
    }

    #[test]
    fn splitting_loses_nothing(text in "[a-zé日\n]{0,200}", max in 4_usize..40) {
        let (lines, _) = texts(cutter(max, TooLong::Split), text.as_bytes(), true);
        prop_assert!(lines.iter().all(|line| line.len() <= max));
        prop_assert_eq!(lines.concat(), text.replace('\n', ""));
    }
}
