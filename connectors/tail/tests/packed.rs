//! Rotated files that were compressed: what was read before is not read again, what was not is read on.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod common;

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use common::{Tail, closed, idle, lines, lines_up_to};
use flate2::Compression;
use flate2::write::GzEncoder;
use millrace_tail::FileTail;
use millrace_testkit::SourceRun;
use serde_json::json;

/// Reads all files, whatever they are called.
fn tail(keys: &[(&str, &str)]) -> Tail {
    let mut tail = Tail::new(keys);
    tail.set("include", &tail.path("*").display().to_string());
    tail
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Does what gzip(1) does: the new file is as old as the other, which is deleted then.
fn pack(tail: &Tail, from: &str, to: &str) {
    let text = fs::read_to_string(tail.path(from)).unwrap();
    let mut file = File::create(tail.path(to)).unwrap();
    match to.ends_with(".gz") {
        true => file.write_all(&gzip(&text)).unwrap(),
        false => file
            .write_all(&zstd::encode_all(text.as_bytes(), 1).unwrap())
            .unwrap(),
    }
    let written = fs::metadata(tail.path(from)).unwrap().modified().unwrap();
    file.set_modified(written).unwrap();
    tail.remove(from);
}

/// Nothing more comes, and nothing is done any more.
async fn nothing_more(run: &mut SourceRun<FileTail>) {
    for _ in 0..4 {
        idle(run).await;
    }
}

#[tokio::test]
async fn generations_are_unpacked_oldest_first() {
    let tail = tail(&[]);
    let text =
        |name: &str| -> String { (0..2000).map(|line| format!("{name} {line}\n")).collect() };
    let names = ["a.log.3", "a.log.2", "a.log.1", "a.log"];
    for (name, hour) in names.into_iter().zip(1..) {
        tail.append_at(hour, name, text(name));
    }
    pack(&tail, "a.log.3", "a.log.3.gz");
    pack(&tail, "a.log.2", "a.log.2.zst");
    let mut run = tail.start().await;
    let read = lines(&mut run, 8000).await;
    let expected: String = names.into_iter().map(text).collect();
    assert!(read.iter().eq(expected.lines().collect::<Vec<_>>().iter()));
    run.stop().await;
}

#[tokio::test]
async fn what_was_read_before_it_was_packed_is_not_read_again() {
    for again in ["running", "stopped"] {
        let tail = tail(&[]);
        tail.append("a.log", "one\ntwo\n");
        let mut run = tail.start().await;
        assert_eq!(lines(&mut run, 2).await, ["one", "two"]);
        run.acknowledge(2).await;
        if again == "stopped" {
            run.stop().await;
            tail.rename("a.log", "a.log.1");
            pack(&tail, "a.log.1", "a.log.1.gz");
            run = tail.start().await;
        } else {
            tail.rename("a.log", "a.log.1");
            pack(&tail, "a.log.1", "a.log.1.gz");
        }
        nothing_more(&mut run).await;
        // The inode of the first one is free.
        tail.append("a.log", "three\n");
        assert_eq!(lines(&mut run, 1).await, ["three"], "{again}");
        run.acknowledge(1).await;
        run.stop().await;
        tail.rename("a.log.1.gz", "a.log.2.gz");
        tail.append("a.log", "four\n");
        let mut run = tail.start().await;
        assert_eq!(lines(&mut run, 1).await, ["four"], "{again}");
        run.stop().await;
    }
}

#[tokio::test]
async fn what_was_not_read_before_it_was_packed_is_read_on() {
    for kind in ["gz", "zst"] {
        let tail = tail(&[]);
        tail.append("a.log", "one\ntwo\nthr");
        let mut run = tail.start().await;
        assert_eq!(lines(&mut run, 2).await, ["one", "two"]);
        run.acknowledge(1).await;
        run.stop().await;
        tail.append("a.log", "ee\nfour");
        tail.rename("a.log", "a.log.1");
        pack(&tail, "a.log.1", &format!("a.log.1.{kind}"));
        tail.append("a.log", "five\n");
        let mut run = tail.start().await;
        let read = lines(&mut run, 4).await;
        assert_eq!(read, ["two", "three", "four", "five"], "{kind}");
        run.acknowledge(2).await;
        run.stop().await;
        let mut run = tail.start().await;
        assert_eq!(lines(&mut run, 2).await, ["four", "five"], "{kind}");
        run.stop().await;
    }
}

#[tokio::test]
async fn a_closed_file_that_is_packed_is_read_on_though_its_inode_is_used_again() {
    let tail = tail(&[
        ("close.inactive.ms", "50"),
        ("watch", "false"),
        ("batch.size", "1"),
    ]);
    tail.append("a.log", "one\ntwo\n");
    let inode = fs::metadata(tail.path("a.log")).unwrap().ino();
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 1).await, ["one"]);
    assert_eq!(lines(&mut run, 1).await, ["two"]);
    closed(&tail, &mut run, "a.log").await;
    // Nobody polls meanwhile, so that all of this is found by one look.
    tail.append("a.log", "three\n");
    pack(&tail, "a.log", "a.log.1.gz");
    tail.append("a.log", "four\n");
    if fs::metadata(tail.path("a.log")).unwrap().ino() != inode {
        run.stop().await;
        return;
    }
    assert_eq!(lines_up_to(&mut run, "four").await, ["three", "four"]);
    nothing_more(&mut run).await;
    run.stop().await;
}

#[tokio::test]
async fn a_file_that_was_read_by_an_earlier_task_is_packed_while_another_runs() {
    for inode_is_used_again in [false, true] {
        let tail = tail(&[]);
        tail.append("a.log.1", "one\ntwo\n");
        tail.append("a.log", "three\n");
        let mut run = tail.start().await;
        assert_eq!(lines(&mut run, 3).await.len(), 3);
        run.acknowledge(3).await;
        run.stop().await;
        let mut run = tail.start().await;
        nothing_more(&mut run).await;
        pack(&tail, "a.log.1", "a.log.1.gz");
        if inode_is_used_again {
            tail.append("b.log", "of another log\n");
            assert_eq!(lines(&mut run, 1).await, ["of another log"]);
        }
        nothing_more(&mut run).await;
        run.stop().await;
    }
}

#[tokio::test]
async fn a_file_that_is_gone_before_its_archive_is_whole() {
    let tail = tail(&[("close.inactive.ms", "50"), ("watch", "false")]);
    tail.append("a.log", "one\ntwo\n");
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 2).await, ["one", "two"]);
    closed(&tail, &mut run, "a.log").await;
    let packed = gzip("one\ntwo\nthree\n");
    tail.remove("a.log");
    fs::write(tail.path("a.log.1.gz"), &packed[..15]).unwrap();
    nothing_more(&mut run).await;
    fs::write(tail.path("a.log.1.gz"), &packed).unwrap();
    assert_eq!(lines(&mut run, 1).await, ["three"]);
    nothing_more(&mut run).await;
    run.stop().await;
}

#[tokio::test]
async fn who_waits_for_a_file_waits_for_its_archive() {
    for rotate in [false, true] {
        let tail = tail(&[("open.files.max", "1"), ("batch.size", "1")]);
        let text =
            |name: &str| -> String { (0..50).map(|line| format!("{name} {line}\n")).collect() };
        for (name, hour) in [("a.log.1", 2), ("a.log", 3), ("b.log", 3)] {
            tail.append_at(hour, name, text(name));
        }
        let mut run = tail.start().await;
        // Of the two that can be read, each closes the other.
        let mut read = Vec::new();
        while !read
            .iter()
            .any(|line: &String| line.starts_with("a.log.1 "))
        {
            read.extend(lines(&mut run, 1).await);
        }
        while !read.last().unwrap().starts_with("b.log ") {
            read.extend(lines(&mut run, 1).await);
        }
        if rotate {
            pack(&tail, "a.log.1", "a.log.2.gz");
            tail.rename("a.log", "a.log.1");
            tail.append("a.log", "new\n");
        } else {
            pack(&tail, "a.log.1", "a.log.1.gz");
        }
        let last = if rotate { "new" } else { "a.log 49" };
        read.extend(lines_up_to(&mut run, last).await);
        read.retain(|line| !line.starts_with("b.log "));
        let mut expected = text("a.log.1") + &text("a.log");
        expected += if rotate { "new\n" } else { "" };
        assert!(
            read.iter().eq(expected.lines().collect::<Vec<_>>().iter()),
            "{read:?}"
        );
        run.stop().await;
    }
}

#[tokio::test]
async fn what_is_packed_while_it_waits_keeps_its_place() {
    let tail = tail(&[("batch.size", "10")]);
    let text =
        |name: &str| -> String { (0..9000).map(|line| format!("{name} {line}\n")).collect() };
    let names = ["a.log.2", "a.log.1", "a.log"];
    for (name, hour) in names.into_iter().zip(1..) {
        tail.append_at(hour, name, text(name));
    }
    pack(&tail, "a.log.2", "a.log.2.gz");
    let mut run = tail.start().await;
    let mut read = lines(&mut run, 1).await;
    pack(&tail, "a.log.1", "a.log.1.gz");
    // Looks are taken in while the oldest one is read.
    while read.len() < 9000 {
        read.extend(lines(&mut run, 1).await);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    read.extend(lines(&mut run, 27_000 - read.len()).await);
    let expected: String = names.into_iter().map(text).collect();
    let wrong = read
        .iter()
        .zip(expected.lines())
        .find(|(read, expected)| read != expected);
    assert_eq!(wrong, None);
    run.stop().await;
}

#[tokio::test]
async fn a_file_beside_its_archive_is_read_itself() {
    let tail = tail(&[]);
    tail.append("a.log.1", "one\ntwo\n");
    fs::write(tail.path("a.log.1.gz"), gzip("one\ntwo\n")).unwrap();
    // Under another name, too.
    fs::write(tail.path("a.old.gz"), gzip("one\ntwo\n")).unwrap();
    let mut run = tail.start().await;
    let mut read = lines(&mut run, 2).await;
    while read.len() < 4 {
        read.extend(lines(&mut run, 1).await);
    }
    read.sort();
    assert_eq!(
        read,
        ["one", "one", "two", "two"],
        "nothing told a.old.gz from another file"
    );
    run.acknowledge(4).await;
    fs::write(tail.path("a.older.gz"), gzip("one\ntwo\nthree\n")).unwrap();
    nothing_more(&mut run).await;
    tail.remove("a.log.1");
    assert_eq!(
        lines(&mut run, 1).await,
        ["three"],
        "once what it is a copy of is gone"
    );
    nothing_more(&mut run).await;
    run.stop().await;
}

#[tokio::test]
async fn files_with_equal_beginnings_are_told_apart() {
    let tail = tail(&[]);
    let banner = "the same in all\n".repeat(100);
    let old = format!("{banner}old 1\nold 2\n");
    tail.append("a.log", format!("{banner}new 1\n"));
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 101).await[100], "new 1");
    // One that was packed before anybody read it.
    fs::write(tail.path("a.log.2.gz"), gzip(&old)).unwrap();
    assert_eq!(lines(&mut run, 102).await[100..], ["old 1", "old 2"]);
    run.acknowledge(203).await;
    tail.append("a.log", "new 2\n");
    assert_eq!(lines(&mut run, 1).await, ["new 2"]);
    pack(&tail, "a.log", "a.log.1.gz");
    nothing_more(&mut run).await;
    run.stop().await;
}

#[tokio::test]
async fn a_damaged_archive_is_read_as_far_as_it_goes() {
    let tail = tail(&[]);
    let all: String = (0..200_000).map(|line| format!("{line}\n")).collect();
    let packed = gzip(&all);
    fs::write(tail.path("a.log.1.gz"), &packed[..packed.len() / 2]).unwrap();
    tail.append("a.log", "next\n");
    let mut run = tail.start().await;
    let mut read = lines_up_to(&mut run, "next").await;
    assert_eq!(
        read.pop().unwrap(),
        "next",
        "nobody waits for what cannot be had"
    );
    assert!(
        read.iter()
            .enumerate()
            .all(|(at, line)| at.to_string() == *line)
    );
    assert!((50_000..150_000).contains(&read.len()), "{}", read.len());
    nothing_more(&mut run).await;
    // Once it is whole, the rest comes.
    let mut file = tail.writer("a.log.1.gz");
    file.write_all(&packed[packed.len() / 2..]).unwrap();
    let rest = lines(&mut run, 200_000 - read.len()).await;
    assert_eq!(rest[0], read.len().to_string());
    assert_eq!(rest.last().unwrap(), "199999");
    fs::write(tail.path("b.gz"), "no archive\n").unwrap();
    nothing_more(&mut run).await;
    tail.append("a.log", "last\n");
    assert_eq!(lines(&mut run, 1).await, ["last"]);
    run.stop().await;
}

#[tokio::test]
async fn compressed_files_may_be_files_like_others() {
    let tail = tail(&[("compression", "none")]);
    fs::write(tail.path("a.gz"), "a line\n").unwrap();
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 1).await, ["a line"]);
    run.stop().await;
}

#[tokio::test]
async fn long_lines_of_compressed_files() {
    for (policy, expected) in [("truncate", "x".repeat(1000)), ("drop", "after".to_owned())] {
        let tail = tail(&[("max.line.bytes", "1000"), ("line.too.long", policy)]);
        let text = format!("before\n{}\nafter\nend", "x".repeat(3_000_000));
        fs::write(tail.path("a.gz"), gzip(&text)).unwrap();
        let mut run = tail.start().await;
        let read = lines_up_to(&mut run, "end").await;
        assert_eq!(read[0], "before");
        assert_eq!(read[1], expected);
        assert_eq!(read[read.len() - 2..], ["after", "end"]);
        nothing_more(&mut run).await;
        run.stop().await;
    }
}

#[tokio::test]
async fn a_start_at_the_end_leaves_out_archives_that_are_there() {
    let tail = tail(&[("start.position", "end")]);
    fs::write(tail.path("a.log.1.gz"), gzip("old\n")).unwrap();
    let mut run = tail.start().await;
    nothing_more(&mut run).await;
    fs::write(tail.path("b.log.1.gz"), gzip("new\n")).unwrap();
    assert_eq!(lines(&mut run, 1).await, ["new"]);
    nothing_more(&mut run).await;
    run.stop().await;
}

#[tokio::test]
async fn a_position_that_a_user_has_stored_counts() {
    let tail = tail(&[]);
    fs::write(tail.path("a.log.1.gz"), gzip("one\ntwo\n")).unwrap();
    let file = fs::metadata(tail.path("a.log.1.gz")).unwrap();
    let partition = json!({"device": file.dev(), "inode": file.ino()});
    let offset = json!({"position": 4}).as_object().unwrap().clone();
    tail.offsets.commit(partition.as_object().unwrap(), offset);
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 1).await, ["two"]);
    nothing_more(&mut run).await;
    run.stop().await;
}

#[tokio::test]
async fn nothing_is_stored_of_an_archive_of_nothing() {
    let tail = tail(&[]);
    fs::write(tail.path("a.log.1.gz"), gzip("")).unwrap();
    tail.append("a.log", "one\n");
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 1).await, ["one"]);
    nothing_more(&mut run).await;
    run.acknowledge(1).await;
    run.stop().await;
    let all = tail.offsets.all();
    assert_eq!(
        all.len(),
        1,
        "it would be that of any file with its inode: {all:?}"
    );
}

#[tokio::test]
async fn what_is_not_meant_is_read_on_where_it_was_begun() {
    // Only the log itself is meant; after the restart, the rest of it is in an archive.
    let tail = Tail::new(&[]);
    tail.append("a.log", "one\ntwo\n");
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 2).await, ["one", "two"]);
    run.acknowledge(2).await;
    run.stop().await;
    tail.append("a.log", "three\n");
    tail.rename("a.log", "a.log.1");
    pack(&tail, "a.log.1", "a.log.1.gz");
    fs::write(tail.path("a.other.gz"), gzip("not meant\n")).unwrap();
    tail.append("a.log", "four\n");
    let mut run = tail.start().await;
    assert_eq!(lines_up_to(&mut run, "four").await, ["three", "four"]);
    nothing_more(&mut run).await;
    run.stop().await;
}

#[tokio::test]
async fn the_packed_copy_of_a_log_that_was_cut() {
    let tail = tail(&[("watch", "false")]);
    tail.append("a.log", "one\ntwo\n");
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 2).await, ["one", "two"]);
    tail.append("a.log", "three\n");
    let copy = gzip("one\ntwo\nthree\n");
    assert_eq!(lines(&mut run, 1).await, ["three"]);
    fs::write(tail.path("a.log"), "four\n").unwrap();
    assert_eq!(lines(&mut run, 1).await, ["four"]);
    fs::write(tail.path("a.log.1.gz"), copy).unwrap();
    nothing_more(&mut run).await;
    run.stop().await;
}
