use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use millrace_api::{Column, SourceRun};

use super::{Archive, Entry, Files};
use crate::book::{self, Book};
use crate::headers::Headers;
use crate::identity::FileId;
use crate::packed::Packing;
use crate::state::FileState;

const fn id(inode: u64) -> FileId {
    FileId { device: 1, inode }
}

/// Files with these inodes.
fn files<const N: usize>(inodes: [u64; N]) -> Files {
    let mut files = Files::default();
    for inode in inodes {
        insert(&mut files, inode);
    }
    files
}

fn insert(files: &mut Files, inode: u64) {
    let path: Arc<Path> = Path::new(&format!("/l/{inode}.log")).into();
    let book = Arc::new(Book::new(Arc::clone(&path), Vec::new()));
    let run = SourceRun {
        end: 0,
        topic: "lines".into(),
        partition: None,
        source: book::partition(id(inode), &book),
        key: Column::Null,
        value: Column::Null,
        headers: None,
    };
    let headers = Headers::new([].into(), Arc::clone(&path), "host".into(), id(inode));
    let state = FileState::new(0, Duration::ZERO);
    files.insert(id(inode), Entry::new(path, state, book, run, headers));
}

fn after(files: &Files, inode: u64) -> Option<FileId> {
    files.get(id(inode)).unwrap().after
}

#[test]
fn a_file_waits_for_one_other() {
    let mut files = files([1, 2, 3]);
    files.put_after(id(2), id(1));
    files.put_after(id(2), id(3));
    assert_eq!(after(&files, 2), Some(id(1)));
    files.put_after(id(1), id(2));
    assert_eq!(after(&files, 1), None, "no circle");
    files.make_ready(id(2));
    assert!(!files.has_work());
    files.let_follow(id(1));
    assert_eq!(files.take_closed(9), [id(2)]);
}

#[test]
fn who_got_the_inode_of_a_file_that_waited_waits_for_somebody_else() {
    let mut files = files([1, 2, 3]);
    files.put_after(id(3), id(1));
    files.remove(id(3));
    insert(&mut files, 3);
    files.put_after(id(3), id(2));
    files.let_follow(id(1));
    assert_eq!(after(&files, 3), Some(id(2)));
}

#[test]
fn who_is_put_behind_another_leaves_the_line() {
    let mut files = files([1, 2]);
    files.make_ready(id(2));
    files.put_after(id(2), id(1));
    assert_eq!(files.take_closed(9), []);
    files.let_follow(id(1));
    assert_eq!(files.take_closed(9), [id(2)]);
}

#[test]
fn a_copy_is_read_between_a_file_and_the_one_before_it() {
    let mut files = files([1, 2, 3]);
    files.put_after(id(2), id(1));
    files.put_between(id(3), id(2));
    assert_eq!(
        (after(&files, 2), after(&files, 3)),
        (Some(id(3)), Some(id(1)))
    );
    files.let_follow(id(1));
    assert_eq!(files.take_closed(9), [id(3)]);
    files.let_follow(id(3));
    assert_eq!(files.take_closed(9), [id(2)]);
}

#[test]
fn who_waits_for_a_file_that_goes_waits_for_whom_that_waited_for() {
    let mut files = files([1, 2, 3]);
    files.put_after(id(2), id(1));
    files.put_after(id(3), id(2));
    files.remove(id(2));
    assert_eq!(after(&files, 3), Some(id(1)));
    files.remove(id(1));
    assert_eq!(files.take_closed(9), [id(3)]);
}

#[test]
fn an_archive_with_the_inode_of_a_file_that_stood_in_the_line_is_opened_as_an_archive() {
    let mut files = files([1]);
    files.make_ready(id(1));
    files.remove(id(1));
    insert(&mut files, 1);
    files.get_mut(id(1)).unwrap().archive = Some(Archive {
        packing: Packing::Gzip,
        len: 100,
        settled: false,
        told: false,
    });
    files.make_ready(id(1));
    assert_eq!(files.take_closed(9), []);
    assert_eq!(files.next_packed(), Some(id(1)));
    files.get_mut(id(1)).unwrap().archive = None;
    files.after_turn(id(1), false);
    files.make_ready(id(1));
    assert_eq!(files.next_packed(), None);
    assert_eq!(files.take_closed(9), [id(1)]);
}
