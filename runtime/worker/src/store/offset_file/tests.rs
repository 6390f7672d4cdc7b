use super::*;

fn map(text: &str) -> OffsetMap {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn offsets_survive_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("offsets");
    let store = FileOffsetStore::open(&path).unwrap();
    let changes = vec![
        (
            map(r#"{"filename":"a","n":1}"#),
            Some(map(r#"{"position":5}"#)),
        ),
        (
            map(r#"{"filename":"b\nc"}"#),
            Some(map(r#"{"position":9}"#)),
        ),
    ];
    store.put("c1", changes).await.unwrap();
    store
        .put(
            "c1",
            vec![(
                map(r#"{"n":1,"filename":"a"}"#),
                Some(map(r#"{"position":6}"#)),
            )],
        )
        .await
        .unwrap();
    store
        .put("c1", vec![(map(r#"{"filename":"b\nc"}"#), None)])
        .await
        .unwrap();

    let store = FileOffsetStore::open(&path).unwrap();
    let listed = store.list("c1").await.unwrap();
    assert_eq!(
        listed,
        [(map(r#"{"filename":"a","n":1}"#), map(r#"{"position":6}"#))]
    );
    assert_eq!(
        store
            .get("c1", &map(r#"{"n":1,"filename":"a"}"#))
            .await
            .unwrap(),
        Some(map(r#"{"position":6}"#))
    );
    assert_eq!(
        store.get("c2", &map(r#"{"filename":"a"}"#)).await.unwrap(),
        None
    );
}

#[test]
fn foreign_files_are_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    for (bytes, reason) in [
        (&b"hello\n"[..], "first line"),
        (&b"hello"[..], "first line"),
        (&[0xac, 0xed, 0, 5, 0x73], "Kafka Connect's own"),
        (&[0xff, 0xfe], "not text"),
    ] {
        let path = folder.path().join("offsets");
        fs::write(&path, bytes).unwrap();
        let text = FileOffsetStore::open(&path).unwrap_err().to_string();
        assert!(
            text.contains(reason) && text.contains("offset.storage.file.filename"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn kafka_connect_s_own_file_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("offsets");
    let java = crate::store::java_map::tests::stream(&[
        (
            Some(br#"["c",{"filename":"a"}]"#),
            Some(br#"{"position":20}"#),
        ),
        (Some(br#"["c",{"filename":"reset"}]"#), None),
        (Some(b"not a key"), Some(b"{}")),
        (None, None),
    ]);
    fs::write(&path, &java).unwrap();
    let expected = [(map(r#"{"filename":"a"}"#), map(r#"{"position":20}"#))];
    for _ in 0..2 {
        let store = FileOffsetStore::open(&path).unwrap();
        assert_eq!(store.list("c").await.unwrap(), expected);
        assert_eq!(fs::read(folder.path().join("offsets.java")).unwrap(), java);
        assert!(fs::read_to_string(&path).unwrap().starts_with(FIRST_LINE));
    }
    let other = crate::store::java_map::tests::stream(&[]);
    fs::write(&path, &other).unwrap();
    assert!(
        FileOffsetStore::open(&path)
            .unwrap()
            .list("c")
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(fs::read(folder.path().join("offsets.java")).unwrap(), java);
    assert_eq!(
        fs::read(folder.path().join("offsets.java.1")).unwrap(),
        other
    );
}

/// The position of file `n` set to `position`, or taken away.
fn change(n: u32, position: Option<u32>) -> OffsetChange {
    let partition = map(&format!(r#"{{"filename":"ä{n}"}}"#));
    let offset = position.map(|position| map(&format!(r#"{{"position":{position}}}"#)));
    (partition, offset)
}

#[tokio::test]
async fn changes_are_appended_until_the_file_is_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("offsets");
    let store = FileOffsetStore::open(&path).unwrap();
    let many = (0..1000).map(|n| change(n, Some(0))).collect();
    store.put("c", many).await.unwrap();
    let (mut longest, mut last, mut renewed) = (0, 0, 0);
    for round in 1..2000 {
        let changes = vec![
            change(round % 1000, Some(round)),
            change(1000 + round, None),
        ];
        store.put("c", changes).await.unwrap();
        let len = fs::metadata(&path).unwrap().len();
        renewed += u32::from(len < last);
        (longest, last) = (longest.max(len), len);
    }
    assert!(renewed > 0 && longest < 250_000, "{renewed} {longest}");
    let (listed, again) = (store.list("c").await, FileOffsetStore::open(&path).unwrap());
    assert_eq!(listed.unwrap(), again.list("c").await.unwrap());
    let (partition, _) = change(999, None);
    let offset = again.get("c", &partition).await.unwrap();
    assert_eq!(offset, Some(map(r#"{"position":1999}"#)));
}

#[tokio::test]
async fn a_file_that_is_cut_anywhere_has_the_changes_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("offsets");
    let store = FileOffsetStore::open(&path).unwrap();
    let mut lens = Vec::new();
    for n in 0..4 {
        store.put("c", vec![change(0, Some(n))]).await.unwrap();
        lens.push(fs::metadata(&path).unwrap().len() as usize);
    }
    let whole = fs::read(&path).unwrap();
    for len in lens[0]..whole.len() {
        fs::write(&path, &whole[..len]).unwrap();
        let store = FileOffsetStore::open(&path).unwrap();
        let last = lens.iter().rposition(|end| *end <= len).unwrap() as u32;
        let (partition, expected) = change(0, Some(last));
        assert_eq!(store.get("c", &partition).await.unwrap(), expected, "{len}");
        // What comes next does not stand behind half a line.
        store.put("c", vec![change(1, Some(7))]).await.unwrap();
        let store = FileOffsetStore::open(&path).unwrap();
        assert_eq!(store.list("c").await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_file_that_was_taken_away_is_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("offsets");
    let store = FileOffsetStore::open(&path).unwrap();
    for n in 0..3 {
        store.put("c", vec![change(n, Some(n))]).await.unwrap();
        fs::rename(&path, folder.path().join("away")).unwrap();
    }
    store.put("c", vec![change(3, Some(3))]).await.unwrap();
    let store = FileOffsetStore::open(&path).unwrap();
    assert_eq!(store.list("c").await.unwrap().len(), 4);
}

#[tokio::test]
async fn files_with_one_line_each_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("offsets");
    let line = r#"["c",{"filename":"a"},{"position":4}]"#;
    fs::write(&path, format!("{FIRST_LINE_BEFORE}\n{line}\n")).unwrap();
    let store = FileOffsetStore::open(&path).unwrap();
    let expected = [(map(r#"{"filename":"a"}"#), map(r#"{"position":4}"#))];
    assert_eq!(store.list("c").await.unwrap(), expected);
}

#[tokio::test]
async fn a_failed_write_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileOffsetStore::open(folder.path().join("gone").join("offsets")).unwrap();
    let change = vec![(map(r#"{"f":1}"#), Some(map(r#"{"p":1}"#)))];
    assert!(store.put("c", change).await.is_err());
    assert!(store.list("c").await.unwrap().is_empty());
}
