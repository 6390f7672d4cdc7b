use std::io::Write;

use proptest::prelude::*;
use tempfile::NamedTempFile;

use super::*;

/// A file that unpacks to `text`, of several members or frames.
fn packed(text: &[u8], packing: Packing, parts: usize) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    for part in text.chunks((text.len() / parts).max(1)) {
        let part = match packing {
            Packing::Gzip => {
                let level = flate2::Compression::fast();
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(part).unwrap();
                encoder.finish().unwrap()
            }
            Packing::Zstd => zstd::encode_all(part, 1).unwrap(),
        };
        file.write_all(&part).unwrap();
    }
    file
}

fn unpack(file: &NamedTempFile, packing: Packing, room: usize) -> Unpacked {
    let file = file.reopen().unwrap();
    let len = file.metadata().unwrap().len();
    Unpacked::new(Arc::new(file), len, packing, room).unwrap()
}

/// Bytes that compress badly, no two places alike.
fn text(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

fn both(check: impl Fn(Packing)) {
    for packing in [Packing::Gzip, Packing::Zstd] {
        check(packing);
    }
}

#[test]
fn names_of_compressed_files() {
    for (name, expected) in [
        ("/l/a.log.1.gz", Some(Packing::Gzip)),
        ("/l/a.zst", Some(Packing::Zstd)),
        ("/l/a.zstd", Some(Packing::Zstd)),
        ("/l/a.log", None),
        ("/l/gz", None),
        ("/l/.gz", None),
    ] {
        assert_eq!(Packing::of(Path::new(name)), expected, "{name}");
    }
}

#[test]
fn what_stands_behind_the_floor_is_read_again() {
    both(|packing| {
        let text = text(3 * BLOCK);
        let file = packed(&text, packing, 3);
        let mut unpacked = unpack(&file, packing, BLOCK);
        let mut room = vec![0; BLOCK];
        for at in [0, 100, 5000, 100, BLOCK / 2] {
            assert_eq!(unpacked.read_at(&mut room, at as u64).unwrap(), BLOCK);
            assert_eq!(room, text[at..at + BLOCK]);
        }
        assert_eq!(unpacked.head(), &text[..HEAD_MAX]);
        let at = text.len() - 10;
        unpacked.forget_before(at as u64);
        assert_eq!(unpacked.read_at(&mut room, at as u64).unwrap(), 10);
        assert_eq!(room[..10], text[at..]);
        assert!(matches!(unpacked.end(), Some(End::Whole)));
        assert_eq!(unpacked.len(), text.len() as u64);
        assert_eq!(
            unpacked.read_at(&mut room[..HEAD_MAX], 0).unwrap(),
            HEAD_MAX
        );
        assert_eq!(room[..HEAD_MAX], text[..HEAD_MAX]);
        assert!(unpacked.read_at(&mut room, 2000).is_err(), "not kept");
    });
}

#[test]
fn the_beginning_of_a_long_line_is_read_after_its_end_was_found() {
    both(|packing| {
        let text = text(9 * BLOCK + 77);
        let file = packed(&text, packing, 1);
        let room = 2 * BLOCK;
        let mut unpacked = unpack(&file, packing, room);
        let mut block = vec![0; BLOCK];
        let start = 333;
        unpacked.forget_before(start);
        for turn in 0..8 {
            let at = start + turn * BLOCK as u64;
            assert_eq!(unpacked.read_at(&mut block, at).unwrap(), BLOCK);
        }
        let mut beginning = vec![0; room];
        assert_eq!(unpacked.read_at(&mut beginning, start).unwrap(), room);
        assert_eq!(beginning, text[333..333 + room]);
        // The end was in the last block that was searched.
        let next = start as usize + 7 * BLOCK + 5;
        unpacked.forget_before(next as u64);
        assert_eq!(unpacked.read_at(&mut block, next as u64).unwrap(), BLOCK);
        assert_eq!(block, text[next..next + BLOCK]);
    });
}

#[test]
fn what_was_read_before_is_skipped() {
    both(|packing| {
        let text = text(3 * BLOCK);
        let file = packed(&text, packing, 1);
        let never = AtomicBool::new(false);
        for position in [0, 10, HEAD_MAX, 2 * BLOCK + 9, text.len(), text.len() + 9] {
            let mut unpacked = unpack(&file, packing, 0);
            unpacked.skip_to(position as u64, &never);
            let mut room = vec![0; BLOCK];
            let read = unpacked.read_at(&mut room, position as u64).unwrap();
            let expected = text.get(position..).unwrap_or_default();
            assert_eq!(room[..read], expected[..expected.len().min(BLOCK)]);
            assert_eq!(unpacked.head(), &text[..HEAD_MAX]);
        }
        let mut unpacked = unpack(&file, packing, 0);
        unpacked.skip_to(text.len() as u64, &AtomicBool::new(true));
        assert!(unpacked.end().is_none(), "nobody wants it any more");
        assert!(has_at(file.path(), packing, 1000, &text[900..1000]));
        assert!(!has_at(file.path(), packing, 1001, &text[900..1000]));
        assert!(!has_at(
            file.path(),
            packing,
            text.len() as u64 + 1,
            &text[900..1000]
        ));
    });
}

#[test]
fn a_file_that_is_cut_off_gives_what_is_there() {
    both(|packing| {
        let text = text(2 * BLOCK);
        let file = packed(&text, packing, 1);
        let len = file.as_file().metadata().unwrap().len();
        file.as_file().set_len(len / 2).unwrap();
        let mut unpacked = unpack(&file, packing, 0);
        let mut room = vec![0; 3 * BLOCK];
        let read = unpacked.read_at(&mut room, 0).unwrap();
        assert!(read > HEAD_MAX && read < text.len());
        assert_eq!(room[..read], text[..read]);
        assert!(matches!(unpacked.end(), Some(End::Damaged(_))));
        assert_eq!(
            &*first_bytes(file.path(), packing).unwrap(),
            &text[..HEAD_MAX]
        );
        for rest in [20, 0] {
            file.as_file().set_len(rest).unwrap();
            let error = first_bytes(file.path(), packing).unwrap_err();
            assert_eq!(
                error.kind(),
                io::ErrorKind::UnexpectedEof,
                "{packing:?} {rest}"
            );
        }
        std::fs::write(file.path(), "a line\n").unwrap();
        assert!(first_bytes(file.path(), packing).is_err());
    });
}

#[test]
fn nothing_unpacks_to_nothing() {
    both(|packing| {
        let mut file = NamedTempFile::new().unwrap();
        let nothing = match packing {
            Packing::Gzip => flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast())
                .finish()
                .unwrap(),
            Packing::Zstd => zstd::encode_all(&[][..], 1).unwrap(),
        };
        file.write_all(&nothing).unwrap();
        assert_eq!(&*first_bytes(file.path(), packing).unwrap(), b"");
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Reads as a reader of lines does: from the position, again from there with more, then on from behind.
    #[test]
    fn any_reads_from_the_floor_on_give_what_is_there(
        len in 0..3 * BLOCK,
        parts in 1..4_usize,
        steps in prop::collection::vec((0..BLOCK, 1..BLOCK + 1), 1..20),
    ) {
        let text = text(len);
        for packing in [Packing::Gzip, Packing::Zstd] {
            let file = packed(&text, packing, parts);
            let mut unpacked = unpack(&file, packing, 2 * BLOCK);
            if len == 0 {
                continue;
            }
            let mut floor = 0;
            for (forward, want) in &steps {
                let mut room = vec![0; *want];
                let read = unpacked.read_at(&mut room, floor as u64).unwrap();
                let expected = &text[floor..];
                prop_assert_eq!(&room[..read], &expected[..expected.len().min(*want)]);
                floor = (floor + forward).min(len);
                unpacked.forget_before(floor as u64);
            }
        }
    }
}
