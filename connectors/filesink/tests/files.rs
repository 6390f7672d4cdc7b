//! Rolling, recovery and failures, without a worker.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;

use common::{content, files, lines, properties, temporaries};
use millrace_api::{SinkBatch, SinkConnector, SinkOffsets, TopicPartition};
use millrace_filesink::FileSink;
use millrace_testkit::{SinkRun, TextSinkBatch};
use tempfile::TempDir;

fn partition() -> TopicPartition {
    TopicPartition {
        topic: "topic".into(),
        partition: 0,
    }
}

async fn start(dir: &TempDir, pairs: &[(&str, &str)]) -> SinkRun<FileSink> {
    let properties = properties(&dir.path().display().to_string(), pairs);
    SinkRun::start(FileSink::default(), &properties, &[partition()])
        .await
        .unwrap()
}

fn batch(batches: &mut TextSinkBatch, values: &[&str]) -> SinkBatch {
    batches.next(values.iter().copied().map(Some))
}

/// The names of complete files below `dir`, and what is in them.
fn shown(dir: &Path) -> Vec<(String, String)> {
    let name = |path: &Path| path.strip_prefix(dir).unwrap().display().to_string();
    let files = files(dir).into_iter();
    files.map(|path| (name(&path), content(&path))).collect()
}

#[tokio::test]
async fn files_have_as_many_records_as_they_may_and_names_that_say_which() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = start(&dir, &[("roll.records", "2")]).await;
    let mut batches = TextSinkBatch::new(partition());
    run.put(&batch(&mut batches, &["a", "b", "c"]))
        .await
        .unwrap();
    let name = |first, last| format!("topic/topic+0+{first:020}+{last:020}.txt");
    assert_eq!(shown(dir.path()), [(name(0, 1), "a\nb\n".to_owned())]);
    let safe = run.pre_commit(batches.offsets()).await.unwrap();
    assert_eq!(safe, SinkOffsets::from([(partition(), 2)]));
    run.put(&batch(&mut batches, &["d"])).await.unwrap();
    assert_eq!(shown(dir.path())[1], (name(2, 3), "c\nd\n".to_owned()));
    assert_eq!(temporaries(dir.path()), [""; 0]);
    run.stop(&[partition()]).await.unwrap();
}

#[tokio::test]
async fn size_and_age_complete_files_too() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = start(&dir, &[("roll.bytes", "10"), ("roll.age.ms", "1")]).await;
    let mut batches = TextSinkBatch::new(partition());
    run.put(&batch(&mut batches, &["12345678", "90", "x"]))
        .await
        .unwrap();
    let contents: Vec<String> = shown(dir.path())
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    assert_eq!(contents, ["12345678\n90\n"]);
    while lines(dir.path()).len() < 3 {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        run.put(&SinkBatch::new()).await.unwrap();
    }
    run.stop(&[partition()]).await.unwrap();
}

#[tokio::test]
async fn compressed_files_unpack_to_the_same_though_handles_are_few() {
    for compression in ["none", "gzip", "zstd"] {
        let dir = tempfile::tempdir().unwrap();
        let keys = [
            ("compression", compression),
            ("path", "${value}"),
            ("open.files.max", "2"),
            ("format", "csv"),
            ("columns", "offset,value"),
        ];
        let mut run = start(&dir, &keys).await;
        let mut batches = TextSinkBatch::new(partition());
        for _ in 0..4 {
            run.put(&batch(&mut batches, &["a", "b", "c", "d", "e"]))
                .await
                .unwrap();
        }
        run.stop(&[partition()]).await.unwrap();
        let all = shown(dir.path());
        assert_eq!(all.len(), 5, "{all:?}");
        for (index, (name, text)) in all.iter().enumerate() {
            let value = &name[..1];
            let records: String = (0..4)
                .map(|round| format!("{},{value}\r\n", round * 5 + index))
                .collect();
            assert_eq!(*text, format!("offset,value\r\n{records}"), "{compression}");
        }
    }
}

/// A task that ends without being asked, as at a kill.
fn kill(run: SinkRun<FileSink>) {
    drop(run);
}

#[tokio::test]
async fn after_a_kill_each_record_is_written_once_though_some_folders_were_ahead() {
    let dir = tempfile::tempdir().unwrap();
    let keys = [("path", "${value}"), ("roll.records", "2")];
    let mut run = start(&dir, &keys).await;
    assert!(run.requests().rewind.is_empty(), "nothing was committed");
    let mut batches = TextSinkBatch::new(partition());
    let first = batch(&mut batches, &["a", "b", "b", "a", "c", "c", "b"]);
    run.put(&first).await.unwrap();
    let safe = run.pre_commit(batches.offsets()).await.unwrap();
    assert_eq!(safe, SinkOffsets::from([(partition(), 6)]));
    kill(run);
    assert_eq!(temporaries(dir.path()).len(), 1);

    let mut run = start(&dir, &keys).await;
    let rewind = run.requests().rewind;
    let next = rewind[&partition()];
    assert!(
        (0..=6).contains(&next),
        "the one of b that was torn comes again: {next}"
    );
    assert_eq!(temporaries(dir.path()), [""; 0], "torn files are gone");
    run.put(&first.slice(usize::try_from(next).unwrap()..7))
        .await
        .unwrap();
    run.put(&batch(&mut batches, &["a"])).await.unwrap();
    run.stop(&[partition()]).await.unwrap();
    assert_eq!(
        lines(dir.path()),
        ["a", "a", "a", "b", "b", "b", "c", "c"],
        "{:?}",
        shown(dir.path())
    );
}

#[tokio::test]
async fn a_folder_that_waits_holds_the_offset_back_and_the_others_are_not_doubled() {
    let dir = tempfile::tempdir().unwrap();
    let keys = [("path", "${value}"), ("roll.records", "2")];
    let mut run = start(&dir, &keys).await;
    let mut batches = TextSinkBatch::new(partition());
    let all = batch(&mut batches, &["slow", "a", "a", "a", "a"]);
    run.put(&all).await.unwrap();
    let safe = run.pre_commit(batches.offsets()).await.unwrap();
    assert_eq!(safe, SinkOffsets::from([(partition(), 0)]));
    kill(run);
    let mut run = start(&dir, &keys).await;
    assert_eq!(run.requests().rewind[&partition()], 0);
    run.put(&all).await.unwrap();
    run.stop(&[partition()]).await.unwrap();
    assert_eq!(lines(dir.path()), ["a", "a", "a", "a", "slow"]);
}

#[tokio::test]
async fn committed_files_that_were_not_renamed_are_renamed_by_the_next_task() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = start(&dir, &[]).await;
    let mut batches = TextSinkBatch::new(partition());
    run.put(&batch(&mut batches, &["a"])).await.unwrap();
    run.stop(&[partition()]).await.unwrap();
    // As it is between the journal and the renaming.
    let own = dir.path().join(".millrace/test");
    let complete = files(dir.path()).remove(0);
    fs::rename(&complete, own.join("topic+0+x+1.part")).unwrap();
    let to = complete
        .strip_prefix(dir.path())
        .unwrap()
        .display()
        .to_string();
    let journal = own.join("topic+0.json");
    let text = fs::read_to_string(&journal).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    json["moves"] = serde_json::json!([{"from": "topic+0+x+1.part", "to": to}]);
    fs::write(&journal, json.to_string()).unwrap();
    let run = start(&dir, &[]).await;
    assert_eq!(lines(dir.path()), ["a"]);
    run.stop(&[partition()]).await.unwrap();
}

#[tokio::test]
async fn a_task_whose_partition_another_has_commits_nothing_more() {
    let dir = tempfile::tempdir().unwrap();
    let keys = [("roll.records", "2")];
    let mut old = start(&dir, &keys).await;
    let mut batches = TextSinkBatch::new(partition());
    let first = batch(&mut batches, &["a"]);
    old.put(&first).await.unwrap();
    let mut new = start(&dir, &keys).await;
    let second = batch(&mut batches, &["b"]);
    let error = old.put(&second).await.unwrap_err();
    assert!(error.is_retriable());
    assert!(error.to_string().contains("another task"), "{error}");
    new.put(&first).await.unwrap();
    new.put(&second).await.unwrap();
    old.stop(&[partition()]).await.unwrap();
    new.stop(&[partition()]).await.unwrap();
    assert_eq!(lines(dir.path()), ["a", "b"]);
}

#[tokio::test]
async fn what_cannot_be_written_waits_until_it_can() {
    let dir = tempfile::tempdir().unwrap();
    let keys = [("roll.records", "1")];
    let mut run = start(&dir, &keys).await;
    let blocked = dir.path().join("topic");
    fs::write(&blocked, "a file where a folder is needed").unwrap();
    let mut batches = TextSinkBatch::new(partition());
    let batch = batch(&mut batches, &["a", "b"]);
    for _ in 0..2 {
        let error = run.put(&batch).await.unwrap_err();
        assert!(error.is_retriable());
        let text = error.to_string();
        assert!(
            text.contains(&blocked.display().to_string()) && text.contains("move it away"),
            "{text}"
        );
    }
    fs::remove_file(&blocked).unwrap();
    run.put(&batch).await.unwrap();
    run.stop(&[partition()]).await.unwrap();
    assert_eq!(lines(dir.path()), ["a", "b"]);
}

#[tokio::test]
async fn partitions_that_cannot_be_opened_at_first_are_opened_later() {
    let dir = tempfile::tempdir().unwrap();
    let blocked = dir.path().join(".millrace");
    fs::write(&blocked, "").unwrap();
    let mut run = start(&dir, &[]).await;
    let mut batches = TextSinkBatch::new(partition());
    let batch = batch(&mut batches, &["a"]);
    assert!(run.put(&batch).await.unwrap_err().is_retriable());
    fs::remove_file(&blocked).unwrap();
    run.put(&batch).await.unwrap();
    run.stop(&[partition()]).await.unwrap();
    assert_eq!(lines(dir.path()), ["a"]);
}

#[tokio::test]
async fn a_topic_that_was_made_anew_is_written_from_its_beginning() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = start(&dir, &[]).await;
    let mut batches = TextSinkBatch::new(partition());
    run.put(&batch(&mut batches, &["a", "b", "c"]))
        .await
        .unwrap();
    run.stop(&[partition()]).await.unwrap();
    let mut run = start(&dir, &[]).await;
    assert_eq!(run.requests().rewind[&partition()], 3);
    let mut anew = TextSinkBatch::new(partition());
    run.put(&batch(&mut anew, &["x"])).await.unwrap();
    run.stop(&[partition()]).await.unwrap();
    assert_eq!(lines(dir.path()).len(), 4);
}

#[tokio::test]
async fn offsets_that_a_user_sets_hold() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = start(&dir, &[]).await;
    let mut batches = TextSinkBatch::new(partition());
    run.put(&batch(&mut batches, &["a", "b", "c"]))
        .await
        .unwrap();
    run.stop(&[partition()]).await.unwrap();
    let mut properties = properties(&dir.path().display().to_string(), &[]);
    properties.insert("name".to_owned(), "test".to_owned());
    for (offset, expected) in [(Some(1), Some(1)), (None, None)] {
        let offsets = [(partition(), offset)].into_iter().collect();
        let sink = FileSink::default();
        assert!(sink.alter_offsets(&properties, &offsets).await.unwrap());
        let run = start(&dir, &[]).await;
        assert_eq!(
            run.requests().rewind.get(&partition()).copied(),
            expected,
            "{offset:?}"
        );
        run.stop(&[partition()]).await.unwrap();
    }
}
