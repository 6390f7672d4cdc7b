//! What is remembered of a file for its offsets.
//!
//! A row's mark is the position behind it, in bytes, and above that the number of the file's generation: a file that
//! is cut and written anew starts another one. The offset map is built from a mark when offsets are committed, possibly
//! long after the file has gone on, so the book keeps the heads of the last generations.
//!
//! ```text
//! mark        generation (15 bits) << 48 | position (48 bits)
//! partition   {"device": 2049, "inode": 1311}
//! offset      {"position": 4711, "path": "/var/log/a.log", "head": "9ae1…", "head.length": 1024}
//! ```
//!
//! Positions and heads of a compressed file are of what it unpacks to. Once it was read to its end, its offset has its
//! own length too, as `packed.length`: as long as that is the same, nobody has to unpack it again to see that it is done.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millrace_api::{ConnectError, OffsetMap, SourcePartition};
use serde_json::Value;

use crate::identity::{FileId, HEAD_MAX, Head, TAIL_MAX};

const DEVICE: &str = "device";
const INODE: &str = "inode";
const POSITION: &str = "position";
const PATH: &str = "path";
const HEAD: &str = "head";
const HEAD_LENGTH: &str = "head.length";
const PACKED_LENGTH: &str = "packed.length";

const POSITION_BITS: u32 = 48;
const GENERATIONS: u32 = 1 << 15;
/// Generations whose rows may still wait for their acknowledgement.
const KEPT: usize = 8;

/// What is remembered of one file.
#[derive(Debug)]
pub(crate) struct Book {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: Arc<Path>,
    /// The last ones, the present one at the end.
    generations: VecDeque<Generation>,
}

#[derive(Debug)]
struct Generation {
    number: u32,
    /// The first bytes of what was handed out.
    head: Vec<u8>,
    /// The last bytes of what was handed out.
    tail: Vec<u8>,
    /// Bytes that were handed out.
    position: u64,
}

/// How far a file was handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HandedOut {
    pub(crate) position: u64,
    /// The bytes before the position, as far as they are remembered.
    pub(crate) tail: Vec<u8>,
    /// It is the present generation, not one that was cut.
    pub(crate) is_present: bool,
}

impl Book {
    /// Of a file that begins with `head`, as far as it was handed out.
    pub(crate) fn new(path: Arc<Path>, head: Vec<u8>) -> Self {
        Self {
            inner: Mutex::new(Inner {
                path,
                generations: VecDeque::from([Generation {
                    number: 0,
                    head,
                    tail: Vec::new(),
                    position: 0,
                }]),
            }),
        }
    }

    /// The name under which the file was first found.
    pub(crate) fn path(&self) -> Arc<Path> {
        Arc::clone(&self.lock().path)
    }

    /// The file is another one, first found under this name.
    pub(crate) fn found_as(&self, path: Arc<Path>) {
        self.lock().path = path;
    }

    /// The file was cut and begins anew.
    pub(crate) fn begin_generation(&self) {
        let mut inner = self.lock();
        let last = inner
            .generations
            .back()
            .map_or(0, |generation| generation.number);
        inner.generations.push_back(Generation {
            number: (last + 1) % GENERATIONS,
            head: Vec::new(),
            tail: Vec::new(),
            position: 0,
        });
        while inner.generations.len() > KEPT {
            inner.generations.pop_front();
        }
    }

    /// Remembers what was handed out last.
    pub(crate) fn remember_last(&self, bytes: &[u8]) {
        let last = &bytes[bytes.len().saturating_sub(TAIL_MAX)..];
        if let Some(generation) = self.lock().generations.back_mut() {
            generation.tail.clear();
            generation.tail.extend_from_slice(last);
        }
    }

    /// The first and the last bytes that were handed out of the present generation, as far as they are remembered.
    pub(crate) fn ends(&self) -> (Head, Vec<u8>) {
        let inner = self.lock();
        let generation = inner.generations.back();
        generation.map_or((Head::of(&[]), Vec::new()), |generation| {
            (Head::of(&generation.head), generation.tail.clone())
        })
    }

    /// How far the generation was handed out that begins as a file does whose first bytes are `bytes`, as far as it was
    /// handed out; none if there is none. The file may be a copy of it.
    pub(crate) fn of_copy(&self, bytes: &[u8]) -> Option<HandedOut> {
        let inner = self.lock();
        let generations = inner.generations.iter().rev().enumerate();
        let begins_so = |generation: &Generation| {
            !generation.head.is_empty() && bytes.starts_with(&generation.head)
        };
        let mut of_copy = generations.filter(|(_, generation)| begins_so(generation));
        of_copy.next().map(|(back, generation)| HandedOut {
            position: generation.position,
            tail: generation.tail.clone(),
            is_present: back == 0,
        })
    }

    /// Whether a file that begins with `bytes` still is this one.
    pub(crate) fn matches(&self, bytes: &[u8]) -> bool {
        self.lock()
            .generations
            .back()
            .is_none_or(|generation| bytes.starts_with(&generation.head))
    }

    /// Remembers the file's first bytes, of which `position` were handed out.
    pub(crate) fn remember(&self, bytes: &[u8], position: u64) {
        let known = usize::try_from(position).unwrap_or(HEAD_MAX);
        let known = known.min(HEAD_MAX).min(bytes.len());
        if let Some(generation) = self.lock().generations.back_mut() {
            generation.position = position;
            if generation.head.len() < known {
                let more = &bytes[generation.head.len()..known];
                generation.head.reserve_exact(more.len());
                generation.head.extend_from_slice(more);
            }
        }
    }

    /// The offset of the present generation from which it is read on at `position`.
    pub(crate) fn offset_at(&self, position: u64) -> OffsetMap {
        self.offset(self.marks().at(position))
    }

    /// The offset of a compressed file of `packed_len` bytes of which all was handed out.
    pub(crate) fn offset_at_end(&self, packed_len: u64) -> OffsetMap {
        let position = self
            .lock()
            .generations
            .back()
            .map_or(0, |last| last.position);
        let mut offset = self.offset_at(position);
        offset.insert(PACKED_LENGTH.to_owned(), packed_len.into());
        offset
    }

    /// The mark of a row behind which the file is read on at `position`.
    pub(crate) fn marks(&self) -> Marks {
        let number = self
            .lock()
            .generations
            .back()
            .map_or(0, |generation| generation.number);
        Marks {
            base: i64::from(number) << POSITION_BITS,
        }
    }

    fn offset(&self, mark: i64) -> OffsetMap {
        let inner = self.lock();
        let number = u32::try_from(mark >> POSITION_BITS).unwrap_or(0);
        let position = mark & ((1 << POSITION_BITS) - 1);
        let mut generations = inner.generations.iter();
        let head = generations
            .find(|generation| generation.number == number)
            .map_or(&[][..], |generation| &generation.head);
        let handed_out = usize::try_from(position).unwrap_or(HEAD_MAX);
        offset(
            position,
            &inner.path,
            Head::of(&head[..head.len().min(handed_out)]),
        )
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the marks of one generation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marks {
    base: i64,
}

impl Marks {
    /// The mark of `position`.
    #[inline]
    pub(crate) fn at(self, position: u64) -> i64 {
        self.base | (position & ((1 << POSITION_BITS) - 1)) as i64
    }
}

/// The source partition of a file, with offsets from its book.
pub(crate) fn partition(id: FileId, book: &Arc<Book>) -> SourcePartition {
    let book = Arc::clone(book);
    SourcePartition::new(partition_map(id), move |mark| book.offset(mark))
}

/// The source partition of a file, as it is stored.
pub(crate) fn partition_map(id: FileId) -> OffsetMap {
    [
        (DEVICE.to_owned(), Value::from(id.device)),
        (INODE.to_owned(), Value::from(id.inode)),
    ]
    .into_iter()
    .collect()
}

fn offset(position: i64, path: &Path, head: Head) -> OffsetMap {
    [
        (POSITION.to_owned(), Value::from(position)),
        (PATH.to_owned(), path.to_string_lossy().into()),
        (HEAD.to_owned(), format!("{:016x}", head.crc).into()),
        (HEAD_LENGTH.to_owned(), head.len.into()),
    ]
    .into_iter()
    .collect()
}

/// An offset as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) position: u64,
    /// None in an offset that a user has written without it.
    pub(crate) head: Option<Head>,
    /// The name under which the file was first found.
    pub(crate) path: Option<String>,
    /// The length of a compressed file that was read to its end.
    pub(crate) packed_len: Option<u64>,
}

/// Reads a stored offset.
///
/// # Errors
/// When it has no position, or one that is no byte position.
pub(crate) fn stored(offset: &OffsetMap) -> Result<Stored, ConnectError> {
    let position = offset
        .get(POSITION)
        .and_then(Value::as_u64)
        .filter(|position| position >> POSITION_BITS == 0)
        .ok_or_else(|| {
            ConnectError::connect(format!(
                "an offset must have a '{POSITION}' in bytes, from 0 to 2^{POSITION_BITS}; {} has none",
                Value::from(offset.clone())
            ))
        })?;
    let crc = offset.get(HEAD).and_then(Value::as_str);
    let crc = crc.and_then(|hex| u64::from_str_radix(hex, 16).ok());
    let len = offset.get(HEAD_LENGTH).and_then(Value::as_u64);
    let head = crc.zip(len).map(|(crc, len)| Head {
        crc,
        len: usize::try_from(len).unwrap_or(HEAD_MAX).min(HEAD_MAX),
    });
    let path = offset.get(PATH).and_then(Value::as_str).map(str::to_owned);
    Ok(Stored {
        position,
        head,
        path,
        packed_len: offset.get(PACKED_LENGTH).and_then(Value::as_u64),
    })
}

/// The file that a stored partition is of; none if it is no file.
pub(crate) fn file_of(partition: &OffsetMap) -> Option<FileId> {
    let number = |key| partition.get(key).and_then(Value::as_u64);
    Some(FileId {
        device: number(DEVICE)?,
        inode: number(INODE)?,
    })
}

/// Checks an offset that a user wants to store.
///
/// # Errors
/// When partition or offset are not of the form that this connector stores.
pub(crate) fn check_altered(
    partition: Option<&OffsetMap>,
    offset: Option<&OffsetMap>,
) -> Result<(), ConnectError> {
    let Some(offset) = offset else { return Ok(()) };
    stored(offset)?;
    if partition.and_then(file_of).is_some() {
        return Ok(());
    }
    Err(ConnectError::connect(format!(
        "a partition must have '{DEVICE}' and '{INODE}' of a file, as numbers (stat shows both)"
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: &Value) -> OffsetMap {
        value.as_object().unwrap().clone()
    }

    fn book() -> Arc<Book> {
        Arc::new(Book::new(Path::new("/l/a.log").into(), Vec::new()))
    }

    #[test]
    fn offsets_are_of_the_generation_of_their_row() {
        let book = book();
        let source = partition(
            FileId {
                device: 1,
                inode: 2,
            },
            &book,
        );
        assert_eq!(
            Value::from(source.partition().clone()),
            json!({"device": 1, "inode": 2})
        );
        book.remember(b"one\ntwo\nthr", 8);
        let old = book.marks().at(8);
        book.begin_generation();
        book.remember(b"new\n", 4);
        let new = book.marks().at(4);
        book.found_as(Path::new("/l/a.log.1").into());

        let old = stored(&source.offset(old)).unwrap();
        assert_eq!((old.position, old.head), (8, Some(Head::of(b"one\ntwo\n"))));
        let new = stored(&source.offset(new)).unwrap();
        assert_eq!((new.position, new.head), (4, Some(Head::of(b"new\n"))));
        assert_eq!(new.path.as_deref(), Some("/l/a.log.1"));
    }

    #[test]
    fn the_head_of_an_offset_ends_where_its_row_ends() {
        let book = book();
        book.remember(b"one\ntwo\n", 8);
        let first = stored(&book.offset(book.marks().at(4))).unwrap();
        assert_eq!(first.head, Some(Head::of(b"one\n")));
        let long = vec![b'x'; 3000];
        book.remember(&[b"one\ntwo\n", &long[..]].concat(), 5000);
        let later = stored(&book.offset(book.marks().at(5000))).unwrap();
        assert_eq!(later.head.unwrap().len, HEAD_MAX);
    }

    #[test]
    fn altered_offsets() {
        let file = json!({"device": 1, "inode": 2});
        for (partition, offset, accepted) in [
            (file.clone(), json!({"position": 0}), true),
            (file.clone(), json!(null), true),
            (json!(null), json!(null), true),
            (file.clone(), json!({}), false),
            (file.clone(), json!({"position": "1"}), false),
            (file.clone(), json!({"position": -1}), false),
            (file, json!({"position": 1_u64 << 50}), false),
            (json!({"device": 1}), json!({"position": 1}), false),
            (json!(null), json!({"position": 1}), false),
        ] {
            let verdict = check_altered(partition.as_object(), offset.as_object());
            assert_eq!(verdict.is_ok(), accepted, "{partition} {offset}");
        }
        let plain = stored(&object(&json!({"position": 7}))).unwrap();
        assert_eq!((plain.position, plain.head), (7, None));
    }
}
