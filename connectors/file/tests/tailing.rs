//! The source on files that grow, shrink, vanish and are replaced.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use millrace_api::{OffsetMap, Properties};
use millrace_file::FileStreamSource;
use millrace_testkit::{MemoryOffsets, SourceRun};
use serde_json::json;
use tempfile::TempDir;

struct Tail {
    dir: TempDir,
    offsets: MemoryOffsets,
}

impl Tail {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            offsets: MemoryOffsets::default(),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("a.log")
    }

    fn partition(&self) -> OffsetMap {
        json!({ "filename": self.path() })
            .as_object()
            .unwrap()
            .clone()
    }

    async fn start(&self) -> SourceRun<FileStreamSource> {
        let properties = Properties::from([
            ("file".to_owned(), self.path().display().to_string()),
            ("topic".to_owned(), "lines".to_owned()),
        ]);
        SourceRun::start(FileStreamSource::default(), &properties, &self.offsets)
            .await
            .unwrap()
    }

    fn append(&self, bytes: impl AsRef<[u8]>) {
        append(&self.path(), bytes.as_ref());
    }
}

fn append(path: &Path, bytes: &[u8]) {
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap()
        .write_all(bytes)
        .unwrap();
}

async fn lines(run: &mut SourceRun<FileStreamSource>, count: usize) -> Vec<String> {
    let records = run.poll_records(count).await.unwrap();
    records
        .into_iter()
        .map(|record| record.value.unwrap())
        .collect()
}

#[tokio::test]
async fn lines_come_soon_after_they_are_written() {
    let tail = Tail::new();
    tail.append("first\n");
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 1).await, ["first"]);
    let mut shortest = Duration::MAX;
    // A loaded machine may hold one of them up, but not each.
    for round in 0..5 {
        let writer = tail.path();
        let line = format!("line {round}");
        let text = format!("{line}\n");
        let writing = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            append(&writer, text.as_bytes());
            Instant::now()
        });
        assert_eq!(lines(&mut run, 1).await, [line]);
        shortest = shortest.min(writing.await.unwrap().elapsed());
    }
    assert!(
        shortest < Duration::from_millis(900),
        "the watcher wakes before the rescan: {shortest:?}"
    );
    tail.append("unfinished");
    tail.append(" line\n");
    assert_eq!(lines(&mut run, 1).await, ["unfinished line"]);
    run.stop().await;
}

#[tokio::test]
async fn a_missing_file_is_waited_for() {
    let tail = Tail::new();
    let mut run = tail.start().await;
    let writer = tail.path();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        append(&writer, b"here\n");
    });
    assert_eq!(lines(&mut run, 1).await, ["here"]);
    run.stop().await;
}

#[tokio::test]
async fn a_truncated_file_is_read_from_its_start() {
    let tail = Tail::new();
    tail.append("one\ntwo\nbegun");
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 2).await, ["one", "two"]);
    OpenOptions::new()
        .write(true)
        .open(tail.path())
        .unwrap()
        .set_len(0)
        .unwrap();
    tail.append("new\n");
    assert_eq!(lines(&mut run, 1).await, ["new"]);
    run.acknowledge(3).await;
    assert_eq!(tail.offsets.all()[0].1["position"], 4);
    run.stop().await;
}

#[tokio::test]
async fn a_replaced_file_is_read_after_the_old_one_has_ended() {
    let tail = Tail::new();
    tail.append("one\n");
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 1).await, ["one"]);
    let rotated = tail.dir.path().join("a.log.1");
    fs::rename(tail.path(), &rotated).unwrap();
    tail.append("three\n");
    append(&rotated, b"two\n");
    assert_eq!(lines(&mut run, 2).await, ["two", "three"]);
    run.stop().await;
}

#[tokio::test]
async fn a_file_that_comes_after_its_name_was_gone_is_read() {
    let tail = Tail::new();
    tail.append("one\n");
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 1).await, ["one"]);
    let rotated = tail.dir.path().join("a.log.1");
    fs::rename(tail.path(), &rotated).unwrap();
    append(&rotated, b"two\n");
    assert_eq!(lines(&mut run, 1).await, ["two"]);
    fs::remove_file(&rotated).unwrap();
    tail.append("three\n");
    assert_eq!(lines(&mut run, 1).await, ["three"]);
    run.stop().await;
}

#[tokio::test]
async fn a_position_behind_the_end_means_another_file() {
    let tail = Tail::new();
    tail.append("short\n");
    tail.offsets.commit(
        &tail.partition(),
        json!({"position": 1000}).as_object().unwrap().clone(),
    );
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 1).await, ["short"]);
    run.stop().await;
}

#[tokio::test]
async fn a_position_that_is_no_number_fails_the_task() {
    let tail = Tail::new();
    tail.offsets.commit(
        &tail.partition(),
        json!({"position": "7"}).as_object().unwrap().clone(),
    );
    let properties = Properties::from([
        ("file".to_owned(), tail.path().display().to_string()),
        ("topic".to_owned(), "lines".to_owned()),
    ]);
    let refused = SourceRun::start(FileStreamSource::default(), &properties, &tail.offsets).await;
    assert!(
        refused
            .err()
            .is_some_and(|error| error.to_string().contains("64-bit"))
    );
}

#[tokio::test]
async fn no_line_is_stranded_by_the_batch_size() {
    let tail = Tail::new();
    let all: Vec<String> = (0..5_001).map(|number| format!("line {number}")).collect();
    tail.append(all.join("\n") + "\n");
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 5_001).await, all);
    run.stop().await;
}

#[tokio::test]
async fn a_named_pipe_is_read_as_it_is_written() {
    let tail = Tail::new();
    assert!(
        Command::new("mkfifo")
            .arg(tail.path())
            .status()
            .unwrap()
            .success()
    );
    let mut run = tail.start().await;
    let writer = tail.path();
    let writing = tokio::task::spawn_blocking(move || {
        for line in ["one\n", "two\n"] {
            OpenOptions::new()
                .write(true)
                .open(&writer)
                .unwrap()
                .write_all(line.as_bytes())
                .unwrap();
        }
    });
    assert_eq!(lines(&mut run, 2).await, ["one", "two"]);
    writing.await.unwrap();
    run.stop().await;
}
