//! The source on files that grow, are rotated, cut, deleted and replaced.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod common;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant, UNIX_EPOCH};

use common::{Tail, closed, first_look, idle, lines, lines_up_to};
use serde_json::json;

#[tokio::test]
async fn lines_come_soon_after_they_are_written() {
    let tail = Tail::new(&[("scan.interval.ms", "60000")]);
    tail.append("a.log", "first\n");
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 1).await, ["first"]);
    let mut writer = tail.writer("a.log");
    let writing = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        writer.write_all(b"second\nunfinished").unwrap();
        Instant::now()
    });
    assert_eq!(lines(&mut run, 1).await, ["second"]);
    let delay = writing.await.unwrap().elapsed();
    assert!(
        delay < Duration::from_secs(30),
        "woken, not by the look: {delay:?}"
    );
    tail.append("a.log", " line\n");
    assert_eq!(lines(&mut run, 1).await, ["unfinished line"]);
    tail.append("new.log", "found while running\n");
    assert_eq!(lines(&mut run, 1).await, ["found while running"]);
    run.stop().await;
}

#[tokio::test]
async fn without_a_watch_files_are_looked_at() {
    let tail = Tail::new(&[("watch", "false")]);
    let mut run = tail.start().await;
    tail.append("a.log", "one\n");
    assert_eq!(lines(&mut run, 1).await, ["one"]);
    tail.append("a.log", "two\n");
    assert_eq!(lines(&mut run, 1).await, ["two"]);
    run.stop().await;
}

#[tokio::test]
async fn files_are_chosen_by_globs() {
    let mut tail = Tail::new(&[]);
    let include = format!(
        "{},{}",
        tail.path("a/*.{log,txt}").display(),
        tail.path("b/**/*.log").display()
    );
    tail.set("include", &include);
    tail.set("exclude", &tail.path("**/debug*").display().to_string());
    for name in [
        "a/1.log",
        "a/2.txt",
        "a/3.gz",
        "a/debug.log",
        "b/c/d/4.log",
        "c/5.log",
    ] {
        fs::create_dir_all(tail.path(name).parent().unwrap()).unwrap();
        tail.append(name, format!("{name}\n"));
    }
    let mut run = tail.start().await;
    let mut read = lines(&mut run, 3).await;
    fs::create_dir(tail.path("b/new")).unwrap();
    tail.append("b/new/6.log", "b/new/6.log\n");
    read.extend(lines(&mut run, 1).await);
    read.sort();
    assert_eq!(read, ["a/1.log", "a/2.txt", "b/c/d/4.log", "b/new/6.log"]);
    run.stop().await;
}

#[tokio::test]
async fn a_start_at_the_end_is_for_what_is_there() {
    let tail = Tail::new(&[("start.position", "end")]);
    tail.append("a.log", "old\nhalf of ");
    let mut run = tail.start().await;
    first_look(&tail, &mut run, |text| text.as_bytes().to_vec()).await;
    tail.append("a.log", "a line\nnew\n");
    assert_eq!(lines_up_to(&mut run, "new").await, ["new"]);
    tail.append("b.log", "from its beginning\n");
    let read = lines_up_to(&mut run, "beginning").await;
    assert_eq!(read, ["from its beginning"]);
    run.stop().await;
}

#[tokio::test]
async fn files_go_on_where_flume_stopped() {
    let mut tail = Tail::new(&[]);
    for name in ["a.log", "b.log", "c.log", "d.log"] {
        tail.append(name, format!("{name} one\n{name} two\n"));
    }
    tail.rename("b.log", "b.log.1");
    let inode = |name: &str| fs::metadata(tail.path(name)).unwrap().ino();
    let position = |name: &str, was: &str, pos: u64| json!({"inode": inode(name), "pos": pos, "file": tail.path(was)});
    // Of c.log's inode there was another file, which ended elsewhere; of d.log's one that was longer.
    let positions = json!([
        position("a.log", "a.log", 10),
        position("b.log.1", "b.log", 10),
        position("c.log", "old.log", 7),
        position("d.log", "older.log", 1000),
    ]);
    let file = tail.path("taildir_position.json");
    fs::write(&file, positions.to_string()).unwrap();
    tail.set("start.from.flume", &file.display().to_string());
    let mut run = tail.start().await;
    let mut read = lines(&mut run, 6).await;
    read.sort();
    let expected = [
        "a.log two",
        "b.log two",
        "c.log one",
        "c.log two",
        "d.log one",
        "d.log two",
    ];
    assert_eq!(read, expected);
    run.acknowledge(6).await;
    run.stop().await;
    tail.append("a.log", "a.log three\n");
    let mut run = tail.start().await;
    assert_eq!(
        lines(&mut run, 1).await,
        ["a.log three"],
        "its own offset now counts"
    );
    run.stop().await;
}

#[tokio::test]
async fn utf16_is_read_on_over_a_restart() {
    let tail = Tail::new(&[]);
    let units =
        |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_be_bytes).collect() };
    tail.append(
        "a.log",
        [
            b"\xfe\xff",
            &units("caf\u{e9}\r\n\u{65e5}\u{672c}\nhal")[..],
        ]
        .concat(),
    );
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 2).await, ["caf\u{e9}", "\u{65e5}\u{672c}"]);
    run.acknowledge(2).await;
    run.stop().await;
    tail.append("a.log", units("f\nlast\n"));
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 2).await, ["half", "last"]);
    run.stop().await;
}

#[tokio::test]
async fn a_start_at_the_end_of_utf16() {
    let tail = Tail::new(&[("start.position", "end"), ("encoding", "utf-16le")]);
    let units =
        |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    tail.append("a.log", units("old\n"));
    tail.append("b.log", &units("old\nhalf of \u{e9}")[..25]);
    let mut run = tail.start().await;
    first_look(&tail, &mut run, units).await;
    tail.append("a.log", units("new\n"));
    tail.append(
        "b.log",
        [&units("\u{e9}")[1..], &units(" line\nof b\n")[..]].concat(),
    );
    let mut read = lines_up_to(&mut run, "").await;
    while read.len() < 2 {
        read.extend(lines_up_to(&mut run, "").await);
    }
    read.sort();
    assert_eq!(read, ["new", "of b"]);
    run.stop().await;
}

#[tokio::test]
async fn rotation_by_rename_loses_and_doubles_nothing() {
    for include in ["*.log", "*"] {
        let mut tail = Tail::new(&[]);
        tail.set("include", &tail.path(include).display().to_string());
        let mut run = tail.start().await;
        let mut writer = tail.writer("a.log");
        writer.write_all(b"one\n").unwrap();
        assert_eq!(lines(&mut run, 1).await, ["one"]);
        tail.rename("a.log", "a.log.1");
        // Whoever writes holds the old file for a moment more.
        writer.write_all(b"two\n").unwrap();
        tail.append("a.log", "three\n");
        assert_eq!(lines(&mut run, 2).await, ["two", "three"], "{include}");
        writer.write_all(b"late\n").unwrap();
        assert_eq!(lines(&mut run, 1).await, ["late"]);
        for round in 2..6 {
            tail.rename(&format!("a.log.{}", round - 1), &format!("a.log.{round}"));
            tail.rename("a.log", "a.log.1");
            tail.append("a.log", format!("round {round}\n"));
            assert_eq!(lines(&mut run, 1).await, [format!("round {round}")]);
            tail.remove(&format!("a.log.{round}"));
            tail.rename("a.log.1", &format!("a.log.{round}"));
        }
        run.stop().await;
    }
}

#[tokio::test]
async fn copy_and_truncate() {
    let tail = Tail::new(&[]);
    let mut writer = tail.writer("a.log");
    writer.write_all(b"one\ntwo\n").unwrap();
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 2).await, ["one", "two"]);
    tail.copy_truncate("a.log", "a.log.1");
    writer
        .write_all(b"three, longer than the two before\n")
        .unwrap();
    assert_eq!(
        lines(&mut run, 1).await,
        ["three, longer than the two before"]
    );
    run.acknowledge(3).await;
    assert_eq!(tail.offsets.all()[0].1["position"], 34);
    run.stop().await;
}

#[tokio::test]
async fn what_was_not_read_before_a_cut_is_read_from_the_copy() {
    let tail = Tail::new(&[]);
    let mut writer = tail.writer("a.log");
    writer.write_all(b"one\ntwo\n").unwrap();
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 2).await, ["one", "two"]);
    // While nobody polls.
    writer.write_all(b"three\n").unwrap();
    tail.copy_truncate("a.log", "a.log.1");
    writer.write_all(b"four\n").unwrap();
    assert_eq!(lines(&mut run, 2).await, ["three", "four"]);
    run.acknowledge(4).await;
    run.stop().await;
    // While nobody runs.
    writer.write_all(b"five\n").unwrap();
    tail.copy_truncate("a.log", "a.log.2");
    writer
        .write_all(b"six, and longer than the lines before it\n")
        .unwrap();
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 2).await[0], "five");
    run.acknowledge(1).await;
    run.stop().await;
    let mut run = tail.start().await;
    assert_eq!(
        lines(&mut run, 1).await,
        ["six, and longer than the lines before it"]
    );
    run.stop().await;
}

#[tokio::test]
async fn a_file_deleted_while_open_is_read_to_its_end() {
    let tail = Tail::new(&[]);
    let mut writer = tail.writer("a.log");
    writer.write_all(b"one\n").unwrap();
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 1).await, ["one"]);
    tail.remove("a.log");
    writer.write_all(b"two\nlast, without an end").unwrap();
    assert_eq!(lines(&mut run, 2).await, ["two", "last, without an end"]);
    tail.append("a.log", "another\n");
    assert_eq!(lines(&mut run, 1).await, ["another"]);
    run.stop().await;
}

#[tokio::test]
async fn equal_heads_are_not_one_file() {
    let tail = Tail::new(&[]);
    let head = "# the same banner in each file, and more than is remembered of a file\n".repeat(40);
    for name in ["a.log", "b.log"] {
        tail.append(name, format!("{head}{name}\n"));
    }
    let mut run = tail.start().await;
    let read = lines(&mut run, 82).await;
    assert_eq!(read.iter().filter(|line| line.ends_with(".log")).count(), 2);
    run.acknowledge(82).await;
    run.stop().await;
    tail.append("a.log", "more of a\n");
    tail.append("b.log", "more of b\n");
    let mut run = tail.start().await;
    let mut read = lines(&mut run, 2).await;
    read.sort();
    assert_eq!(read, ["more of a", "more of b"]);
    run.stop().await;
}

#[tokio::test]
async fn an_inode_that_is_used_again_is_another_file() {
    let tail = Tail::new(&[]);
    let path = tail.path("a.log");
    tail.append("a.log", "the first file\n");
    let inode = fs::metadata(&path).unwrap().ino();
    let device = fs::metadata(&path).unwrap().dev();
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 1).await, ["the first file"]);
    run.acknowledge(1).await;
    run.stop().await;
    // As if the inode had been given to another file while nobody looked: same inode, other and longer contents.
    fs::write(&path, "a second file that is longer\n").unwrap();
    assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
    assert_eq!(tail.offsets.all()[0].0["device"], json!(device));
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 1).await, ["a second file that is longer"]);
    run.stop().await;
}

#[tokio::test]
async fn an_inode_that_is_used_again_by_a_file_that_is_not_meant() {
    let tail = Tail::new(&[("close.inactive.ms", "50"), ("watch", "false")]);
    tail.append("a.log", "one\n");
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 1).await, ["one"]);
    closed(&tail, &mut run, "a.log").await;
    tail.rename("a.log", "a.bin");
    fs::write(tail.path("a.bin"), "not the file\nthat was read\n").unwrap();
    idle(&mut run).await;
    run.stop().await;
}

#[tokio::test]
async fn an_inode_of_an_empty_file_that_is_used_again_by_a_file_that_is_not_meant() {
    let tail = Tail::new(&[("close.inactive.ms", "50"), ("watch", "false")]);
    tail.append("a.log", "");
    let mut run = tail.start().await;
    closed(&tail, &mut run, "a.log").await;
    // The inode is free now, and goes to one of the next files, as a rule to the first.
    let inode = fs::metadata(tail.path("a.log")).unwrap().ino();
    tail.remove("a.log");
    let again = (0..100).find(|number| {
        let path = tail.path(&format!("{number}.gz"));
        fs::write(&path, "packed\n").unwrap();
        fs::metadata(path).unwrap().ino() == inode
    });
    if again.is_some() {
        idle(&mut run).await;
        idle(&mut run).await;
    }
    tail.append("b.log", "one\n");
    assert_eq!(lines(&mut run, 1).await, ["one"]);
    run.stop().await;
}

#[tokio::test]
async fn what_was_rotated_while_nobody_looked_is_read_first() {
    let tail = Tail::new(&[]);
    tail.append("a.log", "one\ntwo\n");
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 2).await, ["one", "two"]);
    run.acknowledge(1).await;
    run.stop().await;
    tail.append("a.log", "three\n");
    tail.rename("a.log", "a.log-20261121");
    tail.append("a.log", "four\n");
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 3).await, ["two", "three", "four"]);
    run.stop().await;
}

#[tokio::test]
async fn generations_found_together_come_oldest_first() {
    let mut tail = Tail::new(&[]);
    tail.set("include", &tail.path("*").display().to_string());
    let last_writes = (1_000_000..).step_by(60);
    for (name, written) in ["a.log.2", "a.log.1", "a.log"].into_iter().zip(last_writes) {
        let all: String = (0..3000)
            .map(|number| format!("{name} {number}\n"))
            .collect();
        tail.append(name, all);
        let file = tail.writer(name);
        file.set_modified(UNIX_EPOCH + Duration::from_secs(written))
            .unwrap();
    }
    let mut run = tail.start().await;
    let read = lines(&mut run, 9000).await;
    assert!(read[..3000].iter().all(|line| line.starts_with("a.log.2 ")));
    assert!(
        read[3000..6000]
            .iter()
            .all(|line| line.starts_with("a.log.1 "))
    );
    assert!(read[6000..].iter().all(|line| line.starts_with("a.log ")));
    run.stop().await;
}

#[tokio::test]
async fn who_waits_for_a_deleted_file_waits_for_the_older_one_that_has_its_inode() {
    let mut tail = Tail::new(&[("open.files.max", "1"), ("batch.size", "1")]);
    tail.set("include", &tail.path("*").display().to_string());
    let text = |name: &str| -> String { (0..50).map(|line| format!("{name} {line}\n")).collect() };
    let write = |name: &str, hour: u64| {
        tail.append_at(hour, name, text(name));
        fs::metadata(tail.path(name)).unwrap().ino()
    };
    let inode = write("a.log.1", 2);
    write("a.log", 3);
    write("b.log", 3);
    let mut run = tail.start().await;
    // Of the two that can be read, each closes the other.
    while !lines(&mut run, 1).await[0].starts_with("a.log.1 ") {}
    while !lines(&mut run, 1).await[0].starts_with("b.log ") {}
    tail.remove("a.log.1");
    if write("a.log.2", 1) != inode {
        run.stop().await;
        return;
    }
    let read = lines_up_to(&mut run, "a.log 49").await;
    let first = |name: &str| read.iter().position(|line| line.starts_with(name));
    let last = read.iter().rposition(|line| line.starts_with("a.log.2 "));
    assert!(last.is_some() && last < first("a.log "), "{read:?}");
    run.stop().await;
}

#[tokio::test]
async fn few_open_files_read_many() {
    let tail = Tail::new(&[("open.files.max", "3")]);
    for number in 0..50 {
        tail.append(
            &format!("{number}.log"),
            format!("{number} a\n{number} b\n"),
        );
    }
    let mut run = tail.start().await;
    let mut read = lines(&mut run, 100).await;
    for number in 0..50 {
        tail.append(&format!("{number}.log"), format!("{number} c\n"));
    }
    read.extend(lines(&mut run, 50).await);
    for number in 0..50 {
        let own: Vec<_> = read
            .iter()
            .filter(|line| line.starts_with(&format!("{number} ")))
            .collect();
        assert_eq!(
            own,
            [
                &format!("{number} a"),
                &format!("{number} b"),
                &format!("{number} c")
            ]
        );
    }
    run.stop().await;
}

#[tokio::test]
async fn a_large_file_does_not_starve_others() {
    let tail = Tail::new(&[]);
    let line = format!("{}\n", "x".repeat(99));
    tail.append("large.log", line.repeat(100_000));
    tail.append("small.log", "small\n");
    let mut run = tail.start().await;
    let first = lines(&mut run, 20_000).await;
    assert!(first.iter().any(|line| line == "small"));
    run.stop().await;
}

#[tokio::test]
async fn a_last_line_without_an_end_counts_after_its_time() {
    let tail = Tail::new(&[("last.line.timeout.ms", "100")]);
    tail.append("a.log", "one\r\ntwo");
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 2).await, ["one", "two"]);
    tail.append("a.log", "three\n");
    assert_eq!(lines(&mut run, 1).await, ["three"]);
    run.stop().await;
}

#[tokio::test]
async fn topics_follow_from_the_name_first_found() {
    let mut tail = Tail::new(&[("topic", "logs-${1}"), ("path.regex", "/([^/]*)\\.log")]);
    tail.set("include", &tail.path("*").display().to_string());
    tail.append("shop.log", "one\n");
    let mut run = tail.start().await;
    let first = run.poll_records(1).await.unwrap();
    assert_eq!(first[0].topic, "logs-shop");
    run.acknowledge(1).await;
    tail.append("shop.log", "two\n");
    tail.rename("shop.log", "other.log");
    assert_eq!(run.poll_records(1).await.unwrap()[0].topic, "logs-shop");
    run.acknowledge(1).await;
    run.stop().await;
    tail.append("other.log", "three\n");
    let mut run = tail.start().await;
    assert_eq!(run.poll_records(1).await.unwrap()[0].topic, "logs-shop");
    run.stop().await;
}

#[tokio::test]
async fn several_lines_are_one_record() {
    let tail = Tail::new(&[("multiline", "stacktrace"), ("multiline.timeout.ms", "100")]);
    tail.append(
        "a.log",
        "INFO one\nERROR two\n\tat a.B.c(B.java:1)\nCaused by: x\n",
    );
    let mut run = tail.start().await;
    let trace = "ERROR two\n\tat a.B.c(B.java:1)\nCaused by: x";
    assert_eq!(lines(&mut run, 2).await, ["INFO one", trace]);
    tail.append("a.log", "WARN begun");
    idle(&mut run).await;
    tail.append("a.log", " and ended\nINFO next\n");
    assert_eq!(
        lines(&mut run, 2).await,
        ["WARN begun and ended", "INFO next"]
    );
    // A group ends with its file.
    tail.append("a.log", "ERROR last\n\tat it");
    tail.rename("a.log", "a.log.1");
    tail.append("a.log", "INFO first of the new file\n");
    let mut read = lines(&mut run, 2).await;
    read.sort();
    assert_eq!(read, ["ERROR last\n\tat it", "INFO first of the new file"]);
    run.acknowledge(6).await;
    run.stop().await;
}

#[tokio::test]
async fn quiet_files_are_closed_and_opened_again() {
    let tail = Tail::new(&[("close.inactive.ms", "50"), ("watch", "false")]);
    tail.append("a.log", "one\n");
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 1).await, ["one"]);
    closed(&tail, &mut run, "a.log").await;
    tail.append("a.log", "two\n");
    assert_eq!(lines(&mut run, 1).await, ["two"]);
    run.stop().await;
}

#[tokio::test]
async fn old_files_are_left_out_until_they_are_written_to() {
    let tail = Tail::new(&[("ignore.older.ms", "60000")]);
    tail.append("old.log", "old\n");
    let old = UNIX_EPOCH + Duration::from_secs(1_000_000);
    let file = OpenOptions::new()
        .write(true)
        .open(tail.path("old.log"))
        .unwrap();
    file.set_modified(old).unwrap();
    tail.append("new.log", "new\n");
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 1).await, ["new"]);
    tail.append("old.log", "again\n");
    assert_eq!(lines(&mut run, 2).await, ["old", "again"]);
    run.stop().await;
}

#[tokio::test]
async fn a_file_that_cannot_be_read_yet_stops_no_other() {
    use std::os::unix::fs::PermissionsExt;
    let tail = Tail::new(&[]);
    tail.append("a.log", "hidden\n");
    tail.append("b.log", "open\n");
    fs::set_permissions(tail.path("a.log"), fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(tail.path("a.log")).is_ok() {
        // Permissions mean nothing to root.
        return;
    }
    let mut run = tail.start().await;
    assert_eq!(lines(&mut run, 1).await, ["open"]);
    fs::set_permissions(tail.path("a.log"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(lines(&mut run, 1).await, ["hidden"]);
    run.stop().await;
}
