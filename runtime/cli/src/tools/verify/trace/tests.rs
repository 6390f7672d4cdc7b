//! Topics as a source would leave them, and as it must not.

use std::path::PathBuf;

use bytes::Bytes;
use proptest::prelude::*;

use super::{Files, Tracer};
use crate::tools::verify::{
    hash::Hashing,
    queue::{Item, Queue},
    report::Report,
};

/// A record: its value, with the header `path` and `offset` where they are given.
type Sent = (&'static str, Option<(&'static str, u64)>);

struct Case {
    folder: tempfile::TempDir,
    hashing: Hashing,
}

impl Case {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            hashing: Hashing::default(),
        }
    }

    fn tracer(&self, files: &[String], is_one_log: bool) -> Tracer {
        let paths: Vec<PathBuf> = (0..files.len())
            .map(|number| self.folder.path().join(number.to_string()))
            .collect();
        for (path, text) in paths.iter().zip(files) {
            std::fs::write(path, text).unwrap();
        }
        let files = Files::read(&paths, &self.hashing).unwrap();
        Tracer::new(files, is_one_log, 10).unwrap()
    }

    fn send(&self, tracer: &mut Tracer, partition: i32, records: &[Sent]) {
        self.send_all(tracer, &[(partition, records)]);
    }

    /// Records of several partitions, read side by side.
    fn send_all(&self, tracer: &mut Tracer, partitions: &[(i32, &[Sent])]) {
        let mut queues: Vec<Queue> = Vec::new();
        for (partition, records) in partitions {
            let mut queue = Queue::new(*partition);
            queue.is_whole = true;
            let items = records.iter().enumerate();
            queue.items = items
                .map(|(offset, sent)| self.item(offset as i64, sent))
                .collect();
            queues.push(queue);
        }
        let mut last = 0;
        while let Some(choice) = tracer.choose(&queues, last).unwrap() {
            last = choice.queue;
            let item = queues[last].items.pop_front().unwrap();
            tracer
                .record(queues[last].partition, &item, choice.line)
                .unwrap();
        }
    }

    fn item(&self, offset: i64, (value, origin): &Sent) -> Item {
        let mut hashes = value
            .split('\n')
            .map(|line| self.hashing.of(line.as_bytes()));
        Item {
            offset,
            value: Some(Bytes::from_static(value.as_bytes())),
            hash: hashes.next(),
            more: hashes.collect(),
            path: origin.map(|(path, _)| path.as_bytes().into()),
            position: origin.map(|(_, position)| position),
        }
    }
}

/// Missing, doubled, out of order, unknown.
type Counts = (u64, u64, u64, u64);

fn counts(tracer: Tracer) -> Counts {
    let mut report = Report::new("t", 1, tracer, false, 10);
    let document = report.document().unwrap();
    let count = |name: &str| document[name].as_u64().unwrap();
    (
        count("missingLines"),
        count("doubledLines"),
        count("linesOutOfOrder"),
        count("unknownRecords"),
    )
}

fn plain(values: &[&'static str]) -> Vec<Sent> {
    values.iter().map(|value| (*value, None)).collect()
}

#[test]
fn what_is_wrong_is_counted() {
    let file = || vec!["a\nb\n\nc\n\nd\n".to_owned()];
    let cases: [(&[&'static str], Counts); 9] = [
        (&["a", "b", "", "c", "", "d"], (0, 0, 0, 0)),
        (&[], (6, 0, 0, 0)),
        (&["a", "b", "", "", "d"], (1, 0, 0, 0)),
        (&["a", "b", "", "c", "", "c", "", "d"], (0, 2, 0, 0)),
        (&["a", "b", "", "c", "", "d", "a", "b", ""], (0, 3, 0, 0)),
        (&["b", "a", "", "c", "", "d"], (0, 0, 1, 0)),
        (&["a", "b", "", "x", "c", "", "d"], (0, 0, 0, 1)),
        (&["a\nb", "\nc", "\nd"], (0, 0, 0, 0)),
        (&["a", "b\n\nc", "", "d", "d"], (0, 1, 0, 0)),
    ];
    for (values, expected) in cases {
        let case = Case::new();
        let mut tracer = case.tracer(&file(), false);
        let values: Vec<&str> = values.to_vec();
        case.send(&mut tracer, 0, &plain(&values));
        assert_eq!(counts(tracer), expected, "{values:?}");
    }
}

#[test]
fn findings_say_where() {
    let case = Case::new();
    let files = ["a\nb\nc\n".to_owned(), "longer\nlines\nlast".to_owned()];
    let mut tracer = case.tracer(&files, false);
    case.send(
        &mut tracer,
        3,
        &plain(&["a", "longer", "c", "lines", "longer", "lines", "other"]),
    );
    let mut report = Report::new("t", 1, tracer, false, 10);
    let document = report.document().unwrap();
    let file = |number: usize| {
        case.folder
            .path()
            .join(number.to_string())
            .display()
            .to_string()
    };
    assert_eq!(
        document["missing"],
        serde_json::json!([
            {"file": file(0), "firstLine": 2, "lastLine": 2, "firstByte": 2, "lastByte": 3}
        ])
    );
    assert_eq!(
        document["doubled"],
        serde_json::json!([{
            "file": file(1), "firstLine": 1, "lastLine": 2, "firstByte": 0, "lastByte": 12,
            "partition": 3, "firstOffset": 4, "lastOffset": 5,
        }])
    );
    assert_eq!(document["unknown"][0]["begins"], "other");
    assert_eq!(document["files"][1]["unendedLineMissing"], true);
    assert_eq!(document["holds"], false);
    let text = report.text().unwrap();
    assert!(text.contains("lines 2 to 2, bytes 2 to 3\n"), "{text}");
    assert!(text.contains(": t-3 offsets 4 to 5\n"), "{text}");
}

#[test]
fn headers_tell_equal_lines_of_files_apart() {
    let case = Case::new();
    let files = ["same\nsame\nx\n".to_owned(), "same\nsame\ny\n".to_owned()];
    let mut tracer = case.tracer(&files, false);
    let sent: [Sent; 7] = [
        ("same", Some(("/b", 0))),
        ("same", Some(("/b", 5))),
        ("y", Some(("/b", 10))),
        ("same", Some(("/a", 5))),
        ("x", Some(("/a", 10))),
        ("same", Some(("/b", 5))),
        ("y", Some(("/b", 10))),
    ];
    case.send(&mut tracer, 0, &sent);
    let mut report = Report::new("t", 1, tracer, false, 10);
    let document = report.document().unwrap();
    assert_eq!(document["missing"].as_array().unwrap().len(), 1);
    assert_eq!(document["missing"][0]["firstLine"], 1);
    assert!(
        document["missing"][0]["file"]
            .as_str()
            .unwrap()
            .ends_with("/0")
    );
    assert_eq!(document["doubledLines"], 2);
    assert!(
        document["doubled"][0]["file"]
            .as_str()
            .unwrap()
            .ends_with("/1")
    );
}

#[test]
fn pieces_of_one_log_come_in_order() {
    let files = ["a\nb\n".to_owned(), "c\nd\n".to_owned()];
    for (is_one_log, disordered) in [(false, 0), (true, 2)] {
        let case = Case::new();
        let mut tracer = case.tracer(&files, is_one_log);
        case.send(&mut tracer, 0, &plain(&["c", "d", "a", "b"]));
        assert_eq!(counts(tracer), (0, 0, disordered, 0));
    }
}

#[test]
fn lines_spread_over_partitions_are_in_order_in_each() {
    let case = Case::new();
    let mut tracer = case.tracer(&["a\nb\nc\nd\n".to_owned()], false);
    let (first, second) = (plain(&["b", "d"]), plain(&["a", "c"]));
    case.send_all(&mut tracer, &[(0, &first), (1, &second)]);
    assert_eq!(counts(tracer), (0, 0, 0, 0));
}

#[test]
fn equal_lines_spread_over_partitions_in_batches_are_no_finding() {
    let case = Case::new();
    let lines: Vec<&'static str> = (0..6000)
        .map(|line| match line % 7 {
            0 | 3 | 4 => "",
            1 => "same",
            _ => format!("line {line}").leak(),
        })
        .collect();
    let text = lines.iter().map(|line| format!("{line}\n")).collect();
    let mut tracer = case.tracer(&[text], false);
    let batches: Vec<&[&'static str]> = lines.chunks(301).collect();
    let own = |partition| {
        let own = batches.iter().skip(partition).step_by(3);
        let own: Vec<&'static str> = own.flat_map(|batch| batch.iter().copied()).collect();
        plain(&own)
    };
    let own: Vec<Vec<Sent>> = (0..3).map(own).collect();
    let partitions: Vec<(i32, &[Sent])> = (0..).zip(own.iter().map(Vec::as_slice)).collect();
    case.send_all(&mut tracer, &partitions);
    assert_eq!(counts(tracer), (0, 0, 0, 0));
}

#[test]
fn equal_lines_of_files_in_several_partitions_are_no_finding() {
    for batch in [5, 17, 64] {
        let case = Case::new();
        let line = |file: usize, number: usize| -> &'static str {
            match (number % 5, number % 7) {
                (0, _) => "",
                (_, 3) => "same",
                _ => format!("{file} {number}").leak(),
            }
        };
        let files: Vec<Vec<&'static str>> = (0..3)
            .map(|file| {
                (0..2000 + file * 300)
                    .map(|number| line(file, number))
                    .collect()
            })
            .collect();
        let text: Vec<String> = files
            .iter()
            .map(|lines| lines.iter().map(|line| format!("{line}\n")).collect())
            .collect();
        let mut tracer = case.tracer(&text, false);
        let mut partitions: [Vec<Sent>; 3] = Default::default();
        for number in 0..2600_usize.div_ceil(batch) {
            for (file, lines) in files.iter().enumerate() {
                let own = lines.iter().skip(number * batch).take(batch);
                partitions[(number * 7 + file) % 3].extend(own.map(|line| (*line, None)));
            }
        }
        let sent: Vec<(i32, &[Sent])> = (0..).zip(partitions.iter().map(Vec::as_slice)).collect();
        case.send_all(&mut tracer, &sent);
        assert_eq!(counts(tracer), (0, 0, 0, 0), "batches of {batch}");
    }
}

#[test]
fn a_file_that_was_changed_before_what_was_read_is_still_followed() {
    let case = Case::new();
    let mut tracer = case.tracer(&["one\n\ntwo\n\nthree\n".to_owned()], false);
    let positions = [
        ("zero", 0),
        ("one", 5),
        ("", 9),
        ("two", 10),
        ("", 14),
        ("three", 15),
    ];
    let sent = positions.map(|(value, position)| (value, Some(("/a", position))));
    case.send(&mut tracer, 0, &sent);
    assert_eq!(counts(tracer), (0, 0, 0, 1));
}

proptest! {
    /// Equal lines in several files, without headers, in batches as a source gives them; any change of that is found.
    #[test]
    fn equal_lines_of_files_are_no_finding_and_changes_are(
        lines in prop::collection::vec((0..3_usize, 0..6_u8), 1..60),
        batches in prop::collection::vec((0..3_usize, 1..9_usize), 30),
        place in any::<prop::sample::Index>(),
    ) {
        let case = Case::new();
        let mut files: [Vec<String>; 3] = Default::default();
        for (file, kind) in lines {
            let number = files[file].len();
            files[file].push(match kind {
                0 | 1 => String::new(),
                2 => "same".to_owned(),
                _ => format!("{file} {number}"),
            });
        }
        let text = |lines: &Vec<String>| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        let files_text = [text(&files[0]), text(&files[1]), text(&files[2])];
        let mut values: Vec<&'static str> = Vec::new();
        let mut places = [0_usize; 3];
        let all = (0..3).map(|file| (file, usize::MAX));
        for (file, count) in batches.into_iter().chain(all) {
            let end = files[file].len().min(places[file].saturating_add(count));
            for line in &files[file][places[file]..end] {
                values.push(line.clone().leak());
            }
            places[file] = end;
        }
        let found = |values: &[&'static str]| {
            let mut tracer = case.tracer(&files_text, false);
            case.send(&mut tracer, 0, &plain(values));
            counts(tracer)
        };
        prop_assert_eq!(found(&values), (0, 0, 0, 0));

        let place = place.index(values.len());
        let mut less = values.clone();
        less.remove(place);
        let (missing, doubled, _, unknown) = found(&less);
        prop_assert_eq!((missing - doubled, unknown), (1, 0));
        let mut more = values.clone();
        more.insert(0, values[place]);
        let (missing, doubled, _, unknown) = found(&more);
        prop_assert_eq!((doubled - missing, unknown), (1, 0));
    }

    /// Whatever the lines are, a topic that holds them once and in order is found to, also where files are mixed.
    #[test]
    fn what_is_in_order_is_never_blamed(
        first in prop::collection::vec(0..4_usize, 0..40),
        second in prop::collection::vec(4..7_usize, 0..40),
        turns in prop::collection::vec(any::<bool>(), 80),
    ) {
        const TEXT: [&str; 7] = ["", "a", "b", "c", "d", "e", "f"];
        let case = Case::new();
        let text = |lines: &[usize]| lines.iter().map(|line| format!("{}\n", TEXT[*line])).collect::<String>();
        let mut tracer = case.tracer(&[text(&first), text(&second)], false);
        let (mut left, mut right) = (first.iter().peekable(), second.iter().peekable());
        let mut values = Vec::new();
        for turn in turns.iter().chain([true, false].iter().cycle()) {
            if left.peek().is_none() && right.peek().is_none() {
                break;
            }
            let from = if *turn { &mut left } else { &mut right };
            values.extend(from.next().map(|line| TEXT[*line]));
        }
        case.send(&mut tracer, 0, &plain(&values));
        prop_assert_eq!(counts(tracer), (0, 0, 0, 0));
    }

    /// The count of missing and doubled lines together always explains the number of records.
    #[test]
    fn nothing_is_lost_in_counting(
        lines in prop::collection::vec(0..4_usize, 0..30),
        sent in prop::collection::vec(0..5_usize, 0..60),
    ) {
        const TEXT: [&str; 5] = ["", "a", "b", "c", "unknown"];
        let case = Case::new();
        let text = lines.iter().map(|line| format!("{}\n", TEXT[*line])).collect();
        let mut tracer = case.tracer(&[text], false);
        let values: Vec<&str> = sent.iter().map(|line| TEXT[*line]).collect();
        case.send(&mut tracer, 0, &plain(&values));
        let (missing, doubled, _, unknown) = counts(tracer);
        prop_assert_eq!(lines.len() as u64 - missing + doubled + unknown, sent.len() as u64);
    }
}
