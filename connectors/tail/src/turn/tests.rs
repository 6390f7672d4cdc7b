use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use millrace_api::{Column, EncodedHeaders, SourceBatch};
use proptest::prelude::*;

use super::*;
use crate::book;
use crate::headers::HeaderKind;
use crate::identity::FileId;
use crate::multiline::Multiline;

const ID: FileId = FileId {
    device: 1,
    inode: 2,
};

/// A file in memory.
#[derive(Default)]
struct Memory(RefCell<Vec<u8>>);

impl Source for Memory {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.borrow().len() as u64)
    }

    fn read_at(&self, room: &mut [u8], position: u64) -> io::Result<usize> {
        let bytes = self.0.borrow();
        let from = bytes.len().min(position as usize);
        let read = room.len().min(bytes.len() - from);
        room[..read].copy_from_slice(&bytes[from..from + read]);
        Ok(read)
    }
}

/// A reader of one file, and what it has handed out.
struct Tail {
    file: Memory,
    reader: Reader,
    state: FileState,
    book: Arc<Book>,
    headers: Headers,
    /// Text and position behind it.
    rows: Vec<(String, u64)>,
    total: Outcome,
}

impl Tail {
    fn new(cutter: Cutter, position: u64, kinds: &[HeaderKind]) -> Self {
        let path: Arc<Path> = Path::new("/l/a.log").into();
        Self {
            file: Memory::default(),
            reader: Reader::new(cutter, Encoding::Auto, None, InvalidBytes::Replace, 7),
            state: FileState::new(position, Duration::ZERO),
            book: Arc::new(Book::new(Arc::clone(&path), Vec::new())),
            headers: Headers::new(kinds.into(), path, "host".into(), ID),
            rows: Vec::new(),
            total: Outcome::default(),
        }
    }

    fn append(&self, bytes: &[u8]) {
        self.file.0.borrow_mut().extend_from_slice(bytes);
    }

    fn turn(&mut self, last: bool) -> SourceBatch {
        let mut out = Collector::new();
        let run = SourceRun {
            end: 0,
            topic: "t".into(),
            partition: None,
            source: book::partition(ID, &self.book),
            key: Column::Null,
            value: Column::Text(None),
            headers: None,
        };
        let turn = Turn {
            source: &self.file,
            state: &mut self.state,
            book: &self.book,
            run: &run,
            key: Some("k"),
            headers: &self.headers,
            now: Duration::ZERO,
            flush: if last { Flush::Line } else { Flush::Nothing },
        };
        let outcome = self.reader.turn(turn, &mut out).unwrap();
        if outcome.anew {
            self.state.restart(Duration::ZERO);
            self.book.begin_generation();
            return self.turn(last);
        }
        self.total.more = outcome.more;
        self.total.truncated += outcome.truncated;
        self.total.dropped += outcome.dropped;
        self.total.repaired += outcome.repaired;
        self.total.refused += outcome.refused;
        let batch = out.take();
        for (start, run) in batch.runs_with_start() {
            for index in start..run.end {
                let row = batch.rows()[index];
                let text = batch.bytes(row.value).unwrap();
                assert_eq!(batch.bytes(row.key), Some(&b"k"[..]));
                let offset = book::stored(&run.source.offset(row.mark)).unwrap();
                self.rows
                    .push((String::from_utf8(text.to_vec()).unwrap(), offset.position));
            }
        }
        batch
    }

    fn turns(&mut self, last: bool) {
        for _ in 0..10_000 {
            self.turn(last);
            if !self.total.more {
                return;
            }
        }
        panic!("the turns do not end");
    }

    fn texts(&self) -> Vec<&str> {
        self.rows.iter().map(|(text, _)| text.as_str()).collect()
    }
}

fn cutter(max: usize, too_long: TooLong) -> Cutter {
    Cutter {
        max,
        too_long,
        form: Form::Utf8,
    }
}

/// What comes of a file whose bytes come one by one, and of one that is there at once: the same.
fn read_in(
    encoding: Encoding,
    invalid: InvalidBytes,
    max: usize,
    bytes: &[u8],
) -> (Vec<String>, Outcome) {
    let reader = || Reader::new(cutter(max, TooLong::Truncate), encoding, None, invalid, 7);
    let mut whole = Tail::new(cutter(max, TooLong::Truncate), 0, &[HeaderKind::Offset]);
    whole.reader = reader();
    whole.append(bytes);
    whole.turns(true);
    let mut pieces = Tail::new(cutter(max, TooLong::Truncate), 0, &[]);
    pieces.reader = reader();
    for byte in bytes {
        pieces.append(&[*byte]);
        pieces.turns(false);
    }
    pieces.turns(true);
    assert_eq!(pieces.texts(), whole.texts());
    assert_eq!(whole.state.position(), bytes.len() as u64);
    let texts = whole.texts().into_iter().map(str::to_owned).collect();
    (texts, whole.total)
}

#[test]
fn files_in_other_encodings() {
    let text = "caf\u{e9}\r\n\u{a}\u{65e5}\u{672c} \u{1f600}\nrest";
    let low_first: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let high_first: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let expected = ["caf\u{e9}", "", "\u{65e5}\u{672c} \u{1f600}", "rest"];
    for (encoding, bytes) in [
        (Encoding::Auto, text.as_bytes().to_vec()),
        (Encoding::Auto, [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        (Encoding::Auto, [b"\xff\xfe", &low_first[..]].concat()),
        (Encoding::Auto, [b"\xfe\xff", &high_first[..]].concat()),
        (Encoding::Utf16Le, low_first.clone()),
        (Encoding::Utf16Be, high_first),
    ] {
        let (texts, total) = read_in(encoding, InvalidBytes::Replace, 1000, &bytes);
        assert_eq!(texts, expected, "{encoding:?}");
        assert_eq!(total.repaired, 0);
    }
    let (texts, _) = read_in(
        Encoding::Latin1,
        InvalidBytes::Drop,
        1000,
        b"caf\xe9\n\xff\n",
    );
    assert_eq!(texts, ["caf\u{e9}", "\u{ff}"]);
    let (texts, total) = read_in(
        Encoding::Utf16Le,
        InvalidBytes::Replace,
        16,
        &low_first.repeat(2),
    );
    assert_eq!(texts[3], "restcaf\u{e9}");
    assert_eq!(total.truncated, 0);
    let long: Vec<u8> = "0123456789 and so on\nnext\n"
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    let (texts, total) = read_in(Encoding::Utf16Be, InvalidBytes::Replace, 16, &long);
    assert_eq!(
        (texts, total.truncated),
        (vec!["01234567".to_owned(), "next".to_owned()], 1)
    );
}

#[test]
fn what_is_no_character() {
    let half = b"a\0\x3d\xd8b\0\n\0c\0\n\0".to_vec();
    for (encoding, invalid, bytes, expected, repaired, refused) in [
        (
            Encoding::Utf8,
            InvalidBytes::Replace,
            &b"a\xffb\nc\n"[..],
            &["a\u{FFFD}b", "c"][..],
            1,
            0,
        ),
        (
            Encoding::Utf8,
            InvalidBytes::Escape,
            b"a\xffb\nc\n",
            &["a\\xffb", "c"],
            1,
            0,
        ),
        (
            Encoding::Utf8,
            InvalidBytes::Remove,
            b"a\xffb\nc\n",
            &["ab", "c"],
            1,
            0,
        ),
        (
            Encoding::Utf8,
            InvalidBytes::Drop,
            b"a\xffb\nc\n",
            &["c"],
            0,
            1,
        ),
        (
            Encoding::Utf16Le,
            InvalidBytes::Replace,
            &half,
            &["a\u{FFFD}b", "c"],
            1,
            0,
        ),
        (
            Encoding::Utf16Le,
            InvalidBytes::Escape,
            &half,
            &["a\\x3d\\xd8b", "c"],
            1,
            0,
        ),
        (
            Encoding::Utf16Le,
            InvalidBytes::Remove,
            &half,
            &["ab", "c"],
            1,
            0,
        ),
        (Encoding::Utf16Le, InvalidBytes::Drop, &half, &["c"], 0, 1),
    ] {
        let (texts, total) = read_in(encoding, invalid, 1000, bytes);
        assert_eq!(texts, expected, "{encoding:?} {invalid:?}");
        assert_eq!(
            (total.repaired, total.refused),
            (repaired, refused),
            "{encoding:?} {invalid:?}"
        );
    }
}

#[test]
fn lines_come_as_they_are_finished() {
    let mut tail = Tail::new(cutter(100, TooLong::Split), 0, &[]);
    tail.append(b"one\ntwo\nthr");
    tail.turns(false);
    assert_eq!(tail.texts(), ["one", "two"]);
    assert_eq!(tail.state.begun(), 3);
    tail.append(b"ee\n");
    tail.turns(false);
    assert_eq!(tail.rows[2], ("three".to_owned(), 14));
    tail.append(b"rest");
    tail.turns(true);
    assert_eq!(tail.rows[3], ("rest".to_owned(), 18));
    tail.turns(true);
    assert_eq!(tail.rows.len(), 4);
}

#[test]
fn a_file_that_is_cut_and_written_anew_is_read_from_its_start() {
    for anew in ["new\n", "other head, and longer than it was before\n"] {
        let mut tail = Tail::new(cutter(100, TooLong::Split), 0, &[]);
        tail.append(b"one\ntwo\nbegun");
        tail.turns(false);
        *tail.file.0.borrow_mut() = anew.as_bytes().to_vec();
        tail.turns(false);
        assert_eq!(tail.texts(), ["one", "two", anew.trim_end()]);
        assert_eq!(tail.rows[2].1, anew.len() as u64);
    }
}

#[test]
fn a_long_line_is_found_whole_beyond_the_window() {
    let long = "é".repeat(400_000);
    for (policy, expected, counts) in [
        (TooLong::Truncate, vec!["a", &long[..1000], "b"], (1, 0)),
        (TooLong::Drop, vec!["a", "b"], (0, 1)),
    ] {
        let mut tail = Tail::new(cutter(1000, policy), 0, &[]);
        tail.append(b"a\n");
        for piece in long.as_bytes().chunks(70_001) {
            tail.append(piece);
            tail.turns(false);
        }
        tail.append(b"\nb\n");
        tail.turns(false);
        assert!(tail.texts() == expected, "{policy:?}");
        assert_eq!((tail.total.truncated, tail.total.dropped), counts);
        assert_eq!(tail.rows.last().unwrap().1, 800_005);
    }
}

#[test]
fn a_line_may_be_longer_than_a_block() {
    let mut tail = Tail::new(cutter(2 << 20, TooLong::Split), 0, &[]);
    let long = "x".repeat(1 << 20);
    tail.append(format!("{long}\nshort\n").as_bytes());
    tail.turns(false);
    assert!(tail.texts() == [long.as_str(), "short"]);
}

#[test]
fn bytes_that_are_no_text_are_repaired_and_counted() {
    let mut tail = Tail::new(cutter(100, TooLong::Split), 0, &[]);
    tail.append(b"good\nb\xffd\ngood\n");
    tail.turns(false);
    assert_eq!(tail.texts(), ["good", "b\u{fffd}d", "good"]);
    assert_eq!(tail.total.repaired, 1);
    assert_eq!(tail.rows[1].1, 9);
}

#[test]
fn headers_say_where_a_record_was() {
    let mut tail = Tail::new(
        cutter(100, TooLong::Split),
        0,
        &[HeaderKind::Path, HeaderKind::Offset],
    );
    tail.append(b"one\ntwo\n");
    let batch = tail.turn(false);
    let section = batch.bytes(batch.rows()[1].headers).unwrap();
    let headers: Vec<_> = EncodedHeaders::new(section).iter().collect();
    assert_eq!(
        headers,
        [
            (&b"path"[..], Some(&b"/l/a.log"[..])),
            (b"offset", Some(b"4"))
        ]
    );
}

#[test]
fn a_begun_line_is_left_out_where_reading_starts_inside_it() {
    let mut tail = Tail::new(cutter(100, TooLong::Split), 3, &[]);
    tail.state.leave_out_line();
    tail.append(b"one");
    tail.turns(false);
    tail.append(b" and a half\ntwo\n");
    tail.turns(false);
    assert_eq!(tail.texts(), ["two"]);
}

#[test]
fn a_group_is_a_record_and_its_offset_is_behind_it() {
    let mut tail = Tail::new(cutter(100, TooLong::Split), 0, &[]);
    tail.reader.grouper = Grouper::new(Multiline::Indent, "", 500, 100).unwrap();
    tail.append(b"a\n b\nc\n d\n e");
    tail.turns(false);
    assert_eq!(tail.rows, [("a\n b".to_owned(), 5)]);
    tail.append(b" f\ng\n");
    tail.turns(false);
    assert_eq!(tail.rows[1], ("c\n d\n e f".to_owned(), 15));
    tail.turns(true);
    assert_eq!(tail.texts()[2], "g");
    let lines: String = (0..60_000).map(|number| format!(" {number}\n")).collect();
    tail.append(lines.as_bytes());
    tail.turns(true);
    let read: usize = tail.texts()[3..]
        .iter()
        .map(|text| text.lines().count())
        .sum();
    assert_eq!(read, 60_000);
}

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<u8>),
    Turn,
    Anew,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let text = proptest::string::string_regex("[ab\n\r]{0,30}").unwrap();
    let step = prop_oneof![
        4 => text.prop_map(|text| Step::Append(text.into_bytes())),
        4 => Just(Step::Turn),
        1 => Just(Step::Anew),
    ];
    proptest::collection::vec(step, 0..40)
}

/// The lines of a whole file.
fn lines_of(bytes: &[u8], cutter: Cutter, last: bool) -> Vec<String> {
    let mut lines = Vec::new();
    cutter.cut(bytes, last, |line| {
        lines.push(String::from_utf8(bytes[line.start..line.end].to_vec()).unwrap());
        true
    });
    lines
}

proptest! {
    /// Whatever is written, cut and read when: each line comes once and in order.
    #[test]
    fn each_line_comes_once(steps in steps(), max in 1_usize..20) {
        let cutter = cutter(max, TooLong::Split);
        let mut tail = Tail::new(cutter, 0, &[]);
        let mut expected = Vec::new();
        let mut number = 0;
        for step in steps {
            match step {
                Step::Append(bytes) => tail.append(&bytes),
                Step::Turn => { tail.turn(false); }
                Step::Anew => {
                    tail.turns(false);
                    expected.extend(lines_of(&tail.file.0.borrow(), cutter, false));
                    // What was handed out of a line without an end stays.
                    number += 1;
                    expected.truncate(tail.rows.len());
                    *tail.file.0.borrow_mut() = format!("{number}\n").into_bytes();
                    tail.turn(false);
                }
            }
        }
        tail.turns(false);
        tail.turns(true);
        expected.extend(lines_of(&tail.file.0.borrow(), cutter, true));
        prop_assert_eq!(tail.texts(), expected);
    }

    /// From the offset of any row, exactly the rows behind it come.
    #[test]
    fn every_offset_is_a_place_to_go_on(text in "[abé\n\r]{0,120}", max in 2_usize..20, policy in 0_usize..3) {
        let too_long = [TooLong::Split, TooLong::Truncate, TooLong::Drop][policy];
        let mut tail = Tail::new(cutter(max, too_long), 0, &[]);
        tail.append(text.as_bytes());
        tail.turns(false);
        tail.turns(true);
        for (index, (_, position)) in tail.rows.iter().enumerate() {
            let mut rest = Tail::new(cutter(max, too_long), *position, &[]);
            rest.append(text.as_bytes());
            rest.turns(false);
            rest.turns(true);
            prop_assert_eq!(&rest.rows[..], &tail.rows[index + 1..]);
        }
    }
}
