use log::Level;
use tempfile::TempDir;

use super::*;
use crate::line::Draft;

/// Chunks of ten lines; every tenth line is exempt.
fn chunk(first: u64) -> Chunk {
    let mut chunk = Chunk::on(Vec::with_capacity(64 << 10));
    for sequence in first..first + 10 {
        let value = format!("line {sequence} {}", "x".repeat(900));
        let exempt = sequence % 10 == 0;
        let draft = Draft {
            level: if exempt { Level::Error } else { Level::Info },
            exempt,
            timestamp: 1,
            key: Some(b"host"),
            header_count: 0,
            headers: &[],
            numbered: true,
            value: value.as_bytes(),
        };
        chunk.push(&draft, sequence);
    }
    chunk
}

fn open(folder: &TempDir, limit: u64) -> Spill {
    Spill::open(folder.path(), limit).unwrap().unwrap()
}

/// Reads all that is left and gives back the numbers of its lines.
fn read_all(spill: &mut Spill) -> Vec<u64> {
    let mut all = Vec::new();
    while let Some((chunk, _)) = spill.read().unwrap() {
        all.extend(chunk.lines().map(|line| line.sequence));
    }
    all
}

fn files(folder: &TempDir) -> usize {
    let entries = fs::read_dir(folder.path()).unwrap();
    entries
        .filter(|entry| segment::number(&entry.as_ref().unwrap().path()).is_some())
        .count()
}

#[test]
fn chunks_come_back_in_order_over_segments_and_leave_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let mut spill = open(&folder, 1 << 20);
    for first in (0..500).step_by(10) {
        spill.append(&chunk(first)).unwrap();
    }
    assert!(files(&folder) > 2);
    let mut seen = Vec::new();
    while let Some((chunk, place)) = spill.read().unwrap() {
        seen.extend(chunk.lines().map(|line| line.sequence));
        assert!(spill.is_own(place));
        spill.delivered(place).unwrap();
    }
    assert_eq!(seen, (0..500).collect::<Vec<_>>());
    assert_eq!((spill.bytes(), files(&folder)), (0, 0));
    spill.append(&chunk(500)).unwrap();
    assert_eq!(read_all(&mut spill), (500..510).collect::<Vec<_>>());
}

#[test]
fn what_a_process_left_behind_is_read_first_and_only_what_was_not_delivered() {
    let folder = TempDir::new().unwrap();
    let mut spill = open(&folder, 1 << 20);
    for first in (0..300).step_by(10) {
        spill.append(&chunk(first)).unwrap();
    }
    for _ in 0..12 {
        let (_, place) = spill.read().unwrap().unwrap();
        spill.delivered(place).unwrap();
    }
    drop(spill);
    let mut spill = open(&folder, 1 << 20);
    assert_eq!(spill.recovered, 180);
    assert!(spill.has_inherited());
    spill.append(&chunk(300)).unwrap();
    assert_eq!(read_all(&mut spill), (120..310).collect::<Vec<_>>());
    assert!(!spill.has_unread());
}

#[test]
fn what_is_in_flight_is_read_by_the_next_process_only() {
    let folder = TempDir::new().unwrap();
    let mut spill = open(&folder, 1 << 20);
    let first = spill.append_in_flight(&chunk(0)).unwrap();
    spill.append_in_flight(&chunk(10)).unwrap();
    assert!(!spill.has_unread());
    spill.append(&chunk(20)).unwrap();
    assert_eq!(read_all(&mut spill), (20..30).collect::<Vec<_>>());
    spill.delivered(first).unwrap();
    drop(spill);
    assert_eq!(
        read_all(&mut open(&folder, 1 << 20)),
        (10..30).collect::<Vec<_>>()
    );
}

#[test]
fn an_empty_spill_is_opened_again_after_all_was_delivered() {
    let folder = TempDir::new().unwrap();
    for round in 0..3 {
        let mut spill = open(&folder, 1 << 20);
        assert_eq!(spill.recovered, 0);
        spill.append(&chunk(round * 10)).unwrap();
        let (read, place) = spill.read().unwrap().unwrap();
        assert_eq!(read.lines().next().unwrap().sequence, round * 10);
        spill.delivered(place).unwrap();
    }
}

#[test]
fn a_torn_tail_is_cut_off_wherever_it_is_torn() {
    let (whole, first) = {
        let folder = TempDir::new().unwrap();
        let mut spill = open(&folder, 1 << 20);
        let first = spill.append(&chunk(0)).unwrap();
        spill.append(&chunk(10)).unwrap();
        let whole = fs::read(segment::path(folder.path(), 1)).unwrap();
        (whole, usize::try_from(first.end).unwrap())
    };
    for length in [first, first + 1, first + 19, first + 20, whole.len() - 1] {
        let folder = TempDir::new().unwrap();
        fs::write(segment::path(folder.path(), 1), &whole[..length]).unwrap();
        let mut spill = open(&folder, 1 << 20);
        assert_eq!((spill.recovered, spill.cut), (10, (length - first) as u64));
        spill.append(&chunk(10)).unwrap();
        assert_eq!(
            read_all(&mut spill),
            (0..20).collect::<Vec<_>>(),
            "torn at {length}"
        );
    }
}

#[test]
fn what_is_damaged_is_left_out_and_counted() {
    let folder = TempDir::new().unwrap();
    let mut spill = open(&folder, 1 << 20);
    let mut places = Vec::new();
    for first in (0..300).step_by(10) {
        places.push(spill.append(&chunk(first)).unwrap());
    }
    let last = places.iter().filter(|place| place.segment == 1).count();
    let file = OpenOptions::new()
        .write(true)
        .open(segment::path(folder.path(), 1))
        .unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"?", places[1].end + HEADER + 40).unwrap();
    let left = read_all(&mut spill);
    let expected: Vec<_> = (0..20).chain(last as u64 * 10..300).collect();
    assert_eq!(left, expected);
    assert_eq!(spill.take_damaged(), 300 - left.len() as u64);
    assert_eq!(spill.take_damaged(), 0);
}

#[test]
fn a_folder_has_one_user() {
    let folder = TempDir::new().unwrap();
    let first = open(&folder, 1 << 20);
    assert!(Spill::open(folder.path(), 1 << 20).unwrap().is_none());
    drop(first);
    open(&folder, 1 << 20);
}

#[test]
fn the_oldest_lines_make_way_but_not_exempt_ones() {
    let folder = TempDir::new().unwrap();
    let mut spill = open(&folder, 600 << 10);
    let mut written = 0;
    while spill.has_room(&chunk(written)) {
        spill.append(&chunk(written)).unwrap();
        written += 10;
    }
    let (first, _) = spill.read().unwrap().unwrap();
    assert_eq!(first.lines().next().unwrap().sequence, 0);
    let dropped = spill.evict().unwrap();
    assert!(dropped > 0 && spill.has_room(&chunk(written)));
    let left = read_all(&mut spill);
    assert_eq!(left.len() as u64 + dropped + 10, written);
    assert!(left.is_sorted());
    let exempt = left.iter().filter(|sequence| **sequence % 10 == 0).count();
    assert_eq!(exempt as u64, written / 10 - 1);
}

#[test]
fn bytes_on_disk_never_exceed_the_limit() {
    let folder = TempDir::new().unwrap();
    let mut spill = open(&folder, 300 << 10);
    let mut first = 0;
    while spill.has_room(&chunk(first)) {
        spill.append(&chunk(first)).unwrap();
        first += 10;
    }
    let entries = fs::read_dir(folder.path()).unwrap();
    let on_disk: u64 = entries
        .filter(|entry| segment::number(&entry.as_ref().unwrap().path()).is_some())
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert!(on_disk <= 300 << 10 && on_disk > 250 << 10, "{on_disk}");
    assert_eq!(on_disk, spill.bytes());
}
