//! What becomes of files and of what they hold.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::path::Path;
use std::time::{Duration, Instant};

use millrace_api::Properties;
use millrace_spool::SpoolDir;
use millrace_testkit::{MemoryOffsets, SourceRun, properties};
use tempfile::TempDir;

struct Spool {
    dir: TempDir,
    properties: Properties,
    offsets: MemoryOffsets,
}

impl Spool {
    fn new(pairs: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().display().to_string();
        let base = [
            ("folder", folder.as_str()),
            ("topic", "t"),
            ("stable.ms", "0"),
            ("scan.interval.ms", "10"),
        ];
        Self {
            properties: properties(base.iter().chain(pairs)),
            dir,
            offsets: MemoryOffsets::default(),
        }
    }

    async fn start(&self) -> SourceRun<SpoolDir> {
        SourceRun::start(SpoolDir::default(), &self.properties, &self.offsets)
            .await
            .unwrap()
    }

    /// A file that appears whole.
    fn put(&self, name: &str, text: &str) {
        let writing = self.dir.path().join(".writing");
        std::fs::write(&writing, text).unwrap();
        std::fs::rename(writing, self.dir.path().join(name)).unwrap();
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.dir.path().join(folder)) else {
            return Vec::new();
        };
        let files = entries
            .map(Result::unwrap)
            .filter(|entry| entry.path().is_file());
        let mut names: Vec<String> = files
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

async fn values(run: &mut SourceRun<SpoolDir>, count: usize) -> Vec<String> {
    let records = run.poll_records(count).await.unwrap();
    records
        .into_iter()
        .map(|record| record.value.unwrap_or_default())
        .collect()
}

/// Polls until `is_so`.
async fn until(run: &mut SourceRun<SpoolDir>, is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < end, "waited in vain");
        let polling = tokio::time::timeout(Duration::from_millis(30), run.task().poll());
        if let Ok(polled) = polling.await {
            assert!(polled.unwrap().is_none_or(|batch| batch.is_empty()));
        }
    }
}

#[tokio::test]
async fn files_come_whole_in_order_and_go_when_all_of_them_is_acknowledged() {
    for (when_done, left, done) in [
        ("move", &[][..], &["a", "b"][..]),
        ("delete", &[], &[]),
        ("mark", &["a.COMPLETED", "b.COMPLETED"], &[]),
    ] {
        let spool = Spool::new(&[("when.done", when_done)]);
        spool.put("b", "3\n");
        spool.put("a", "1\n2");
        spool.put("c.tmp", "no\n");
        let mut run = spool.start().await;
        assert_eq!(values(&mut run, 3).await, ["1", "2", "3"]);
        run.acknowledge(1).await;
        assert_eq!(spool.names(""), ["a", "b", "c.tmp"]);
        run.acknowledge(2).await;
        let is_left = || {
            let mut names = spool.names("");
            names.retain(|name| name != "c.tmp");
            names == left
        };
        until(&mut run, is_left).await;
        assert_eq!(spool.names("done"), done, "{when_done}");
        // A new file of an old name is another file.
        spool.put("a", "4\n");
        assert_eq!(values(&mut run, 1).await, ["4"]);
        run.stop().await;
    }
}

#[tokio::test]
async fn a_restart_goes_on_behind_what_was_acknowledged_and_forgets_no_file() {
    let spool = Spool::new(&[]);
    spool.put("a", "1\n2\n3\n");
    let mut run = spool.start().await;
    values(&mut run, 3).await;
    run.acknowledge(2).await;
    run.stop().await;
    let mut run = spool.start().await;
    assert_eq!(values(&mut run, 1).await, ["3"]);
    // A kill between the acknowledgement and the moving leaves a file that has nothing more to give.
    drop(run);
    let last = spool.start().await;
    drop(last);
    let mut run = spool.start().await;
    assert_eq!(values(&mut run, 1).await, ["3"]);
    run.acknowledge(1).await;
    until(&mut run, || spool.names("").is_empty()).await;
    assert_eq!(spool.names("done"), ["a"]);
    run.stop().await;
}

#[tokio::test]
async fn a_file_that_is_written_to_is_not_read() {
    let spool = Spool::new(&[("stable.ms", "2000")]);
    let growing = spool.dir.path().join("a");
    let mut run = spool.start().await;
    for line in 0..30 {
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&growing)
            .unwrap();
        std::io::Write::write_all(&mut file, format!("{line}\n").as_bytes()).unwrap();
        let polled = tokio::time::timeout(Duration::from_millis(20), run.task().poll()).await;
        assert!(polled.is_err(), "line {line}");
    }
    assert_eq!(values(&mut run, 30).await.len(), 30);
    run.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_set_aside_left_out_or_fails() {
    let bad = "{\"a\":1}\nno json\n{\"a\":2}\n";
    let spool = Spool::new(&[("format", "json")]);
    spool.put("bad", bad);
    spool.put("good", "\n[3]\n");
    let mut run = spool.start().await;
    assert_eq!(values(&mut run, 2).await.len(), 2);
    assert_eq!(spool.names("failed"), [""; 0]);
    run.acknowledge(2).await;
    until(&mut run, || spool.names("").is_empty()).await;
    assert_eq!(spool.names("failed"), ["bad"]);
    assert_eq!(spool.names("done"), ["good"]);
    run.stop().await;

    let spool = Spool::new(&[("format", "json"), ("on.invalid", "skip")]);
    spool.put("bad", bad);
    let mut run = spool.start().await;
    assert_eq!(values(&mut run, 2).await.len(), 2);
    run.acknowledge(2).await;
    until(&mut run, || spool.names("done") == ["bad"]).await;
    run.stop().await;

    let spool = Spool::new(&[("format", "json"), ("on.invalid", "fail")]);
    spool.put("bad", bad);
    let mut run = spool.start().await;
    assert_eq!(values(&mut run, 1).await.len(), 1);
    let failed = run.poll().await.unwrap_err().to_string();
    assert!(
        failed.contains("at byte 8") && failed.contains("on.invalid"),
        "{failed}"
    );
    run.stop().await;
    assert_eq!(spool.names(""), ["bad"]);
}

#[tokio::test]
async fn rows_of_csv_are_structures_and_whole_files_are_bytes() {
    let spool = Spool::new(&[("format", "csv"), ("csv.separator", ";")]);
    spool.put("a.csv", "id;name\r\n1;\"A;\r\nB\"\r\n2;C\r\n");
    let mut run = spool.start().await;
    let rows = values(&mut run, 2).await;
    assert_eq!(rows, ["Struct{id=1,name=A;\r\nB}", "Struct{id=2,name=C}"]);
    run.acknowledge(1).await;
    run.stop().await;
    let mut run = spool.start().await;
    assert_eq!(values(&mut run, 1).await, rows[1..]);
    run.stop().await;

    let spool = Spool::new(&[("format", "csv")]);
    spool.put("wrong", "id,id\n1,2\n");
    spool.put("short", "id,name\n1\n");
    let mut run = spool.start().await;
    until(&mut run, || spool.names("failed").len() == 2).await;
    run.stop().await;

    let spool = Spool::new(&[("format", "file"), ("key.file.name", "true")]);
    spool.put("a", "one\ntwo\n");
    spool.put("b", "");
    let mut run = spool.start().await;
    assert_eq!(values(&mut run, 1).await, ["one\ntwo\n"]);
    run.acknowledge(1).await;
    until(&mut run, || spool.names("done") == ["a", "b"]).await;
    run.stop().await;
}

#[tokio::test]
async fn a_huge_file_is_read_in_batches_and_acknowledged_in_any_order_of_files() {
    let spool = Spool::new(&[("batch.size", "1000")]);
    let lines: String = (0..50_000).map(|line| format!("{line}\n")).collect();
    spool.put("huge", &lines);
    spool.put("last", "x\n");
    let mut run = spool.start().await;
    let read = values(&mut run, 50_001).await;
    assert!(
        read.iter()
            .take(50_000)
            .enumerate()
            .all(|(line, text)| *text == line.to_string())
    );
    run.acknowledge(50_001).await;
    until(&mut run, || spool.names("").is_empty()).await;
    run.stop().await;
    assert!(Path::new(spool.dir.path()).join("done/huge").exists());
}
