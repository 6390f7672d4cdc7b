use bytes::Bytes;
use millrace_wire::messages::{FetchTopic, ForgottenTopic};
use millrace_wire::records::Records;

use super::*;

const V12: i16 = 12;

fn request(session_id: i32, session_epoch: i32, partitions: &[(i32, i64)]) -> FetchRequest {
    let partitions: Vec<FetchPartition> = partitions
        .iter()
        .map(|(partition, fetch_offset)| FetchPartition {
            partition: *partition,
            fetch_offset: *fetch_offset,
            ..Default::default()
        })
        .collect();
    let topics = if partitions.is_empty() {
        Vec::new()
    } else {
        vec![FetchTopic {
            topic: "t".to_owned(),
            partitions,
            ..Default::default()
        }]
    };
    FetchRequest {
        session_id,
        session_epoch,
        topics,
        ..Default::default()
    }
}

fn forgetting(mut request: FetchRequest, partition: i32) -> FetchRequest {
    request.forgotten_topics_data = vec![ForgottenTopic {
        topic: "t".to_owned(),
        partitions: vec![partition],
        ..Default::default()
    }];
    request
}

fn partitions(fetch: &Fetch) -> Vec<(i32, i64)> {
    fetch
        .wanted
        .iter()
        .map(|wanted| (wanted.partition.partition, wanted.partition.fetch_offset))
        .collect()
}

fn row(high_watermark: i64, records: &'static [u8]) -> PartitionData {
    PartitionData {
        high_watermark,
        log_start_offset: 0,
        records: Some(Records::from(Bytes::from_static(records))),
        ..Default::default()
    }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn without_a_session_every_fetch_is_full() {
    let sessions = FetchSessions::new(10);
    for (version, session_epoch) in [(V12, -1), (4, 5)] {
        let fetch = sessions
            .begin(version, request(0, session_epoch, &[(0, 7)]), at(0))
            .unwrap();
        assert_eq!((fetch.session_id, fetch.incremental), (0, false));
        assert_eq!(fetch.note_answer(&[row(0, b"")]), [true]);
    }
}

#[test]
fn a_session_adds_changes_and_forgets() {
    let sessions = FetchSessions::new(10);
    let id = sessions
        .begin(V12, request(0, 0, &[(0, 0), (1, 0)]), at(0))
        .unwrap()
        .session_id;
    assert_ne!(id, 0);
    let fetch = sessions
        .begin(V12, forgetting(request(id, 1, &[(1, 5), (2, 0)]), 0), at(0))
        .unwrap();
    assert_eq!(partitions(&fetch), [(1, 5), (2, 0)]);
    assert!(fetch.incremental);
    let fetch = sessions
        .begin(V12, forgetting(request(id, 2, &[]), 1), at(0))
        .unwrap();
    assert_eq!(partitions(&fetch), [(2, 0)]);
    let emptied = sessions
        .begin(V12, forgetting(request(id, 3, &[]), 2), at(0))
        .unwrap();
    assert_eq!(emptied.session_id, 0);
    let gone = sessions.begin(V12, request(id, 4, &[]), at(0)).unwrap_err();
    assert_eq!(gone, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
}

#[test]
fn wrong_ids_epochs_and_kinds_are_told_apart() {
    let sessions = FetchSessions::new(10);
    let id = sessions
        .begin(V12, request(0, 0, &[(0, 0)]), at(0))
        .unwrap()
        .session_id;
    let table = [
        (V12, 0, 1, ErrorCode::FETCH_SESSION_ID_NOT_FOUND),
        (V12, id ^ 1, 1, ErrorCode::FETCH_SESSION_ID_NOT_FOUND),
        (V12, id, 2, ErrorCode::INVALID_FETCH_SESSION_EPOCH),
        (13, id, 1, ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR),
    ];
    for (version, session_id, epoch, expected) in table {
        assert_eq!(
            sessions
                .begin(version, request(session_id, epoch, &[]), at(0))
                .unwrap_err(),
            expected
        );
    }
    assert!(sessions.begin(V12, request(id, 1, &[]), at(0)).is_ok());
}

#[test]
fn after_the_highest_epoch_comes_one() {
    let sessions = FetchSessions::new(10);
    let id = sessions
        .begin(V12, request(0, 0, &[(0, 0)]), at(0))
        .unwrap()
        .session_id;
    lock(&lock(&sessions.sessions)[&id]).next_epoch = i32::MAX;
    assert!(
        sessions
            .begin(V12, request(id, i32::MAX, &[]), at(0))
            .is_ok()
    );
    assert!(sessions.begin(V12, request(id, 1, &[]), at(0)).is_ok());
}

#[test]
fn an_incremental_answer_tells_only_news_and_is_fair() {
    let sessions = FetchSessions::new(10);
    let opened = sessions
        .begin(V12, request(0, 0, &[(0, 0), (1, 0)]), at(0))
        .unwrap();
    let id = opened.session_id;
    assert_eq!(
        opened.note_answer(&[row(5, b"x"), row(0, b"")]),
        [true, true]
    );
    let fetch = sessions.begin(V12, request(id, 1, &[]), at(0)).unwrap();
    assert_eq!(
        fetch.note_answer(&[row(5, b"x"), row(0, b"")]),
        [true, false]
    );
    // Partition 0 had its turn.
    let fetch = sessions.begin(V12, request(id, 2, &[]), at(0)).unwrap();
    assert_eq!(partitions(&fetch), [(1, 0), (0, 0)]);
    assert_eq!(
        fetch.note_answer(&[row(1, b""), row(5, b"")]),
        [true, false]
    );
    let failing = PartitionData {
        error_code: ErrorCode::OFFSET_OUT_OF_RANGE,
        high_watermark: -1,
        ..Default::default()
    };
    for epoch in [3, 4] {
        let fetch = sessions.begin(V12, request(id, epoch, &[]), at(0)).unwrap();
        assert_eq!(
            fetch.note_answer(&[row(1, b""), failing.clone()]),
            [false, true]
        );
    }
}

#[test]
fn sessions_are_bounded_and_idle_ones_make_room() {
    let sessions = FetchSessions::new(1);
    let first = sessions
        .begin(V12, request(0, 0, &[(0, 0)]), at(0))
        .unwrap()
        .session_id;
    assert_eq!(
        sessions
            .begin(V12, request(0, 0, &[(0, 0)]), at(60))
            .unwrap()
            .session_id,
        0
    );
    assert!(sessions.begin(V12, request(first, 1, &[]), at(60)).is_ok());
    let second = sessions
        .begin(V12, request(0, 0, &[(0, 0)]), at(181))
        .unwrap()
        .session_id;
    assert_ne!(second, 0);
    assert!(
        sessions
            .begin(V12, request(first, 2, &[]), at(181))
            .is_err()
    );
}
