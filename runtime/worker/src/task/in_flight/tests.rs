use millrace_api::{Column, OffsetMap, SourceRun, Span};

use super::*;

fn batch(parts: &[(&str, &[i64])]) -> SourceBatch {
    let mut batch = SourceBatch::new();
    for (file, marks) in parts {
        let map: OffsetMap = [("file".to_owned(), (*file).into())].into_iter().collect();
        let source = SourcePartition::new(map, |mark| {
            [("position".to_owned(), mark.into())].into_iter().collect()
        });
        let (key, value) = (Column::Null, Column::Null);
        batch.begin_run(SourceRun {
            end: 0,
            topic: "t".into(),
            partition: None,
            source,
            key,
            value,
            headers: None,
        });
        for &mark in *marks {
            let null = Span::NULL;
            batch.push(Row {
                key: null,
                value: null,
                headers: Span::EMPTY,
                timestamp: -1,
                mark,
            });
        }
    }
    batch
}

fn taken(in_flight: &mut InFlight) -> Vec<(String, i64)> {
    let mut all: Vec<_> = in_flight
        .take_committable()
        .into_iter()
        .map(|(partition, offset)| {
            (
                partition["file"].as_str().unwrap().to_owned(),
                offset.unwrap()["position"].as_i64().unwrap(),
            )
        })
        .collect();
    all.sort();
    all
}

#[test]
fn only_the_unbroken_prefix_counts() {
    let mut rows = InFlight::default();
    rows.submit(batch(&[("a", &[1, 2, 3])]));
    rows.submit(batch(&[("a", &[4, 5])]));
    rows.acknowledge(1..3, true);
    assert_eq!(taken(&mut rows), []);
    rows.acknowledge(0..1, true);
    assert_eq!(taken(&mut rows), [("a".to_owned(), 3)]);
    rows.acknowledge(3..4, true);
    assert_eq!(taken(&mut rows), [("a".to_owned(), 4)]);
    assert_eq!(rows.outstanding(), 1);
    rows.acknowledge(4..5, true);
    assert_eq!(taken(&mut rows), [("a".to_owned(), 5)]);
    assert_eq!(taken(&mut rows), []);
    assert!(rows.queues.is_empty() && rows.acknowledged.by_start.is_empty());
}

#[test]
fn a_hanging_row_holds_back_its_own_partition_only() {
    let mut rows = InFlight::default();
    rows.submit(batch(&[("a", &[1]), ("b", &[7, 8])]));
    rows.acknowledge(1..3, true);
    assert_eq!(taken(&mut rows), [("b".to_owned(), 8)]);
    rows.acknowledge(0..1, true);
    assert_eq!(taken(&mut rows), [("a".to_owned(), 1)]);
}

#[test]
fn a_place_shared_by_rows_counts_when_all_are_stored() {
    let mut rows = InFlight::default();
    rows.submit(batch(&[("a", &[1, Row::NO_MARK, Row::NO_MARK, 2])]));
    rows.acknowledge(0..3, true);
    assert_eq!(taken(&mut rows), [("a".to_owned(), 1)]);
    assert_eq!(rows.origin(3).map(|(_, mark)| mark), Some(2));
    rows.acknowledge(3..4, true);
    assert_eq!(taken(&mut rows), [("a".to_owned(), 2)]);
}

#[test]
fn offsets_are_made_by_the_source_that_gave_the_rows() {
    // The inode of a file that is gone was given to another one, which is read before all rows of the first are stored.
    let named = |name: &'static str| {
        let mut batch = batch(&[("inode", &[7])]);
        let source =
            SourcePartition::new(batch.runs()[0].source.partition().clone(), move |mark| {
                [
                    ("position".to_owned(), mark.into()),
                    ("name".to_owned(), name.into()),
                ]
                .into_iter()
                .collect()
            });
        let run = SourceRun {
            source,
            ..batch.runs()[0].clone()
        };
        let row = batch.rows()[0];
        batch = SourceBatch::new();
        batch.begin_run(run);
        batch.push(row);
        batch
    };
    let mut rows = InFlight::default();
    rows.submit(named("first"));
    rows.submit(named("second"));
    for (ticket, name) in [(0, "first"), (1, "second")] {
        assert_eq!(rows.origin(ticket).unwrap().0.offset(7)["name"], name);
        rows.acknowledge(ticket..ticket + 1, true);
        let taken = rows.take_committable();
        assert_eq!(taken[0].1.as_ref().unwrap()["name"], name);
    }
}

#[test]
fn intervals_merge_and_forget() {
    let mut set = Intervals::default();
    for range in [5..7, 1..3, 3..5, 9..10, 8..9] {
        set.insert(range);
    }
    assert_eq!(set.by_start, BTreeMap::from([(1, 7), (8, 10)]));
    set.remove_below(4);
    assert_eq!(set.by_start, BTreeMap::from([(4, 7), (8, 10)]));
    assert_eq!(
        (set.end_from(3), set.end_from(4), set.end_from(7)),
        (None, Some(7), None)
    );
}

#[test]
fn whoever_asked_hears_of_each_row() {
    #[derive(Debug, Default)]
    struct Heard {
        answers: std::sync::Mutex<Vec<(Range<usize>, bool)>>,
        places: std::sync::Mutex<Vec<(Range<usize>, i32, i64)>>,
    }
    impl millrace_api::BatchAcks for Heard {
        fn acknowledged(&self, rows: Range<usize>, stored: bool) {
            self.answers.lock().unwrap().push((rows, stored));
        }

        fn stored_at(&self, rows: Range<usize>, partition: i32, base_offset: i64) {
            let place = (rows, partition, base_offset);
            self.places.lock().unwrap().push(place);
        }
    }
    let heard = Arc::new(Heard::default());
    let mut rows = InFlight::default();
    rows.submit(batch(&[("a", &[1, 2])]));
    let mut second = batch(&[("a", &[3, 4])]);
    second.notify(Arc::clone(&heard) as _);
    rows.submit(second);
    rows.stored_at(&(0..3), 7, 100);
    rows.acknowledge(0..3, true);
    assert_eq!(rows.listening.len(), 1);
    rows.acknowledge(3..4, false);
    assert_eq!(
        *heard.answers.lock().unwrap(),
        [(0..1, true), (1..2, false)]
    );
    assert_eq!(*heard.places.lock().unwrap(), [(0..1, 7, 102)]);
    assert!(rows.listening.is_empty());
}

fn offset_map(key: &str, value: impl Into<serde_json::Value>) -> OffsetMap {
    [(key.to_owned(), value.into())].into_iter().collect()
}

enum Step {
    /// A batch is polled.
    Poll,
    /// The rows of a partition that were polled get their tickets.
    Submit(&'static str, &'static [i64]),
    /// An offset is left that no row bears.
    Leave(&'static str, i64),
    Answer(Range<u64>),
    /// Offsets are taken, which are these.
    Take(&'static [(&'static str, i64)]),
}

#[test]
fn offsets_that_no_row_bears_wait_for_the_rows_before_them() {
    use Step::{Answer, Leave, Poll, Submit, Take};
    let cases: [(&str, &[Step]); 11] = [
        (
            "without rows at once",
            &[Leave("a", 1), Take(&[("a", 1)]), Take(&[])],
        ),
        (
            "for rows of all partitions before, in any order of answers",
            &[
                Submit("a", &[1, 2]),
                Submit("b", &[3]),
                Leave("c", 9),
                Answer(1..3),
                Take(&[("b", 3)]),
                Answer(0..1),
                Take(&[("a", 2), ("c", 9)]),
                Take(&[]),
            ],
        ),
        (
            "not for rows after",
            &[
                Submit("a", &[1]),
                Leave("c", 9),
                Submit("b", &[2]),
                Answer(0..1),
                Take(&[("a", 1), ("c", 9)]),
                Answer(1..2),
                Take(&[("b", 2)]),
            ],
        ),
        (
            "for rows that were polled and have no tickets yet",
            &[
                Poll,
                Leave("c", 9),
                Take(&[]),
                Submit("a", &[1, 2]),
                Take(&[]),
                Answer(0..1),
                Take(&[("a", 1)]),
                Answer(1..2),
                Take(&[("a", 2), ("c", 9)]),
            ],
        ),
        (
            "in place of the offset of rows before of the same partition",
            &[
                Submit("a", &[1]),
                Leave("a", 9),
                Answer(0..1),
                Take(&[("a", 9)]),
            ],
        ),
        (
            "unless rows after, of the same partition, are answered too",
            &[
                Submit("a", &[1]),
                Leave("a", 9),
                Submit("a", &[10]),
                Answer(0..2),
                Take(&[("a", 10)]),
                Take(&[]),
            ],
        ),
        (
            "and never come after those, though rows of another partition hang",
            &[
                Submit("b", &[1]),
                Leave("a", 9),
                Submit("a", &[10, 11]),
                Answer(1..2),
                Take(&[("a", 10)]),
                Answer(0..1),
                Take(&[("b", 1)]),
                Answer(2..3),
                Take(&[("a", 11)]),
            ],
        ),
        (
            "and come first if those are not answered",
            &[
                Leave("a", 9),
                Submit("a", &[10]),
                Take(&[("a", 9)]),
                Answer(0..1),
                Take(&[("a", 10)]),
            ],
        ),
        (
            "the last of several of a partition is taken",
            &[
                Submit("b", &[1]),
                Leave("a", 1),
                Leave("a", 2),
                Leave("c", 7),
                Submit("b", &[2]),
                Leave("a", 3),
                Answer(0..2),
                Take(&[("a", 3), ("b", 2), ("c", 7)]),
            ],
        ),
        (
            "an earlier one does not wait for the rows before a later one",
            &[
                Submit("b", &[1]),
                Leave("a", 1),
                Submit("b", &[2]),
                Leave("a", 2),
                Answer(0..1),
                Take(&[("a", 1), ("b", 1)]),
                Answer(1..2),
                Take(&[("a", 2), ("b", 2)]),
            ],
        ),
        (
            "rows after without a place of their own do not take its place",
            &[
                Leave("a", 9),
                Submit("a", &[Row::NO_MARK]),
                Answer(0..1),
                Take(&[("a", 9)]),
            ],
        ),
    ];
    for (case, steps) in cases {
        let mut rows = InFlight::default();
        for (number, step) in steps.iter().enumerate() {
            match step {
                Poll => rows.polled(),
                Submit(file, marks) => rows.submit(batch(&[(file, marks)])),
                Leave(file, position) => rows
                    .bare()
                    .add(offset_map("file", *file), offset_map("position", *position)),
                Answer(tickets) => rows.acknowledge(tickets.clone(), true),
                Take(expected) => {
                    let expected: Vec<_> = expected
                        .iter()
                        .map(|(file, position)| ((*file).to_owned(), *position))
                        .collect();
                    assert_eq!(taken(&mut rows), expected, "{case}, step {number}");
                }
            }
        }
        assert!(rows.queues.is_empty(), "{case}");
    }
}

#[test]
fn whoever_hears_of_rows_may_leave_an_offset() {
    #[derive(Debug)]
    struct Leaves(Arc<BareOffsets>);
    impl millrace_api::BatchAcks for Leaves {
        fn acknowledged(&self, _rows: Range<usize>, _stored: bool) {
            self.0
                .add(offset_map("file", "done"), offset_map("position", 5));
        }
    }
    let mut rows = InFlight::default();
    let mut told = batch(&[("a", &[1])]);
    told.notify(Arc::new(Leaves(Arc::clone(rows.bare()))));
    rows.submit(told);
    rows.acknowledge(0..1, true);
    let expected = [("a".to_owned(), 1), ("done".to_owned(), 5)];
    assert_eq!(taken(&mut rows), expected);
}
